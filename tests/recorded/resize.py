#!/usr/bin/env python3
"""Makes resize.json: a made-up image, crops of it resized by Pillow. Needs Pillow and numpy."""
import json
import pathlib

import numpy
from PIL import Image

HEIGHT, WIDTH = 23, 31


def pixels():
    y, x, c = numpy.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
    wave = 100 * numpy.sin(0.9 * x + c) * numpy.cos(0.7 * y - c) + 50 * ((x // 5 + y // 4 + c) % 3)
    return numpy.clip(numpy.rint(wave + 80), 0, 255).astype(numpy.uint8)


def main():
    image = Image.fromarray(pixels())
    cases = []
    for crop, size in [((0, 0, 23, 31), (8, 9)), ((0, 0, 23, 31), (40, 50)), ((3, 5, 12, 20), (16, 16)),
                       ((2, 1, 21, 7), (7, 7)), ((0, 0, 23, 31), (23, 31)), ((10, 10, 1, 1), (3, 2))]:
        y, x, h, w = crop
        for name, resample in [("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)]:
            part = image.crop((x, y, x + w, y + h)).resize((size[1], size[0]), resample)
            cases.append({"crop": crop, "size": size, "filter": name, "pixels": numpy.asarray(part).ravel().tolist()})
    out = {"height": HEIGHT, "width": WIDTH, "image": pixels().ravel().tolist(), "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
