#!/usr/bin/env python3
"""Makes cmyk.json: a JPEG of four inks and what Pillow makes of it in red, green and blue. Needs Pillow and numpy."""
import io
import json
import pathlib

import numpy
from PIL import Image

y, x = numpy.mgrid[0:8, 0:16]
inks = numpy.stack([x * 16 % 256, y * 30 % 256, (x + y) * 10 % 256, x * y % 200], -1).astype(numpy.uint8)
file = io.BytesIO()
Image.fromarray(inks, "CMYK").save(file, "JPEG", quality=60, optimize=True)
pixels = numpy.asarray(Image.open(file).convert("RGB")).ravel().tolist()
out = {"file": list(file.getvalue()), "height": 8, "width": 16, "pixels": pixels}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
