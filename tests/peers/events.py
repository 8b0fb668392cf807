#!/usr/bin/env python3
"""TensorBoard reads the event files: one, and those of a run that was killed and resumed.

    tests/peers/events.py --tool build/tests/events      (pip install tensorboard)

Tags, steps and values must be those that went in, as floats, both for TensorBoard's Python code and for the data server that
`tensorboard --logdir` starts. Ends with 77 where a package is missing.
"""
import argparse
import importlib.util
import logging
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

if importlib.util.find_spec("tensorboard") is None:
    print("skipped: this Python has no tensorboard")
    sys.exit(77)

from tensorboard import context
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.data import server_ingester
from tensorboard.util import grpc_util

logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it warns that it drops steps, as it should


def write(tool: pathlib.Path, folder: pathlib.Path, first_step: int, scalars: list) -> pathlib.Path:
    """A new event file of (tag, step, value)."""
    lines = "".join(f"{tag} {step} {value!r}\n" for tag, step, value in scalars)
    out = subprocess.run([tool, folder, str(first_step)], input=lines, capture_output=True, text=True, check=True).stdout
    return pathlib.Path(out.strip())


def by_tag(scalars: list) -> dict:
    """Tag to its steps and values, these as floats and NaN as a text, so that it equals itself."""
    tags = {}
    for tag, step, value in scalars:
        value = struct.unpack("f", struct.pack("f", value))[0]
        tags.setdefault(tag, []).append((step, "nan" if math.isnan(value) else value))
    return tags


def by_python(folder: pathlib.Path, _: dict) -> dict:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return by_tag([(tag, e.step, e.value) for tag in events.Tags()["scalars"] for e in events.Scalars(tag)])


def by_server(folder: pathlib.Path, expected: dict) -> dict:
    """It answers before it has read everything, so it is given ten seconds."""
    server = server_ingester.SubprocessServerDataIngester(
        server_binary=server_ingester.get_server_binary(), logdir=str(folder), reload_interval=0,
        channel_creds_type=grpc_util.ChannelCredsType.LOCAL)
    server.start()
    until, seen = time.monotonic() + 10, None
    while seen != expected and time.monotonic() < until:
        time.sleep(0.02)
        runs = server.data_provider.read_scalars(context.RequestContext(), experiment_id="", plugin_name="scalars",
                                                 downsample=10000)
        seen = by_tag([(tag, p.step, p.value) for tags in runs.values() for tag, points in tags.items() for p in points])
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, required=True)
    tool = parser.parse_args().tool
    readers = {"Python": by_python}
    try:
        server_ingester.get_server_binary()
        readers["the data server"] = by_server
    except server_ingester.NoDataServerError as error:
        print("no data server to ask:", error)

    wrong = False

    def compare(what: str, folder: pathlib.Path, scalars: list) -> None:
        nonlocal wrong
        for name, read in readers.items():
            expected = by_tag(scalars)
            seen = read(folder, expected)
            print(f"{what}, by {name}: {'as written' if seen == expected else f'{seen} instead of {expected}'}")
            wrong |= seen != expected

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        scalars = [("train/loss", step, 3 / (1 + step)) for step in range(300)]
        scalars += [("eval/top1", step, 1.1 * step) for step in (0, 100, 1 << 40)]
        scalars += [("odd", step, value) for step, value in enumerate([math.nan, math.inf, -math.inf, 1e-40])]
        (folder / "one").mkdir()
        write(tool, folder / "one", 0, scalars)
        compare("one file", folder / "one", scalars)

        # Killed within the record of step 9, and resumed from what was saved before step 6: twice, all within a second.
        (folder / "resumed").mkdir()
        for again in range(2):
            lost = write(tool, folder / "resumed", 6 * again, [("loss", step, 10 * again + step) for step in range(6 * again, 10)])
            lost.write_bytes(lost.read_bytes()[:-7])
        last = [("loss", step, 20 + step) for step in range(6, 12)]
        write(tool, folder / "resumed", 6, last)
        compare("three files of a resumed run", folder / "resumed", [("loss", step, step) for step in range(6)] + last)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
