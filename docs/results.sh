#!/usr/bin/env bash
# The table of docs/results.md: ResNet-20 on CIFAR-10 with Mixup and CutMix, cross entropy against DM(CE), three seeds each.
#   docs/results.sh DATA_DIR [OUTPUT_DIR] [EPOCHS]
# One run a core at a time; the result does not depend on it. Runs that are there already are not repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
export data=${1:?the folder of cifar-10-batches-bin} output=${2:-output/results} epochs=${3:-10}
policies=(mixup cutmix) losses=(ce dm) seeds=(1 2 3)
mkdir -p "$output"

run() {  # policy, loss, seed
  local name=$1-$2-$epochs-$3
  grep -q '^final accuracy' "$output/$name.log" 2>/dev/null && return
  rm -rf "${output:?}/$name"
  build/apps/train_cifar --dataset cifar10 --data-dir "$data" --model resnet20 --mix "$1" --mix-alpha 1 --loss "$2" --seed "$3" \
    --epochs "$epochs" --batch-size 128 --lr 0.1 --nesterov --weight-decay 5e-4 --threads 1 \
    --output "$output" --experiment "$name" >"$output/$name.log" 2>&1 && return
  echo "$name failed:" >&2
  tail -n 1 "$output/$name.log" >&2
  exit 255  # which stops xargs
}
export -f run
for seed in "${seeds[@]}"; do
  for policy in "${policies[@]}"; do
    for loss in "${losses[@]}"; do echo "$policy $loss $seed"; done
  done
done | xargs -P "$(nproc)" -L 1 bash -c 'run "$@"' run

# Mean and standard deviation of a column of the last epoch of the runs named PATTERN-seed.
column() {  # pattern, column
  tail -qn 1 "$output/$1"-[0-9]/summary.csv | cut -d, -f"$2" |
    awk '{ n++; s += $1; q += $1 * $1 } END { m = s / n; printf("%.2f ± %.2f", m, (n > 1 ? sqrt((q - n * m * m) / (n - 1)) : 0)) }'
}
# Median of the seconds a training epoch of 50,000 images took.
seconds() {  # pattern
  cat "$output/$1"-[0-9].log | awk '$1 ~ /^[0-9]+$/ && NF == 11 { print 50000 / $9 }' | sort -n |
    awk '{ v[NR] = $1 } END { printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
echo "| policy | loss | top-1 % | mixed top-1 % | mixed top-2 % | seconds an epoch |"
echo "| --- | --- | --- | --- | --- | --- |"
for policy in "${policies[@]}"; do
  for loss in "${losses[@]}"; do
    run=$policy-$loss-$epochs
    echo "| $policy | $loss | $(column "$run" 4) | $(column "$run" 6) | $(column "$run" 7) | $(seconds "$run") |"
  done
done
