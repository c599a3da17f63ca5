#!/usr/bin/env python3
"""Drives the real tool on tiny inputs: test_tool.py SPARLET. Checks exit codes, one-line errors, JSON, and that a search
whose worker and then whose parent are killed ends as if nothing had happened."""
import array
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.dom.minidom
from pathlib import Path

TOOL = str(Path(sys.argv[1]).resolve())
DATA = ["--train-samples", "300", "--validation-samples", "100", "--test-samples", "100"]
CONFIG = """
name = "tiny"
seed = 1
objectives = 3
[data]
train = 300
validation = 100
test = 100
[search]
r1 = 4
r2 = 3
r3 = 3
epochs1 = 2
epochs2 = 2
epochs3 = 2
[[parameter]]
name = "block_1_layer_1_filters"
type = "log_integer"
bounds = [3, 8]
[[parameter]]
name = "block_1_pool"
type = "choice"
values = ["max", "avg"]
[[parameter]]
name = "head"
type = "fixed"
value = "flatten"
[[parameter]]
name = "learning_rate"
type = "log_real"
bounds = [0.003, 0.01]
[[parameter]]
name = "prune_threshold"
type = "real"
bounds = [0, 0.8]
"""


def run(*args, code=0, **options):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=100, **options)
    assert done.returncode == code, f"{args}: exit {done.returncode}, wanted {code}\n{done.stdout}{done.stderr}"
    return done


def refused(*args, pieces=()):
    """Exit 1 and one line on stderr that holds these pieces."""
    done = run(*args, code=1)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("sparlet: "), f"{args}: {done.stderr!r}"
    for piece in pieces:
        assert piece in lines[0], f"{args}: no {piece!r} in {lines[0]!r}"
    return lines[0]


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


def search(out, *more, workers=2):
    return run("search", "tiny.toml", "--out", out, "--workers", workers, *more)


def test_search_and_show():
    assert "3 morphism" in run("search", "tiny.toml", "--dry-run").stdout
    assert not Path("runs").exists()
    told = search("whole")
    assert "hypervolume" in told.stdout and "trial 10/10" in told.stderr and "\r" not in told.stderr
    shown = json.loads(run("show", "whole", "--json").stdout)
    assert shown["hypervolume"] > 0
    assert sum(p["trials"] for p in shown["phases"]) == 10
    for arm in shown["arms"]:
        assert Path(arm["model"]).stat().st_size == arm["size"], arm
        assert arm["seconds"] > 0 and arm["peak_memory"] > 1e6
    assert sorted(p.name for p in Path("whole/models").iterdir()) == sorted(
        name for a in shown["arms"] for name in (f"{a['arm']}.spt", f"{a['arm']}.float.spt"))
    everything = json.loads(run("show", "whole", "--all", "--json", "--sort=-size").stdout)["arms"]
    sizes = [a["size"] for a in everything]
    assert len(sizes) == 10 and sizes == sorted(sizes, reverse=True)
    middle = sizes[5]
    some = json.loads(run("show", "whole", "--all", "--json", "--where", f"size<={middle / 1000}kB, error<=100%").stdout)
    assert sorted(a["size"] for a in some["arms"]) == sorted(s for s in sizes if s <= middle)
    assert "meets" in run("show", "whole", "--where", "size<1B").stdout
    arm = shown["arms"][0]["arm"]
    text = run("show", "whole", arm).stdout
    assert "learning_rate = " in text and "conv2d" in text
    assert json.loads(run("show", "whole", arm, "--json").stdout)["layers"]
    run("show", "whole", "--svg", "front.svg")
    assert len(xml.dom.minidom.parse("front.svg").getElementsByTagName("title")) == len(shown["arms"])
    tested = json.loads(run("test", "whole", arm, "--seeds", 2, "--save", "best.spt", "--json").stdout)
    assert tested["stored"]["size"] == shown["arms"][0]["size"]
    errors = [r["test_error"] for r in tested["repeats"]]
    assert len(errors) == 2 and abs(sum(errors) / 2 - tested["mean_test_error"]) < 1e-12
    best = min(tested["repeats"], key=lambda r: r["validation_error"])
    found = json.loads(run("eval", "best.spt", *DATA, "--json").stdout)
    assert abs(found["error"] - best["test_error"]) < 1e-12
    stored = json.loads(run("eval", shown["arms"][0]["model"], *DATA, "--split", "validation", "--json").stdout)
    assert abs(stored["error"] - shown["arms"][0]["error"]) < 1e-12


