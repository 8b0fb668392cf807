#!/usr/bin/env bash
# Manual pages as groff and man read them: man_pages.sh <folder of the programs> <odd_flags>
set -euo pipefail
command -v groff > /dev/null || { echo "no groff here: skipped"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
for program in "$1"/{check_dataset,loss,mixes,report,train_cifar,train_folder,train_tiny_imagenet,validate} "$2"; do
  page=$folder/$(basename "$program").1
  "$program" --man > "$page"
  for width in 78n 60n; do
    groff -man -ww -Tutf8 -rLL=$width "$page" > "$page.txt" 2> "$page.warnings" || true
    [ -s "$page.txt" ] && [ ! -s "$page.warnings" ] && continue
    echo "$page at $width:" && cat "$page.warnings"
    failed=1
  done
  # The words of --help, in the same order, but for those of the first and last line that man adds.
  words() { sed 's/ \\$//' | tr -s ' \n' '\n\n' | sed '/^$/d'; }
  groff -man -Tutf8 -P-cbou "$page" | sed '1d;$d' | words > "$page.words"
  "$program" --help | words > "$page.help"
  cmp -s "$page.words" "$page.help" && continue
  echo "$page differs from --help:" && { diff "$page.words" "$page.help" || true; } | head -n 20
  failed=1
done
if command -v man > /dev/null; then
  for page in "$folder"/*.1; do
    [ -z "$(man --warnings -l "$page" 2>&1 > /dev/null)" ] && continue
    echo "man --warnings complains about $page" && failed=1
  done
fi
exit $failed
