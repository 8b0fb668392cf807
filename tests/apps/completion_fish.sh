#!/usr/bin/env bash
# What fish completes: completion_fish.sh <folder of the programs> <odd_flags>
set -euo pipefail
command -v fish > /dev/null || { echo "no fish here: skipped"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/a folder"
touch "$folder/a file"
export HOME=$folder PATH=$1:$(dirname "$2"):$PATH
failed=0

# The line, and what is offered, with its text behind a tab.
offers() {
  found=$(cd "$folder" && fish --no-config -c "${1%% *} --completion fish | source; complete -C \$argv[1]" "${path:-}$1")
  [ "$found" = "$(printf '%s\n' "${@:2}")" ] && return
  echo "'$1' offers '$found'"
  failed=1
}
loss=$'\tLoss of the mixed targets'
offers 'train_cifar --los' "--loss$loss"
offers 'train_cifar --loss d' "dm$loss" "dm-bce$loss"
offers 'train_cifar --loss=d' "--loss=dm$loss" "--loss=dm-bce$loss"
path=$1/ offers 'train_cifar --loss dm-' "dm-bce$loss"
offers 'train_cifar --no-n' $'--no-nesterov\tNesterov\'s momentum'
offers 'train_cifar --epochs '
offers 'train_cifar --unknown='
offers 'train_cifar --config a' 'a file' 'a folder/'
offers 'train_cifar --config=a' '--config=a file' '--config=a folder/'
offers 'train_cifar --data-dir a' $'a folder/\tDirectory'
offers 'train_cifar --data-dir=a' $'--data-dir=a folder/\tDirectory'
offers 'train_cifar --data-dir=' $'--data-dir=a folder/\tDirectory'
offers 'report a' $'a folder/\tDirectory'
offers 'odd_flags --list alpha+b' $'alpha+beta\t\'quoted\''
offers 'odd_flags --list=alpha@1+b' $'--list=alpha@1+beta\t\'quoted\''
offers 'odd_flags --nam' $'--name\tIt\'s a "test": [in] brackets, `id`, $HOME, $(id), 100 % {x,y} <b> ~ * ? ! & | ; # \\n'
offers 'odd_flags --dots' $'--dots\t\'.TP ends with a backslash\\'
exit $failed