def test_same_seed():
    search("again")
    assert Path("again/results.csv").read_text() == Path("whole/results.csv").read_text()
    for out, seed in (("one", 5), ("other", 5), ("third", 6)):
        search(out, "--seed", seed, "--trials", 8, workers=1)
    assert Path("one/results.csv").read_text() == Path("other/results.csv").read_text()
    assert Path("one/results.csv").read_text() != Path("third/results.csv").read_text()


def running(folder):
    """Worker processes that have a trial now."""
    try:
        with sqlite3.connect(f"file:{folder}/run.db?mode=ro", uri=True, timeout=5) as db:
            return [row[0] for row in db.execute("SELECT worker FROM trials WHERE status='running'")]
    except sqlite3.OperationalError:
        return []


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("waited in vain")


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_kills():
    """Trials take a second here, so that the blows fall in their midst."""
    slow = ("--set", "data.train=3000", "--set", "search.r1=3", "--set", "search.r2=2", "--set", "search.r3=1")
    search("steady", *slow)
    parent = subprocess.Popen([TOOL, "search", "tiny.toml", "--out", "hit", "--workers", "2", *slow],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    victim = wait_for(lambda: running("hit"))[0]
    os.kill(victim, signal.SIGKILL)
    # The trial goes to another process.
    workers = wait_for(lambda: [w for w in running("hit") if w != victim and alive(w)][1:] and running("hit"))
    assert parent.poll() is None
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(alive(w) for w in workers))  # they die with it
    search("hit", *slow)
    assert Path("hit/results.csv").read_text() == Path("steady/results.csv").read_text()
    with sqlite3.connect("hit/run.db") as db:
        assert db.execute("SELECT count(*) FROM trials WHERE status='done'").fetchone()[0] == 6
        assert db.execute("SELECT max(attempt) FROM trials").fetchone()[0] >= 2


def going_on(folder):
    """Worker processes of trials that go on after a pause."""
    try:
        with sqlite3.connect(f"file:{folder}/run.db?mode=ro", uri=True, timeout=5) as db:
            return [row[0] for row in db.execute(
                "SELECT worker FROM trials WHERE status='running' AND before != '[]'")]
    except sqlite3.OperationalError:
        return []


def test_halving():
    """Paused trials go on from their checkpoints, also after all processes were killed in their midst."""
    auto = ("--method", "auto", "--set", "search.epochs=3", "--set", "search.r1=3", "--trials", "8", "--set",
            "data.train=2000")
    told = search("calm", *auto)
    assert "paused" in told.stderr, told.stderr
    rows = [row.split(",") for row in Path("calm/results.csv").read_text().splitlines()[1:]]
    trained = [row for row in rows if row[3] in ("paused", "done")]
    assert len(trained) == 8 and sorted({row[5] for row in trained}) == ["1", "3"], rows
    assert all((row[3] == "done") == (row[5] == "3") for row in trained), rows
    parent = subprocess.Popen([TOOL, "search", "tiny.toml", "--out", "blow", "--workers", "2", *auto],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = wait_for(lambda: going_on("blow"), 120)
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(alive(w) for w in workers))
    search("blow", *auto)
    assert Path("blow/results.csv").read_text() == Path("calm/results.csv").read_text()
    with sqlite3.connect("blow/run.db") as db:
        assert db.execute("SELECT max(attempt) FROM trials WHERE before != '[]'").fetchone()[0] >= 2
    shown = json.loads(run("show", "blow", "--all", "--json").stdout)
    for arm in shown["arms"]:
        if arm["front"]:
            assert Path(arm["model"]).stat().st_size == arm["size"], arm
            found = json.loads(run("eval", arm["model"], "--train-samples", 2000, *DATA[2:], "--split", "validation",
                                   "--json").stdout)
            assert abs(found["error"] - arm["error"]) < 1e-12
    assert "paused" in run("show", "blow").stdout
    refused("search", "tiny.toml", "--out", "x", "--set", "search.eta=4", pieces=["search.eta", "search.asha"])
    refused("search", "tiny.toml", "--out", "x", "--method", "evolve", pieces=["search.method", "aging"])
    search("plain", "--method", "random", "--trials", "3")
    assert all(row.split(",")[1] == "random" for row in Path("plain/results.csv").read_text().splitlines()[1:])


