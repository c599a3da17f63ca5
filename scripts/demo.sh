#!/usr/bin/env bash
# Searches, trains, prunes, quantises and ships networks for the built-in digits, with no download, in
# runs/demo/; ends with the Pareto table.
set -euo pipefail
cd "$(dirname "$0")/.."
run=runs/demo
scripts/install-deps.sh
[[ -f build/build.ninja ]] || meson setup build
ninja -C build
if [[ -e $run ]]; then
  echo "removing the earlier $run"
  rm -rf "$run"
fi
mkdir -p runs
start=$SECONDS
build/src/cli/sparlet search examples/digits.toml --out "$run" --seed 1 --workers "${WORKERS:-$(nproc)}"
echo "Searched for $((SECONDS - start)) s. The table above is the Pareto front, on validation samples; the models are"
echo "$run/models/ARM.spt. 'build/src/cli/sparlet show $run ARM' shows one of them layer by layer,"
echo "'build/src/cli/sparlet test $run ARM' its error on the test samples."
