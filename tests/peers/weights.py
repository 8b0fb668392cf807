#!/usr/bin/env python3
"""Weights go from PyTorch to demix and back, live: torchvision's, timm's and a few more networks, random weights.

    tests/peers/weights.py      (pip install torch torchvision timm safetensors pillow; demix built in build/)

Each network is saved by the safetensors package, read by train_cifar, which trains one step that changes nothing, and what
that writes is loaded with strict=True: every tensor must be the same, bit for bit. validate computes the logits of a few
pictures from both files: they must be those of PyTorch, to 1e-4 of the largest. Ends with 77 where a package is missing.
"""
import argparse
import csv
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

missing = [name for name in ("torch", "torchvision", "timm", "safetensors", "PIL") if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: this Python has no", ", ".join(missing))
    sys.exit(77)

import numpy
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "recorded"))
import networks


def twins(name: str, stem: str) -> dict:
    """PyTorch's versions of a network, by the library they come from."""
    if name == "resnet20":
        return {"own": networks.ResNet20()}
    if name == "wrn28-2":
        return {"own": networks.WideResNet28(2)}
    return {"torchvision": networks.torchvision_network(name, stem), "timm": networks.timm_network(name, stem)}


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """New numbers for everything, so that nothing can be equal because it was never touched."""
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            value.fill_(7)
        elif value.dim() >= 2:
            value.normal_(0, (2 / value[0].numel()) ** 0.5)  # as large behind a layer as before it
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        else:
            value.normal_(1 if name.endswith("weight") else 0, 0.2)
    return model.eval()


def through_demix(apps: pathlib.Path, name: str, stem: str, checkpoint: pathlib.Path) -> pathlib.Path:
    """Lets train_cifar read a file, and returns the one that it writes after a step of learning rate zero."""
    command = [apps / "train_cifar", "--model", name, "--stem", stem, "--init-checkpoint", checkpoint, "--dataset", "shapes",
               "--shapes-train", "20", "--shapes-test", "10", "--batch-size", "10", "--max-steps", "1", "--lr", "0",
               "--bn-momentum", "0", "--output", checkpoint.parent, "--experiment", "demix"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: train_cifar failed: {done.stderr.strip()}")
    return checkpoint.parent / "demix" / "last.safetensors"


def write_pictures(folder: pathlib.Path) -> torch.Tensor:
    """Eight made-up pictures in class folders, and what a network is given of them: (8, 3, 32, 32)."""
    mean, deviation = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
    inputs = []
    for part in ("train", "val"):
        for k in range(networks.CLASSES):
            (folder / part / str(k)).mkdir(parents=True)
    generator = numpy.random.default_rng(5)
    for k in range(networks.CLASSES):
        pixels = generator.integers(0, 256, (32, 32, 3), dtype=numpy.uint8)
        for part in ("train", "val"):
            Image.fromarray(pixels).save(folder / part / str(k) / "picture.png")
        inputs.append((pixels / 255 - mean) / deviation)
    return torch.tensor(numpy.stack(inputs), dtype=torch.float32).permute(0, 3, 1, 2)


def logits_of(apps: pathlib.Path, name: str, stem: str, checkpoint: pathlib.Path, pictures: pathlib.Path) -> numpy.ndarray:
    """What demix computes with the weights of a file."""
    out = checkpoint.parent / "predictions.csv"
    command = [apps / "validate", "--checkpoint", checkpoint, "--model", name, "--stem", stem, "--dataset", "folder",
               "--data-dir", pictures, "--size", "32", "--resize", "32", "--predictions-file", out]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: validate failed: {done.stderr.strip()}")
    with open(out) as file:
        return numpy.array([[float(value) for value in row[3:]] for row in list(csv.reader(file))[1:]])


def distance(model: torch.nn.Module, inputs: torch.Tensor, logits: numpy.ndarray) -> float:
    """The largest difference to PyTorch's logits, as a share of the largest of these."""
    with torch.no_grad():
        expected = model(inputs).numpy()
    assert expected.std(axis=0).mean() > 0.01 * abs(expected).max(), "the pictures do not matter"
    return abs(expected - logits).max() / abs(expected).max()


def load_strictly(model: torch.nn.Module, path: pathlib.Path) -> torch.nn.Module:
    """Every tensor of the file must be the model's, and the other way round."""
    with safe_open(path, "pt") as file:
        assert file.metadata().get("format") == "pt", path
    model.load_state_dict(load_file(path), strict=True)
    return model


def compare(model: torch.nn.Module, state: dict) -> tuple:
    """How many tensors a model has besides counters, and those of them that are not as in a state."""
    own = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    return len(own), [name for name in own if not torch.equal(own[name], state[name])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--apps", type=pathlib.Path, default=ROOT / "build" / "apps", help="where train_cifar is")
    apps = parser.parse_args().apps.resolve()
    torch.manual_seed(0)
    wrappers = {"": lambda model: model, "DataParallel of ": torch.nn.DataParallel, "compiled ": getattr(torch, "compile", None)}
    plain = [(name, stem, "") for name in ("resnet18", "resnet50", "resnext50") for stem in ("cifar", "imagenet")]
    cases = plain + [("resnet20", "cifar", ""), ("wrn28-2", "cifar", ""), ("resnet18", "cifar", "DataParallel of "),
                     ("resnet18", "cifar", "compiled ")]
    cases = [case for case in cases if wrappers[case[2]]]  # PyTorch 1 compiles nothing
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        pictures = pathlib.Path(folder) / "pictures"
        inputs = write_pictures(pictures)
        for case, (name, stem, wrapper) in enumerate(cases):
            for library, model in twins(name, stem).items():
                randomise(model)
                checkpoint = pathlib.Path(folder) / f"{case}-{library}" / "torch.safetensors"
                checkpoint.parent.mkdir()
                save_file(wrappers[wrapper](model).state_dict(), checkpoint, metadata={"format": "pt"})
                read = distance(model, inputs, logits_of(apps, name, stem, checkpoint, pictures))
                written = through_demix(apps, name, stem, checkpoint)
                logits = logits_of(apps, name, stem, written, pictures)
                for reader, twin in twins(name, stem).items():
                    count, differ = compare(load_strictly(twin, written), model.state_dict())
                    back = distance(twin.eval(), inputs, logits)
                    result = "these differ: " + ", ".join(differ[:3]) if differ else f"{count} tensors are the same"
                    print(f"{wrapper}{name}, {stem} stem: {library} -> demix -> {reader}: {result}; "
                          f"logits differ by {read:.1e}, {back:.1e}", flush=True)
                    wrong += bool(differ) or not max(read, back) < 1e-4
                written.unlink()
                checkpoint.unlink()
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
