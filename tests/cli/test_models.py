#!/usr/bin/env python3
"""Drives the commands on single models: test_models.py SPARLET. Checks exit codes, one-line errors, files and JSON."""
import array
import json
import subprocess
from pathlib import Path

from tool import DATA, TARGETS, TOOL, refused, run, run_all


def test_one_model():
    run("train", "--net", "linear", *DATA, "--epochs", 10, "--rate", 0.01, "--out", "m.spt")
    assert Path("m.float.spt").exists()
    for model, int8 in (("m.spt", True), ("m.float.spt", False)):
        found = json.loads(run("eval", model, *DATA, "--json").stdout)
        assert found["samples"] == 100 and found["int8"] is int8 and 0.3 < found["accuracy"] <= 1, found
    assert "accuracy" in run("eval", "m.spt", *DATA, "--split", "train").stdout
    run("predict", "m.spt", *DATA, "--out", "p.bin")
    assert Path("p.bin").stat().st_size == 100 * 10
    run("predict", "m.float.spt", *DATA, "--split", "validation", "--out", "f.bin")
    assert Path("f.bin").stat().st_size == 100 * 10 * 4
    cost = json.loads(run("cost", "m.spt", "--json").stdout)
    assert cost["size"] == Path("m.spt").stat().st_size and cost["macs"] == 7840, cost
    assert "density" in run("cost", "--net", "lenet5", "--sparsity", 0.5).stdout
    run("export", "m.float.spt", *DATA, "--out", "e.spt")
    assert Path("e.spt").read_bytes() == Path("m.spt").read_bytes()
    run("train", "--net", "linear", *DATA, "--epochs", 1, "--out", "m.foo")
    assert Path("m.foo").exists() and Path("m.foo.float.spt").exists()
    pruned = json.loads(run("train", "--net", "linear", *DATA, "--epochs", 2, "--prune", 0.75, "--out", "q.spt",
                            "--json").stdout)
    assert abs(pruned["sparsity"] - 0.75) < 1e-3, pruned["sparsity"]
    assert pruned["size"] < cost["size"]
    student = json.loads(run("train", "--net", "linear", *DATA, "--epochs", 2, "--optimizer", "rmsprop", "--schedule",
                             "one_cycle", "--set", "train.teacher=m.float.spt", "--set", "train.shift=1", "--out",
                             "s.spt", "--json").stdout)
    assert student["validation_error"] < 0.9, student
    again = ["train", "--net", "linear", *DATA, "--epochs", 1, "--out", "a.spt"]
    run(*again, "--set", "train.batch_size=100")
    whole = Path("a.spt").read_bytes()
    run(*again, "--batch", 100)
    assert Path("a.spt").read_bytes() == whole
    run(*again, "--batch", 50)
    assert Path("a.spt").read_bytes() != whole


def test_sequences():
    """Recurrent nets with lengths have no int8 form: told before training, trained as floats when asked."""
    Path("rnn.net").write_text("input x shape=[96,3]\ninput lengths shape=[1] dtype=i32\nparam w shape=[24,3]\n"
                               "param u shape=[24,8]\nparam b shape=[24]\nparam c shape=[24]\ngru r x w u b c lengths\n"
                               "part h r begin=768 shape=[8]\nparam o shape=[6,8]\nlinear out h o\n")
    rnn = ["train", "--net", "rnn.net", "--data", "gestures", "--train-samples", 600, "--validation-samples", 120,
           "--test-samples", 120, "--epochs", 8, "--out", "rnn.spt"]
    refused(*rnn, pieces=["lengths (input)", "int8", "quant.scheme=none"])
    run(*rnn, "--set", "quant.scheme=none", "--rate", 0.03)
    found = json.loads(run("eval", "rnn.spt", "--data", "gestures", "--test-samples", 120, "--json").stdout)
    assert found["accuracy"] > 0.25 and not found["int8"], found


