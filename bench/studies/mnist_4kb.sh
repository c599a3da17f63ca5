#!/usr/bin/env bash
# A search on MNIST, then the best network of at most 4 kB of file and 4 kB of arena: its test error as
# stored and trained anew with three seeds, and the device's program against the host, byte for byte.
#   mnist_4kb.sh MNIST_FOLDER [RUN_FOLDER]        about 15 minutes on two cores
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1
run=${2:-runs/mnist_4kb}
tool=build/src/cli/sparlet
host=build/examples/minimal_host/minimal_host
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

start=$SECONDS
$tool search examples/mnist.toml --set data.path="$data" --out "$run" --seed 1 --workers 2
echo "searched for $((SECONDS - start)) s"
$tool show "$run" --where 'size<=4kB, memory<=4kB' --sort error
arm=$($tool show "$run" --where 'size<=4kB, memory<=4kB' --sort error --json |
  python3 -c 'import json,sys; print(json.load(sys.stdin)["arms"][0]["arm"])')
echo "arm $arm:"
$tool test "$run" "$arm" --seeds 3

model=$run/models/$arm.spt
gzip -dc "$data"/t10k-images-idx3-ubyte.gz > "$work/images"
$tool predict "$model" --data mnist --path "$data" --split test --out "$work/tool"
$host "$model" "$work/images" "$work/device"
cmp "$work/tool" "$work/device" && echo "the device's outputs equal the tool's, byte for byte"
$tool cost "$model" | tail -1
stat -c 'file %s bytes' "$model"
if nm -C "$host" | grep -E 'operator new|malloc|__cxa_throw'; then exit 1; fi
echo "nm: no operator new, malloc or __cxa_throw in $host"