def test_bad_input():
    Path("bad.toml").write_text(CONFIG.replace("r1 = 4", "r5 = 4"))
    refused("search", "bad.toml", pieces=["bad.toml:", "r5", "search.r1"])
    refused("search", "none.toml", pieces=["none.toml"])
    refused("search", "tiny.toml", "--set", "search.r1=many", "--out", "x", pieces=["--set search.r1", "whole number"])
    refused("search", "tiny.toml", "--set", "data.source=mnist", "--set", "data.path=/nowhere", "--out", "x",
            pieces=["/nowhere"])
    refused("search", "tiny.toml", "--set", "builder=chain", "--out", "x", pieces=["chain_cnn"])
    Path("empty.toml").write_text("name = \"empty\"\n")
    refused("search", "empty.toml", pieces=["space"])
    Path("never.toml").write_text(CONFIG + "[[constraint]]\nexpression = \"block_1_layer_1_filters > 99\"\n")
    refused("search", "never.toml", pieces=["block_1_layer_1_filters > 99"])
    assert not Path("x/run.db").exists()
    refused("show", "nowhere", pieces=["nowhere"])
    Path("broken/models").mkdir(parents=True)
    Path("broken/config.toml").write_text(CONFIG)
    whole = Path("whole/run.db").read_bytes()
    Path("broken/run.db").write_bytes(whole[:len(whole) // 2])
    refused("show", "broken", pieces=["broken/run.db"])
    refused("search", "tiny.toml", "--out", "broken", pieces=["broken/run.db"])
    assert Path("broken/run.db").read_bytes() == whole[:len(whole) // 2]
    refused("search", "tiny.toml", "--out", "whole", "--seed", 2, pieces=["seed: 1 before, now 2"])
    refused("show", "whole", "--where", "sise<=2kB", pieces=["--where", "size"])
    refused("show", "whole", "--where", "size<=2ms", pieces=["kB"])
    refused("show", "whole", "--where", "size", pieces=["--where"])
    refused("show", "whole", "--sort", "beauty", pieces=["--sort", "beauty"])
    refused("show", "whole", 99, pieces=["99"])
    refused("test", "whole", 99, pieces=["99"])
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
    arm = json.loads(run("show", "whole", "--json").stdout)["arms"][0]["arm"]
    for option in (["--svg", "f.svg"], ["--where", "size<1B"], ["--sort", "size"], ["--all"]):
        refused("show", "whole", arm, *option, pieces=[option[0], "show RUN"])
    refused("search", "tiny.toml", "--dry-run", "--json", pieces=["--json", "--dry-run"])
    refused("train", "--train-samples", 2_000_000_000, pieces=["data.train", "10000000"])
    Path("folder.spt").mkdir()
    for target, piece in (("folder.spt", "is a folder"), ("no/m.spt", "there is no folder"), ("/dev/full", "regular")):
        refused("train", *DATA, "--out", target, pieces=[target, piece])
        refused("test", "whole", arm, "--save", target, pieces=[target, piece])
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
    refused("show", "whole", "--colour", pieces=["--colour"])
    assert "sparlet" in run("--version").stdout
    assert "search" in run("--help").stdout and "worker" not in run("--help").stdout


def test_read_only():
    """A run that may only be read can be shown and tested, and no search goes on in it."""
    if os.geteuid() == 0:
        return  # may write everywhere
    shutil.copytree("whole", "kept")
    arm = json.loads(run("show", "whole", "--json").stdout)["arms"][0]["arm"]
    files = {path: path.read_bytes() for path in Path("kept").rglob("*") if path.is_file()}
    for path in (*files, Path("kept/models"), Path("kept")):
        path.chmod(0o444 if path.is_file() else 0o555)
    try:
        assert run("show", "kept").stdout.replace("kept", "whole") == run("show", "whole").stdout
        found = json.loads(run("test", "kept", arm, "--seeds", 0, "--json").stdout)
        assert sorted(found) == ["arm", "repeats", "stored"] and found["repeats"] == [], found
        refused("search", "tiny.toml", "--out", "kept", pieces=["kept"])
        assert files == {path: path.read_bytes() for path in Path("kept").rglob("*") if path.is_file()}
    finally:
        Path("kept").chmod(0o755), Path("kept/models").chmod(0o755)


def main():
    with tempfile.TemporaryDirectory(prefix="sparlet-cli-") as folder:
        os.chdir(folder)
        Path("tiny.toml").write_text(CONFIG)
        for test in (test_one_model, test_sequences, test_sparse, test_sparse_training, test_search_and_show,
                     test_same_seed, test_kills, test_halving, test_bad_input, test_read_only):
            start = time.monotonic()
            test()
            print(f"{test.__name__}: passed, {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
