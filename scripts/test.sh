#!/usr/bin/env bash
# Installs what is missing, builds into build/ and runs all tests; the last line is
# `N passed, N failed`. SPARLET_DATA=DIR adds the tests on real data sets found there.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh
exec scripts/run-tests.sh build "$@"
