#!/usr/bin/env bash
# Proves the CUDA backend on the GPU of this machine, in about eight minutes: builds, runs every test that needs a GPU, the
# kernels under compute-sanitizer where that is installed, and times training steps beside PyTorch's.
#
#   tests/gpu.sh [--python FILE]      FILE: a Python with PyTorch for CUDA, to be compared with
set -euo pipefail
failed=0
cd "$(dirname "$0")/.."
python=()
[ "${1:-}" = --python ] && python=(--python "$2" --pairs 1 --batches 512)  # PyTorch takes minutes to compile

cmake --preset release -D DEMIX_CUDA=ON >/dev/null
cmake --build --preset release --target gpu_tests plan_tests train_cifar validate bench
build/tests/gpu_tests && build/tests/plan_tests || { echo "the tests of the GPU failed, or there is none" >&2; exit 1; }

if sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null); then
  # Libraries call the driver in ways that fail and are caught: only what kernels do counts.
  "$sanitizer" --report-api-errors no --error-exitcode 1 build/tests/gpu_tests \
    -tc="every op on the GPU agrees*,batch norm*,every loss*,every optimizer*,the average*,what is not finite*,batches made*" ||
    { echo "compute-sanitizer found something, or cannot run here" >&2; failed=1; }
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for run in first second; do
  build/apps/train_cifar --dataset shapes --shapes-train 5000 --shapes-test 1000 --model resnet18 --mix cutmix --loss dm \
    --epochs 2 --batch-size 128 --device cuda --deterministic --cuda-graph --output "$folder" --experiment $run
done
cmp "$folder/first/last.safetensors" "$folder/second/last.safetensors"
echo "two runs with --deterministic: the same bits"

tests/bench/compare_gpu.py "${python[@]}"
exit $failed
