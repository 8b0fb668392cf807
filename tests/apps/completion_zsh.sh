#!/usr/bin/env bash
# What an interactive zsh completes: completion_zsh.sh <folder of the programs> <odd_flags>
set -euo pipefail
command -v zsh > /dev/null || { echo "no zsh here: skipped"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/home" "$folder/functions" "$folder/home/a folder"
touch "$folder/home/a file"
"$2" --completion zsh > "$folder/functions/_odd_flags"  # found by name, where that of train_cifar is evaluated
for program in "$1"/{check_dataset,loss,mixes,report,train_cifar,train_folder,train_tiny_imagenet,validate}; do
  "$program" --completion zsh > "$folder/script" && zsh -n "$folder/script"
done

# Ctrl-X shows the line between <<< and >>>, and empties it.
cat > "$folder/interactive" << END
PS1= PATH=$1:$(dirname "$2"):\$PATH
fpath=($folder/functions \$fpath)
stty cols 300 rows 300
unsetopt list_ambiguous prompt_sp beep
autoload -U compinit && compinit -u -D
eval "\$(train_cifar --completion zsh)"
show() { zle -I; print -r -- "<<<\$BUFFER>>>"; BUFFER= }
zle -N show && bindkey '^X' show
cd $folder/home
print ready >> $folder/ready
END

cat > "$folder/ask" << 'END'
zmodload zsh/zpty
zpty shell "HOME=$folder/home TERM=dumb zsh -f -i"
zpty -w shell "source $folder/interactive"
until [[ -e $folder/ready ]]; do sleep 0.1; done
setopt extended_glob
failed=0 shown=
asked() { zpty -n -w shell "$1"$'\t\x18'; zpty -r shell shown $'*<<<*>>>*' }
line() {
  asked $1
  local after=${${shown##*<<<}%%>>>*}
  [[ $after == $2 ]] || { print -r "'$1' became '$after', not '$2'"; failed=1 }
}
lists() {
  asked $1
  [[ ${shown// ##/ } == *$2* ]] || { print -r "'$1' does not list '$2' but: $shown"; failed=1 }
}
line 'train_cifar --los' 'train_cifar --loss='
line 'train_cifar --loss dm-' 'train_cifar --loss dm-bce '
line 'train_cifar --loss=dm-' 'train_cifar --loss=dm-bce '
line "$apps/train_cifar --loss dm-" "$apps/train_cifar --loss dm-bce "
line 'train_cifar --mix=cutmix@1:2+mani' 'train_cifar --mix=cutmix@1:2+manifoldmix'
line 'train_cifar --config a\ fi' 'train_cifar --config a\ file '
line 'train_cifar --data-dir a' 'train_cifar --data-dir a\ folder/'
line 'train_cifar --epochs ' 'train_cifar --epochs '
line 'train_cifar --no-n' 'train_cifar --no-nesterov '
lists 'train_cifar --dm-' '--dm-eta -- dm: weight of the decoupled terms'
line 'odd_flags --list alpha+b' 'odd_flags --list alpha+beta'
line 'odd_flags a' 'odd_flags a\ folder/'
lists 'odd_flags --' "--name -- It's a \"test\": [in] brackets, \`id\`, \$HOME, \$(id), 100 % {x,y} <b> ~ * ? ! & | ; # \\n"
lists 'odd_flags --' "--dots -- '.TP ends with a backslash\\"
zpty -d shell
exit $failed
END
folder=$folder apps=$1 zsh -f "$folder/ask"
