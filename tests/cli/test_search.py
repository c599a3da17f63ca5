#!/usr/bin/env python3
"""Drives searches and what looks at them: test_search.py SPARLET. Checks that a search whose worker and then whose parent
are killed ends as if nothing had happened, and what is told of bad runs and configs."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import xml.dom.minidom
from pathlib import Path

from tool import CONFIG, DATA, TARGETS, TOOL, refused, run, run_all


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
    arm = json.loads(run("show", "whole", "--json").stdout)["arms"][0]["arm"]
    for option in (["--svg", "f.svg"], ["--where", "size<1B"], ["--sort", "size"], ["--all"]):
        refused("show", "whole", arm, *option, pieces=[option[0], "show RUN"])
    refused("search", "tiny.toml", "--dry-run", "--json", pieces=["--json", "--dry-run"])
    Path("folder.spt").mkdir()
    for target, piece in TARGETS:
        refused("test", "whole", arm, "--save", target, pieces=[target, piece])
    refused("show", "whole", "--colour", pieces=["--colour"])


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


if __name__ == "__main__":
    run_all(test_search_and_show, test_same_seed, test_kills, test_halving, test_bad_input, test_read_only)