def test_sparse():
    run("train", "--net", "mlp", *DATA, "--epochs", "1", "--out", "s.spt", "--json")
    dense = Path("s.float.spt").stat().st_size
    made = {}
    for form in ("dense", "masked", "coo", "csr", "automatic"):
        out = json.loads(run("convert", "s.float.spt", "--density", "0.05", "--format", form, "--out", "c.spt", "--json").stdout)
        made[form] = out["size"]
        assert out["size"] == Path("c.spt").stat().st_size and out["size_before"] == dense, out
        for layer in out["layers"]:
            assert form == "automatic" or layer["format"] == form, layer
        assert abs(sum(x["entries"] for x in out["layers"]) / sum(x["shape"][0] * x["shape"][1] for x in out["layers"]) - 0.05) < 1e-3
        error = json.loads(run("eval", "c.spt", *DATA, "--json").stdout)["error"]
        assert made.setdefault("error", error) == error, (form, error)
    assert made["csr"] < 0.15 * dense and made["csr"] < made["coo"] < 0.2 * dense, made
    run("convert", "c.spt", "--format", "csr", "--out", "c.spt")
    run("cost", "c.spt")
    run("export", "c.spt", *DATA, "--out", "e.spt")
    refused("convert", "c.spt", "--format", "crs", "--out", "o.spt", pieces=["crs", "csr"])
    refused("convert", "e.spt", "--format", "csr", "--out", "o.spt", pieces=["e.spt", "int8"])
    refused("convert", "c.spt", "--format", "csr", "--layer", "nix", "--out", "o.spt", pieces=["nix"])
    refused("convert", "c.spt", "--format", "csr", "--batch", "3", "--out", "o.spt", pieces=["--batch", "automatic"])
    refused("convert", "c.spt", "--format", "csr", "--density", "1.5", "--out", "o.spt", pieces=["--density"])
    refused("bench", pieces=["--sparse", "--model"])
    refused("bench", "--sparse", "--size", "0", pieces=["--size"])
    table = json.loads(run("bench", "--sparse", "--size", "64", "--batch", "2", "--density", "0.1", "--milliseconds", "1", "--json").stdout)
    assert len(table) == 1 and table[0]["csr_bytes"] < table[0]["dense_bytes"] and table[0]["csr_us"] > 0, table


