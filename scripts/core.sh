#!/usr/bin/env bash
# The core alone, all features off, and its tests, in build-core/.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh --core --tests
exec scripts/run-tests.sh build-core -Dauto_features=disabled -Dtests=enabled
