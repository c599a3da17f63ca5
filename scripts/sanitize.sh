#!/usr/bin/env bash
# All tests under the address and undefined-behaviour sanitizers, in build-asan/.
#   sanitize.sh              leaks are errors too
#   sanitize.sh --no-leaks   where the leak sanitizer cannot run (under a debugger, in some containers)
set -euo pipefail
cd "$(dirname "$0")/.."
leaks=1
case ${1:-} in
  '') ;;
  --no-leaks) leaks=0 ;;
  *) echo "sanitize.sh: no option '$1', there is --no-leaks" >&2; exit 1 ;;
esac
export ASAN_OPTIONS=detect_leaks=$leaks:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
scripts/install-deps.sh
exec scripts/run-tests.sh build-asan -Dbuildtype=plain -Doptimization=1 -Ddebug=true -Db_ndebug=false \
  -Db_sanitize=address,undefined -Db_lundef=false
