#!/usr/bin/env bash
# A linear model must stay far below a small ResNet on the built-in pictures: below 35 % against above 70 %.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

accuracy() {  # model, learning rate
  build/apps/train_cifar --dataset shapes --shapes-train 4000 --shapes-test 1000 --model "$1" --lr "$2" --epochs 4 -b 32 \
    --nesterov --weight-decay 5e-4 --output "$folder" --experiment "$1" >/dev/null 2>&1
  tail -n 1 "$folder/$1/summary.csv" | cut -d, -f4
}

linear=$(accuracy linear 0.005)
resnet=$(accuracy resnet20 0.05)
echo "shapes: linear $linear %, resnet20 $resnet %"
awk -v linear="$linear" -v resnet="$resnet" 'BEGIN { exit !(linear < 35 && resnet > 70) }'
