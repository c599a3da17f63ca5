#!/usr/bin/env bash
# MNIST by LeNet-5, 5 epochs: sparlet and PyTorch in turn, once for each seed, on one core.
#   lenet_mnist.sh [seeds="1 2 3"] [epochs=5]         SPARLET_DATA names the folder that holds mnist/
# PyTorch with its best settings for this size: one thread, denormals flushed, AVX-512 where there is.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -d "${SPARLET_DATA:-}/mnist" ]; then
  echo "skipped: no folder '${SPARLET_DATA:-}/mnist'; set SPARLET_DATA to where mnist/ is"
  exit 0
fi
python=/usr/bin/python3
with_torch=1
"$python" -c 'import torch' 2> /dev/null || { with_torch=0; echo "no PyTorch (apt: python3-torch): its half is skipped"; }
export OMP_NUM_THREADS=1
core=$(taskset -cp $$ | sed 's/.*[^0-9]\([0-9]*\)$/\1/')
for seed in ${1:-1 2 3}; do
  taskset -c "$core" build/bench/studies/lenet_mnist "${2:-5}" "$seed"
  if [ $with_torch = 1 ]; then
    OPENBLAS_CORETYPE=SkylakeX taskset -c "$core" "$python" bench/studies/lenet_mnist.py "${2:-5}" "$seed"
  fi
done
