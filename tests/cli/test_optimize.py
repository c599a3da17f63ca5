#!/usr/bin/env python3
"""Drives `sparlet optimize` as a black box's program would: test_optimize.py SPARLET. Checks the protocol, that answers
come in any order, that every bad answer gives one line, and that a run that was broken off goes on as if it had not been."""
import json
import subprocess
from pathlib import Path

from tool import TOOL, run_all

SPACE = """
[[parameter]]
name = "x1"
type = "real"
bounds = [0, 2]
[[parameter]]
name = "n"
type = "integer"
bounds = [1, 9]
[[parameter]]
name = "kind"
type = "choice"
values = ["a", "b"]
[[parameter]]
name = "on"
type = "flag"
when = "kind == b"
[[constraint]]
expression = "x1 <= n"
[[objective]]
name = "f"
reference = 6
[[objective]]
name = "cost"
reference = 2
known = "0.1 * n + x1"
"""


class Session:
    def __init__(self, *args):
        self.process = subprocess.Popen([TOOL, "optimize", *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self):
        return json.loads(self.process.stdout.readline())

    def write(self, line):
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        self.process.stdin.flush()

    def refused(self, *pieces):
        """Ends with code 1 and one line that has these pieces."""
        _, text = self.process.communicate(timeout=60)
        assert self.process.returncode == 1, (self.process.returncode, text)
        assert text.count("\n") == 1 and text.startswith("sparlet: "), text
        for piece in pieces:
            assert piece in text, f"{piece!r} is not in {text!r}"

    def end(self):
        last = self.process.stdout.readlines()
        assert self.process.wait(60) == 0, self.process.stderr.read()
        return json.loads(last[-1])


def values(point):
    return [(point["x1"] - 1.5) ** 2 + (point["n"] - 4) ** 2 / 4 + (0 if point.get("on") else 0.3),
            0.1 * point["n"] + point["x1"]]


def play(session, trials, batch=1):
    """All points that come, each answered; the newest waiting one first."""
    points, waiting = [], []
    for _ in range(trials):
        while len(waiting) < batch and len(points) < trials:
            waiting.append(session.read())
            points.append(waiting[-1])
        trial = waiting.pop()
        if trial["trial"] == 5:
            session.write({"trial": 5, "infeasible": "too hot"})
        else:
            session.write({"trial": trial["trial"], "values": values(trial["point"])})
    return points


def test_protocol():
    session = Session("space.toml", "--trials", 20, "--timing")
    points = play(session, 20)
    assert [p["trial"] for p in points] == list(range(20))
    for p in points:
        assert p["seconds"] >= 0
        point = p["point"]
        assert isinstance(point["n"], int) and 1 <= point["n"] <= 9 and 0 <= point["x1"] <= 2
        assert ("on" in point) == (point["kind"] == "b") and isinstance(point.get("on", True), bool)
    result = session.end()
    assert sorted(result) == ["front", "hypervolume", "seconds_per_proposal"]
    assert result["hypervolume"] > 0
    for entry in result["front"]:
        assert entry["trial"] != 5
        assert entry["point"] == points[entry["trial"]]["point"]
        assert entry["values"] == values(entry["point"])


def test_batches():
    for method in ("ehvi", "nsga2"):
        session = Session("space.toml", "--trials", 18, "--batch", 3, "--method", method)
        play(session, 18, batch=3)
        assert session.end()["hypervolume"] > 0


def test_resume():
    whole = play(first := Session("space.toml", "--trials", 24, "--seed", 7), 24)
    result = first.end()
    # Killed after 17 answers, with a half-written line in its file.
    broken = Session("space.toml", "--trials", 24, "--seed", 7, "--store", "run.jsonl")
    assert play(broken, 17) == whole[:17]
    assert broken.read() == whole[17]
    broken.process.kill()
    broken.process.wait()
    with open("run.jsonl", "a", encoding="utf-8") as file:
        file.write('{"trial":17,"val')
    again = Session("space.toml", "--trials", 24, "--seed", 7, "--store", "run.jsonl")
    assert play(again, 24 - 17) == whole[17:]
    resumed = again.end()
    assert resumed["front"] == result["front"] and resumed["hypervolume"] == result["hypervolume"]
    # Nothing is left to do: the result again. Another problem is refused.
    assert Session("space.toml", "--trials", 24, "--seed", 7, "--store", "run.jsonl").end()["front"] == result["front"]
    Session("space.toml", "--seed", 8, "--store", "run.jsonl").refused("run.jsonl", "seed")
    Path("other.toml").write_text(SPACE.replace("[0, 2]", "[0, 3]"))
    Session("other.toml", "--seed", 7, "--store", "run.jsonl").refused("run.jsonl", "space")


def test_bad_answers():
    cases = [('{"trial":8,"values":[1,2]}', "trial 8", "unknown"),
             ('{"trial":0,"values":[NaN,2]}', "NaN", "infeasible"),
             ('{"trial":0,"values":[null,2]}', "trial 0", "null"),
             ('{"trial":0,"values":[1,2,3]}', "trial 0", "3 values", "f, cost"),
             ('{"trial":0,"values":[1,1e9]}', "'cost'", "formula"),
             ('{"trial":0}', "trial 0", "values"),
             ('{"values":[1,2]}', "trial"),
             ('{"trial":0,"values":[1,2]', "not JSON"),
             ('7', "expected"),
             ('{"trial":0,"values":[1e999,2]}', "not JSON")]
    for number, (line, *pieces) in enumerate(cases):
        store = f"bad{number}.jsonl"
        session = Session("space.toml", "--trials", 3, "--store", store)
        session.read()
        session.write(line)
        session.refused(*pieces, "standard input:1", f"--store {store}")
        again = Session("space.toml", "--trials", 3, "--store", store)
        play(again, 3)
        again.end()
    # The end of the input.
    session = Session("space.toml", "--trials", 3)
    session.read()
    session.process.stdin.close()
    session.process.stdin = None
    session.refused("standard input", "ended", "trial 0", "--store")
    # Answered twice.
    session = Session("space.toml", "--trials", 3)
    trial = session.read()
    session.write({"trial": 0, "values": values(trial["point"])})
    session.read()
    session.write({"trial": 0, "values": values(trial["point"])})
    session.refused("standard input:2", "trial 0", "has been answered")


def test_bad_problems():
    cases = [(SPACE + '[[constraint]]\nexpression = "x1 > n"\n', "constraint", "x1"),
             (SPACE.replace('"0.1 * n + x1"', '"0.1 * m + x1"'), "known", "unknown name 'm'"),
             (SPACE.replace('"0.1 * n + x1"', '"0.1 * kind"'), "known", "kind"),
             (SPACE.replace("reference = 6\n", ""), "\"f\"", "reference"),
             (SPACE + "[search]\nr1 = 3\n", "search.r1", "optimize"),
             (SPACE.replace("bounds = [1, 9]", "bound = [1, 9]"), "bound", "bounds"),
             (SPACE[:SPACE.index("[[objective]]")], "no [[objective]]"),
             ("", "no [[parameter]]")]
    for text, *pieces in cases:
        Path("bad.toml").write_text(text)
        Session("bad.toml").refused("bad.toml", *pieces)
    Session("none.toml").refused("none.toml")
    Session("space.toml", "--method", "evhi").refused("evhi", "ehvi")
    Session("space.toml", "--batch", 0).refused("--batch")
    Path("damaged.jsonl").write_text("not json\n")
    Session("space.toml", "--store", "damaged.jsonl").refused("damaged.jsonl:1")


if __name__ == "__main__":
    run_all(test_protocol, test_batches, test_resume, test_bad_answers, test_bad_problems, space=SPACE)
