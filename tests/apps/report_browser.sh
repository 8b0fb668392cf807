#!/usr/bin/env bash
# Opens a report and a comparison with long names, twenty classes and a wide picture in headless Chromium, in frames as wide as a
# telephone and a desktop: nothing may reach beyond the width, and the page must be painted in the colours that were asked for.
set -euo pipefail
report=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  { echo "no Chromium here: skipped"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run=$folder/a_run_with_quite_a_long_name_that_has_no_place_to_break_on_a_telephone
long=$(printf 'long%.0s' {1..60})
mkdir -p "$run/images"
{
  echo epoch,train_loss,eval_loss,eval_top1,eval_top5,mixed_top1,mixed_top2,lr
  for i in {1..30}; do echo "$i,123456.5,0.00001,$i.25,$i.5,1,2,0.000012345"; done
} > "$run/summary.csv"
printf "model: 'resnet18'\ndata_dir: '%s'\n%s: 1\n" "$long" "$long" > "$run/args.yaml"
printf '{"flags": "%s", "%s": 1, "parameters": 11220132}' "$long" "$long" > "$run/env.json"
printf '{"step": %d, "loss": 1, "images_per_second": 1650}\n' 100000 200000 > "$run/metrics.jsonl"
names=$(printf ',a class with a long name %d' {1..20})
{
  echo "true$names"
  for i in {1..20}; do printf 'a class with a long name %d%s\n' "$i" "$(printf ',%d' {1001..1020})"; done
} > "$run/confusion.csv"
head -c 1000 /dev/urandom > "$run/images/damaged.png"
cp -r "$run" "${run}_2" && sed -i 's/resnet18/resnet50/; s/longlong/other/' "${run}_2/args.yaml"
"$report" "$run"
"$report" "$run" "${run}_2" "$run" "$run" "$run" --output "$folder/compare.html"

failed=0
for page in "$run/report.html" "$folder/compare.html"; do
  for width in 320 390 800 1200; do
    for scheme in 0:dark 1:light; do
      # Chromium's window may be no narrower than 500 pixels; a frame may.
      { sed 's/<details>/<details open>/' "$page"
        echo "<script>onload = () => { const root = document.documentElement; parent.postMessage('width ' +
          root.scrollWidth + ' of ' + innerWidth + ' on ' + getComputedStyle(document.body).backgroundColor, '*') }</script>"
      } > "$folder/inner.html"
      echo "<iframe src='inner.html' style='width: ${width}px; height: 900px; border: 0'></iframe><p></p>
        <script>onmessage = event => { document.querySelector('p').textContent = event.data }</script>" > "$folder/outer.html"
      said=$("$chromium" --headless --hide-scrollbars --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --virtual-time-budget=5000 \
        --blink-settings=preferredColorScheme=${scheme%:*} --window-size=1400,1000 --dump-dom \
        "file://$folder/outer.html" 2> /dev/null | grep -o '<p>.*</p>' || true)
      case $scheme in *dark) paper='rgb(13, 17, 23)' ;; *) paper='rgb(244, 245, 247)' ;; esac
      if [ "$said" != "<p>width $width of $width on $paper</p>" ]; then
        echo "$(basename "$page") at $width pixels, ${scheme#*:}: '$said'"
        failed=1
      fi
    done
  done
done
exit $failed
