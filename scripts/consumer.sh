#!/usr/bin/env bash
# Installs BUILD into a scratch folder, then builds examples/embedded_search.cpp outside of the tree with
# nothing but `pkg-config sparlet`, and runs it: the library must live on a host without this repository.
#   consumer.sh [BUILD]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" > /dev/null
prefix=$(meson introspect "$build" --buildoptions |
  python3 -c 'import json,sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pc=$(find "$work/root" -name sparlet.pc)
export PKG_CONFIG_PATH=$(dirname "$pc")
cp examples/embedded_search.cpp "$work/host.cpp"
cd "$work"
define=(--define-variable=prefix="$work/root$prefix")
# shellcheck disable=SC2046
c++ host.cpp $(pkg-config "${define[@]}" --cflags sparlet) $(pkg-config "${define[@]}" --libs sparlet) -o host
LD_LIBRARY_PATH=$(pkg-config "${define[@]}" --variable=libdir sparlet) ./host
