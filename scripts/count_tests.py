#!/usr/bin/env python3
"""Counts the test cases in meson's testlog.json: those that doctest reports, the lines `NAME: passed` of
a script (which ends at the first that fails), and one for any other program. A program that ends badly with no failed case (a crash, a timeout) counts as one failure. Prints
`N passed, N failed` last; exit code 1 if any failed or none ran."""
import json
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
SCRIPT = re.compile(r"^test_\w+: passed", re.MULTILINE)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def count(run):
    """One line of the log -> (passed, failed)."""
    good = run["result"] in ("OK", "EXPECTEDFAIL")
    if run["result"] == "SKIP":
        print(f"skipped: {run['name']}")
        return 0, 0
    text = ESCAPE.sub("", run.get("stdout") or "")
    found = SUMMARY.findall(text)
    if not found:
        return len(SCRIPT.findall(text)) or int(good), int(not good)
    passed = sum(int(p) for _, p, _ in found)
    failed = sum(int(f) for _, _, f in found)
    if not good and failed == 0:
        failed = 1
    return passed, failed


def main(path):
    passed = failed = 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            run = json.loads(line)
            p, f = count(run)
            if f:
                print(f"failed: {run['name']} ({run['result']})")
            passed, failed = passed + p, failed + f
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
