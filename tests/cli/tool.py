"""What the tests of the command-line tool share: SCRIPT SPARLET runs the script's tests in a folder of their own."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOOL = str(Path(sys.argv[1]).resolve())
DATA = ["--train-samples", "300", "--validation-samples", "100", "--test-samples", "100"]
# No files: what a target is, and the reason that is told.
TARGETS = (("folder.spt", "is a folder"), ("no/m.spt", "there is no folder"), ("/dev/full", "regular"))
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


def run_all(*tests, **files):
    """In a folder with tiny.toml and these files, NAME.toml by name."""
    with tempfile.TemporaryDirectory(prefix="sparlet-cli-") as folder:
        os.chdir(folder)
        for name, text in {"tiny": CONFIG, **files}.items():
            Path(name + ".toml").write_text(text)
        for test in tests:
            start = time.monotonic()
            test()
            print(f"{test.__name__}: passed, {time.monotonic() - start:.1f} s", flush=True)
