#!/usr/bin/env bash
# Builds into the folder BUILD and runs every registered test.
#   run-tests.sh BUILD [options of `meson setup`, used when BUILD is new]
# The last line is `N passed, N failed`, counting the test cases of each program.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
[[ -f $build/build.ninja ]] || meson setup "$build" "$@"
ninja -C "$build"
# A failed test must not end this script before the counting.
meson test -C "$build" --no-rebuild --print-errorlogs || true
exec python3 scripts/count_tests.py "$build/meson-logs/testlog.json"
