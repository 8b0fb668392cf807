#!/usr/bin/env python3
"""Times training steps on a GPU, beside PyTorch where it is installed, and prints a table.

    tests/bench/compare_gpu.py [--pairs 3] [--python FILE] [--model resnet18] [--batches 128,512]

demix runs with and without a recorded step (CUDA graph), PyTorch eagerly and compiled, both in its channels_last format;
what is fastest counts. Both sides run by turns. Float32 is without TF32.
"""
import argparse
import json
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "apps" / "bench"
PEER = ROOT / "tests" / "bench" / "peer.py"
ARITHMETIC = {"float32": [], "TF32": ["--tf32"], "bfloat16": ["--amp"]}


def rate(command):
    """Images a second, and the whole of what the program printed last; 0 where it failed."""
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        print("  failed:", " ".join(map(str, command)), done.stderr.strip().splitlines()[-1:], flush=True)
        return 0, {}
    result = json.loads(lines[-1])
    return result["img_s_median"], result


def row(args, batch, arithmetic):
    common = ["--model", args.model, "--batch", str(batch), "--device", "cuda", *ARITHMETIC[arithmetic]]
    sides = {"kernel by kernel": [BENCH, *common, "--steps", "60"],
             "recorded": [BENCH, *common, "--steps", "60", "--cuda-graph"]}
    if args.python:
        peer = [args.python, PEER, *common, "--steps", "60", "--channels-last"]
        sides |= {"PyTorch": peer, "PyTorch compiled": [*peer, "--compile"]}
    rates = {name: [] for name in sides}
    for _ in range(args.pairs):
        for name, command in sides.items():
            rates[name].append(rate(command)[0])
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ours = max(medians["kernel by kernel"], medians["recorded"])
    cells = [f"{medians[name]:.0f}" for name in medians]
    if args.python:
        theirs = [medians["PyTorch"], medians["PyTorch compiled"]]
        cells += [f"{ours / value:.2f} x" if value else "-" for value in theirs]
    return f"| {args.model}, batch {batch}, {arithmetic} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--python", help="an interpreter with PyTorch for CUDA")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batches", default="128,512")
    args = parser.parse_args()
    _, first = rate([BENCH, "--model", args.model, "--batch", "8", "--steps", "1", "--device", "cuda"])
    print(f"GPU: {first.get('device', 'none')}; images a second, medians of {args.pairs}\n")
    heads = ["step", "kernel by kernel", "recorded"]
    heads += ["PyTorch", "compiled", "of PyTorch", "of compiled"] if args.python else []
    print("| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|")
    for batch in args.batches.split(","):
        for arithmetic in ARITHMETIC:
            print(row(args, int(batch), arithmetic), flush=True)


if __name__ == "__main__":
    main()
