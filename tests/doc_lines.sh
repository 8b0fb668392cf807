#!/usr/bin/env bash
# Every `code` [file:N](../path#LN) in docs/ must be what line N of that file says.
set -euo pipefail
cd "$(dirname "$0")/.."
checked=0 wrong=0
while IFS=$'\t' read -r page code path line; do
  checked=$((checked + 1))
  text=$(sed -n "${line}p" "$path" 2>/dev/null || true)
  [[ "$text" == *"$code"* ]] && continue
  echo "$page: line $line of $path is not '$code' but '$text'"
  wrong=$((wrong + 1))
done < <(grep -oE '`[^`]+` \[[^]]*\]\(\.\./[^)#]+#L[0-9]+\)' docs/*.md |
  sed -E 's/^([^:]+):`([^`]+)` \[[^]]*\]\(\.\.\/([^)#]+)#L([0-9]+)\)$/\1\t\2\t\3\t\4/')
pointers=$(grep -oE '\]\(\.\./[^)]*#L[0-9]+\)' docs/*.md | wc -l)
[ "$checked" -eq "$pointers" ] || echo "$((pointers - checked)) of $pointers lines are pointed at without being quoted before it"
echo "$checked lines checked, $wrong wrong"
[ "$checked" -gt 0 ] && [ "$wrong" -eq 0 ] && [ "$checked" -eq "$pointers" ]