def connections(text):
    """Of the sparsity table that the text ends with: by weight, weights and connections."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: (int(row[-5]), int(row[-4])) for row in rows if len(row) >= 6 and row[-3].endswith("%")}


def test_sparse_training():
    """Each method gives exactly the density asked for; prune and convert go on with what it wrote."""
    train = ["train", "--net", "lenet5", *DATA, "--epochs", 4, "--batch", 30, "--out", "t.spt"]
    for method in ("static", "set", "snfs", "rigl", "rigl-itop", "snip", "gmp", "feedback", "variational"):
        all_weights, left = connections(run(*train, "--sparse", method, "--density", 0.15).stdout)["all"]
        assert left == all_weights - round(0.85 * all_weights), (method, all_weights, left)
    all_weights, left = connections(run(*train, "--sparse", "variational").stdout)["all"]
    assert left <= all_weights
    run(*train, "--sparse", "rigl", "--sparse-log", "log.csv", "--sparse-pictures", "shots")
    picture = Path("shots/f1.w.ppm").read_bytes()
    assert picture.startswith(b"P6\n") and picture.count(b"\0") < len(picture), picture[:20]
    assert len(list(Path("shots").iterdir())) == 5, list(Path("shots").iterdir())
    rows = [line.split(",") for line in Path("log.csv").read_text().splitlines()]
    assert rows[0][:4] == ["step", "drop_fraction", "weight", "size"] and len(rows) > 10, rows[:2]
    assert all(row[4] == row[5] for row in rows[1:])  # dropped, grown
    refused(*train, "--sparse", "rigle", pieces=["rigle", "did you mean 'rigl'"])
    refused(*train, "--sparse", "rigl", "--density", 2, pieces=["--density"])
    refused(*train, "--density", 0.5, pieces=["--density", "--sparse"])
    refused(*train, "--sparse", "variational", "--distribution", "erk", pieces=["--distribution", "variational"])
    for option in ("--sparse-log", "--sparse-pictures"):
        refused(*train, "--sparse", "snip", option, "l.csv", pieces=[option, "snip"])
        refused(*train, option, "l.csv", pieces=[option, "--sparse"])
    refused(*train, "--sparse", "set", "--sparse-pictures", "log.csv", pieces=["--sparse-pictures", "log.csv"])

    run("train", "--net", "lenet5", *DATA, "--epochs", 1, "--out", "d.spt")
    before = connections(run("prune", "t.float.spt", "--sparsity", 0.98, "--out", "p.spt").stdout)
    assert before["all"][1] == before["all"][0] - round(0.98 * before["all"][0]), before
    closed = connections(run("prune", "p.spt", "--propagate", "--out", "o.spt").stdout)
    small = connections(run("prune", "p.spt", "--compact", "--out", "s.spt").stdout)
    assert closed["all"][1] < before["all"][1] and closed["all"][0] == before["all"][0], closed
    assert small["all"][0] < before["all"][0], small
    half = connections(run("prune", "t.float.spt", "--channels", 0.5, "--keep-layer", "c1", "--out", "h.spt").stdout)
    assert half["all"][0] < 0.6 * before["all"][0], half
    for name in ("p.spt", "o.spt", "s.spt"):
        run("predict", name, *DATA, "--out", name + ".out")
    outputs = [array.array("f", Path(name + ".spt.out").read_bytes()) for name in "pos"]
    for other in outputs[1:]:
        assert max(abs(a - b) for a, b in zip(outputs[0], other)) < 1e-4
    regular = connections(run("prune", "d.float.spt", "--pattern", "1:4", "--out", "o.spt").stdout)
    assert regular["f1.w"][1] * 4 == regular["f1.w"][0], regular
    run("prune", "d.float.spt", "--sparsity", 0.5, "--block", "2x2", "--out", "o.spt")
    refused("prune", "t.float.spt", "--out", "o.spt", pieces=["nothing to do"])
    refused("prune", "t.float.spt", "--out", "o.spt", "--pattern", "2-4", pieces=["--pattern", "2-4", "2:4"])
    refused("prune", "t.float.spt", "--out", "o.spt", "--pattern", "5:4", pieces=["5 of every 4"])
    refused("prune", "t.float.spt", "--out", "o.spt", "--sparsity", 0.5, "--block", "4", pieces=["--block", "2x4"])

    for only in ("masks", "weights"):
        run("convert", "p.spt", "--only", only, "--out", only + ".spt")
    run("convert", "d.float.spt", "--mask", "masks.spt", "--weights", "weights.spt", "--format", "masked", "--out", "b.spt")
    run("predict", "b.spt", *DATA, "--out", "b.out")
    assert Path("b.out").read_bytes() == Path("p.spt.out").read_bytes()
    assert 4 * Path("masks.spt").stat().st_size < Path("weights.spt").stat().st_size + 4000
    refused("convert", "p.spt", "--only", "biases", "--out", "o.spt", pieces=["--only", "biases"])
    refused("convert", "p.spt", "--only", "masks", "--format", "csr", "--out", "o.spt", pieces=["--format", "--only"])
    refused("convert", "p.spt", "--out", "o.spt", pieces=["--format", "--only"])
    refused("convert", "d.float.spt", "--only", "masks", "--out", "o.spt", pieces=["masks", "none"])
    refused("eval", "masks.spt", *DATA, pieces=["masks.spt"])


def test_bad_input():
    model = Path("m.spt").read_bytes()
    Path("cut.spt").write_bytes(model[:len(model) // 2])
    for command in (["eval"], ["cost"], ["predict", "--out", "o"], ["export", "--out", "o"]):
        refused(command[0], "cut.spt", *command[1:], pieces=["cut.spt"])
        refused(command[0], "none.spt", *command[1:], pieces=["none.spt"])
    refused("eval", "m.spt", "--split", "all", *DATA, pieces=["all", "validation"])
    refused("eval", "m.spt", "--data", "cifar", pieces=["cifar"])
    refused("train", "--net", "lenet6", *DATA, pieces=["lenet6", "lenet5"])
    refused("train", "--epochs", 0, pieces=["--epochs"])
    refused("train", "--optimizer", "adm", pieces=["train.optimizer", "adam"])
    refused("train", "--set", "search.r1=3", pieces=["search.r1", "train"])
    refused("train", "--set", "data.path=x", pieces=["data.path", "--path"])
    refused("train", "--set", "train.teacher=none.spt", pieces=["train.teacher", "none.spt"])
    refused("cost")
    refused("cost", "m.spt", "--sparsity", 0.5, pieces=["--sparsity", "--net"])
    refused("cost", "m.spt", "--data", "bogus", pieces=["--data", "--net"])
    refused("train", "--train-samples", 2_000_000_000, pieces=["data.train", "10000000"])
    Path("folder.spt").mkdir()
    for target, piece in TARGETS:
        refused("train", *DATA, "--out", target, pieces=[target, piece])
        refused("export", "m.float.spt", *DATA, "--out", target, pieces=[target, piece])
    refused("export", "m.float.spt", *DATA, "--out", "./m.float.spt", pieces=["--out", "m.float.spt"])
    Path("eleven.net").write_text("input x shape=[1,28,28]\nflatten f x\nparam w shape=[11,784]\nlinear out f w\n")
    refused("train", "--net", "eleven.net", *DATA, pieces=["out (linear)", "11 outputs", "10 classes"])
    Path("huge.net").write_text("input x shape=[20552879,3725308,5059460]\nflatten f x\n")
    refused("cost", "--net", "huge.net", "--data", "digits", pieces=["--data", "FILE.net"])
    refused("cost", "--net", "huge.net", pieces=["huge.net:1: x (input)", "2147483647"])
    Path("alone.net").write_text("param w shape=[10]\n")
    refused("cost", "--net", "alone.net", pieces=["w (param)", "input"])
    with open("/dev/full", "w") as full:
        for command in (["cost", "m.spt"], ["cost", "m.spt", "--json"], ["--help"], ["--version"], []):
            done = subprocess.run([TOOL, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=100)
            assert done.returncode == 1 and done.stderr == "sparlet: standard output: cannot be written\n", (command, done)
    refused("serch")
    assert "sparlet" in run("--version").stdout
    assert "search" in run("--help").stdout and "worker" not in run("--help").stdout


if __name__ == "__main__":
    run_all(test_one_model, test_sequences, test_sparse, test_sparse_training, test_bad_input)
