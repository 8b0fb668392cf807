#!/usr/bin/env python3
"""Pictures are decoded and resized as Pillow does it: JPEG files, their middle after resizing, bilinear and bicubic.

    tests/peers/pictures.py --tool build/tests/pictures [--folder FOLDER]      (pip install pillow numpy)

Reads the images of a folder, or without one makes some up. Decoded pixels must be equal, resized ones differ by less than
one grey level on average. Ends with 77 where a package is missing.
"""
import argparse
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

missing = [name for name in ("PIL", "numpy") if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: this Python has no", ", ".join(missing))
    sys.exit(77)

import numpy
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def make_pictures(folder: pathlib.Path) -> None:
    """Waves, edges and noise, in colour and grey, in several sizes and ways to subsample colour."""
    generator = numpy.random.default_rng(3)
    for i, (width, height) in enumerate([(64, 64), (500, 375), (333, 500), (120, 81), (800, 600)]):
        y, x, c = numpy.mgrid[0:height, 0:width, 0:3]
        wave = 90 * numpy.sin(x * (0.02 + 0.03 * i) + c) * numpy.cos(y * 0.05 - c) + 60 * ((x // 17 + y // 13 + c) % 3)
        pixels = numpy.clip(wave + 90 + generator.normal(0, 8, wave.shape), 0, 255).astype(numpy.uint8)
        for subsampling in (0, 1, 2):
            Image.fromarray(pixels).save(folder / f"{i}-{subsampling}.jpg", quality=88, subsampling=subsampling)
        Image.fromarray(pixels[:, :, 0]).save(folder / f"{i}-grey.jpg", progressive=True)


def seen(tool: pathlib.Path, file: pathlib.Path, side: int, size: int, name: str) -> numpy.ndarray:
    out = subprocess.run([tool, file, str(side), str(size), name], capture_output=True, check=True).stdout
    return numpy.frombuffer(out, numpy.uint8).astype(int)


def by_pillow(image: Image.Image, side: int, size: int, name: str) -> numpy.ndarray:
    """As torchvision does it: the shorter side, then the middle."""
    shorter = min(image.size)
    width, height = (side if length == shorter else length * side // shorter for length in image.size)
    image = image.resize((width, height), FILTERS[name])
    left, top = round((width - size) / 2), round((height - size) / 2)
    return numpy.asarray(image.crop((left, top, left + size, top + size))).astype(int).ravel()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, help="images to compare; not given: made-up ones")
    args = parser.parse_args()
    wrong = False
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or pathlib.Path(scratch)
        if not args.folder:
            make_pictures(folder)
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
        pixels = 0
        for file in files:
            expected = numpy.asarray(Image.open(file).convert("RGB")).ravel()
            pixels = max(pixels, abs(seen(args.tool, file, 0, 0, "bilinear") - expected).max())
        print(f"{len(files)} files decoded: largest difference {pixels}")
        wrong |= not files or pixels > 0
        for name in FILTERS:
            for side, size in ((256, 224), (36, 32)):
                means, largest = [], 0
                for file in files:
                    difference = abs(seen(args.tool, file, side, size, name) -
                                     by_pillow(Image.open(file).convert("RGB"), side, size, name))
                    means.append(difference.mean())
                    largest = max(largest, difference.max())
                print(f"{name}, {side} then {size}: mean difference at most {max(means):.4f} grey levels, largest {largest}")
                wrong |= max(means) >= 1
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
