#!/usr/bin/env python3
"""Compares demix with PyTorch and oneDNN on this machine and writes the table into docs/performance.md.

    tests/bench/compare.py [--pairs 5] [--rows resnet18,resnext50] [--python FILE]... [--write docs/performance.md]

Every --python is an interpreter that has PyTorch; without one, python3 is tried. A peer's setting is chosen per row by a
short run of each (interpreter, memory format), under jemalloc with huge pages where it is installed. Then both sides run
by turns, and the ratios of the pairs count, so that the moods of a shared machine fall on both.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "apps" / "bench"
PEER = ROOT / "tests" / "bench" / "peer.py"
ONEDNN = ROOT / "build" / "tests" / "bench_onednn"
JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")

# name: (arguments of both sides, steps of a run, at least, aim for)
ROWS = {
    "ResNet-18, batch 128": (["--model", "resnet18", "--batch", "128"], 4, 2.2, 3.0),
    "ResNet-20, batch 128": (["--model", "resnet20", "--batch", "128"], 12, 1.5, 2.2),
    "ResNet-18 at 64x64, batch 64": (["--model", "resnet18", "--batch", "64", "--size", "64"], 2, 2.2, 3.0),
    "ResNeXt-50 32x4d, batch 32": (["--model", "resnext50", "--batch", "32"], 3, 1.3, 1.8),
    "WRN-28-8, batch 32": (["--model", "wrn28-8", "--batch", "32"], 2, 2.2, 3.0),
}


def last_json(command, environment=None):
    """What a program printed on its last line; None where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def peer_environment():
    if not JEMALLOC.exists():
        return {}
    return {"LD_PRELOAD": str(JEMALLOC), "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"}


def peer_command(python, layout, arguments, steps, threads):
    return [python, str(PEER), *arguments, "--steps", str(steps), "--threads", str(threads), *layout]


def fastest_peer(pythons, arguments, threads):
    """The fastest (interpreter, memory format), by the best step of a short run."""
    best, chosen = 0, None
    for python in pythons:
        for layout in (["--channels-last"], []):
            result = last_json(peer_command(python, layout, arguments, 2, threads), peer_environment())
            if result and result["img_s_best"] > best:
                best, chosen = result["img_s_best"], (python, layout)
    return chosen


def step_row(name, pythons, pairs, threads):
    arguments, steps, floor, aim = ROWS[name]
    peer = fastest_peer(pythons, arguments, threads)
    ours, theirs, ratios, memory, label = [], [], [], [], "none installed"
    for _ in range(pairs):
        mine = last_json([str(BENCH), *arguments, "--steps", str(steps), "--threads", str(threads)])
        ours.append(mine["img_s_median"])
        if not peer:
            continue
        other = last_json(peer_command(*peer, arguments, steps, threads), peer_environment())
        theirs.append(other["img_s_median"])
        ratios.append(ours[-1] / theirs[-1])
        memory.append(mine["peak_rss_mib"] / other["peak_rss_mib"])
        label = other["peer"] + (" channels_last" if other["channels_last"] else "")
        print(f"  {name}: {ours[-1]:.1f} against {theirs[-1]:.1f} ({label}), {ratios[-1]:.2f} x", file=sys.stderr)
    if not peer:
        return f"| {name} | {statistics.median(ours):.1f} | | | {floor} x | {aim} x | | {label} |"
    ordered = sorted(ratios)
    return (f"| {name} | {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} | "
            f"**{statistics.median(ratios):.2f} x** ({ordered[0]:.2f} to {ordered[-1]:.2f}) | {floor} x | {aim} x | "
            f"{statistics.median(memory):.2f} x | {label} |")


def kernel_ms(kernel, threads):
    """Median milliseconds of a convolution pass by image size, for the 3x3 stride-1 layers of equal width."""
    out = subprocess.run([str(BENCH), "--kernel", kernel, "--steps", "5", "--threads", str(threads)],
                         capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^(\d+)x\d+ (\d+) > (\d+) 3x3/1\s+([\d.]+)", out, re.M)
    return {int(size): float(ms) for size, ic, oc, ms in rows if ic == oc}


def onednn_rows(pairs, threads):
    if not ONEDNN.exists():
        return ["| oneDNN direct | not installed | | |"]
    passes = ("conv2d", "conv2d_backward_data", "conv2d_backward_weight")
    ratios = {}
    for _ in range(pairs):
        ours = [kernel_ms(kernel, threads) for kernel in passes]
        out = subprocess.run([str(ONEDNN), "128", "5"], capture_output=True, text=True, check=True,
                             env={**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "close"}).stdout
        for line in out.split("\n"):
            if line:
                size, *theirs = line.split()
                for k in range(3):
                    ratios.setdefault((int(size), k), []).append(float(theirs[k]) / ours[k][int(size)])
    medians = {key: statistics.median(values) for key, values in ratios.items()}
    rows = [f"| {size}x{size}, {2048 // size} channels | " + " | ".join(f"{medians[size, k]:.2f} x" for k in range(3)) + " |"
            for size in (32, 16, 8, 4)]
    mean = statistics.geometric_mean(medians.values())
    return rows + [f"| geometric mean of all twelve | **{mean:.2f} x** | (at least 1.5 x, aim 2.5 x) | |"]


def scaling(pairs, threads):
    ratios = []
    for _ in range(pairs):
        rates = [last_json([str(BENCH), "--model", "resnet18", "--steps", "3", "--threads", str(count)])["img_s_median"]
                 for count in (1, threads)]
        ratios.append(rates[1] / rates[0])
    return statistics.median(ratios)


def machine(threads):
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores seen, {threads} threads used"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rows", default="", help="only rows whose name contains one of these, comma-separated")
    parser.add_argument("--python", action="append", help="an interpreter with PyTorch; may be repeated")
    parser.add_argument("--write", type=Path, help="page whose measured part is replaced")
    args = parser.parse_args()
    wanted = [w for w in args.rows.lower().split(",") if w]
    names = [n for n in ROWS if not wanted or any(w in n.lower() for w in wanted)]

    lines = [f"Machine: {machine(args.threads)}. {args.pairs} pairs a row; medians.", "",
             "| whole step | demix img/s | PyTorch img/s | ratio (range) | at least | aim | memory | PyTorch's best setting |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    lines += [step_row(name, args.python or ["python3"], args.pairs, args.threads) for name in names]
    if not wanted:
        lines += ["", "| 3x3 at stride 1, batch 128, oneDNN direct / demix | forward | backward data | backward weight |",
                  "| --- | --- | --- | --- |", *onednn_rows(args.pairs, args.threads)]
        peak, *others = [subprocess.run([str(BENCH), flag, "--threads", str(args.threads)], capture_output=True, text=True,
                                        check=True).stdout.rstrip().split("\n") for flag in ("--peak", "--overhead", "--data")]
        fma = [float(row.split()[1]) for row in peak[1:]]
        lines += ["", f"ResNet-18, one thread to {args.threads}: {scaling(args.pairs, args.threads):.2f} x; nothing but "
                  f"multiply-adds: {fma[-1] / fma[0]:.2f} x.", "", "```", *peak, *sum(others, []), "```"]
    text = "\n".join(lines)
    print(text)
    if args.write:
        page = args.write.read_text()
        begin, end = "<!-- measured -->\n", "<!-- end of measured -->"
        before, rest = page.split(begin)
        args.write.write_text(before + begin + text + "\n" + end + rest.split(end)[1])


if __name__ == "__main__":
    main()
