#!/usr/bin/env bash
# Kills a short training a hundred times, each at another random moment, lets each run go on, and compares what comes out
# with a run that nobody killed, bit for bit: kills.sh [COUNT]
set -euo pipefail
cd "$(dirname "$0")/../.."
apps=$PWD/build/apps
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
train() {
  "${@}" "$apps/train_cifar" --threads 1 --shapes-train 300 --shapes-test 60 -b 20 --epochs 3 --mix cutmix --loss dm \
    --model-ema --opt adamw --lr 0.001 --recovery-interval 2 --resume auto --experiment "$name" >log.txt 2>&1
}
name=whole
before=$(date +%s%N)
train env
milliseconds=$((($(date +%s%N) - before) / 1000000))
killed=0
for ((i = 1; i <= ${1:-100}; ++i)); do
  name=run$i
  moment=$((RANDOM * milliseconds / 32768 + 1))
  { train timeout -s KILL "$((moment / 1000)).$(printf %03d $((moment % 1000)))"; } 2>/dev/null && code=0 || code=$?
  [ "$code" -eq 137 ] && killed=$((killed + 1))
  train env
  for file in summary.csv last.safetensors last.ema.safetensors; do
    cmp "output/whole/$file" "output/$name/$file"
  done
  rm -rf "output/$name"
done
echo "$killed of ${1:-100} runs were killed before their end; all came to the same bits"
