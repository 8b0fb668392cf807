#!/usr/bin/env python3
"""Forwards two images through PyTorch's twins of demix's networks and records the logits in networks.json, and writes
the weights of a small one as official.safetensors, for tests/nn/weights_test.cpp.

    python3 tests/recorded/networks.py      (pip install torch torchvision timm safetensors)

Weights and images come from a hash that the C++ test computes too, so no weights are stored but the small ones. All is
computed in float64, so that the record is the truth to which both programs' float32 is an approximation.
"""
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from trajectory import Block, ResNet20, noise

CLASSES = 10


class WideBlock(nn.Module):
    """conv2(relu(bn2(conv1(a)))) + shortcut, where a = relu(bn1(x)) and the shortcut is x, or of another shape conv(a)."""

    def __init__(self, ic, oc, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(ic), nn.Conv2d(ic, oc, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(oc), nn.Conv2d(oc, oc, 3, 1, 1, bias=False)
        self.convShortcut = None if ic == oc else nn.Conv2d(ic, oc, 1, stride, bias=False)

    def forward(self, x):
        a = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return y + (x if self.convShortcut is None else self.convShortcut(a))


class WideResNet28(nn.Module):
    """WRN-28 with the names of github.com/xternalz/WideResNet-pytorch: block1.layer.0.convShortcut.weight, ..."""

    def __init__(self, widen, classes=CLASSES):
        super().__init__()
        self.conv1, ic = nn.Conv2d(3, 16, 3, 1, 1, bias=False), 16
        for stage in range(3):
            stride, oc = 1 if stage == 0 else 2, 16 * widen << stage
            blocks = [WideBlock(ic, oc, stride)] + [WideBlock(oc, oc, 1) for _ in range(3)]
            self.add_module(f"block{stage + 1}", nn.Sequential())
            getattr(self, f"block{stage + 1}").add_module("layer", nn.Sequential(*blocks))
            ic = oc
        self.bn1, self.fc = nn.BatchNorm2d(ic), nn.Linear(ic, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class SmallResNet(nn.Module):
    """Two stages of one block each, with 4 and 8 channels."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.layer1, self.layer2 = nn.Sequential(Block(4, 4, 1)), nn.Sequential(Block(4, 8, 2))
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))).mean((2, 3)))


LIBRARY_NAMES = {"resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "resnext50": "resnext50_32x4d"}


def with_stem(model, stem):
    """torchvision's and timm's residual networks begin for large pictures; for small ones as demix does it."""
    if stem == "cifar":
        model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model


def torchvision_network(name, stem, classes=CLASSES):
    return with_stem(torchvision.models.get_model(LIBRARY_NAMES[name], num_classes=classes), stem)


def timm_network(name, stem, classes=CLASSES):
    import timm
    return with_stem(timm.create_model(LIBRARY_NAMES[name], num_classes=classes), stem)


def stream_of(name: str) -> int:
    """FNV-1a, 32 bits."""
    stream = 2166136261
    for byte in name.encode():
        stream = (stream ^ byte) * 16777619 & 0xFFFFFFFF
    return stream


def float32(values: np.ndarray) -> torch.Tensor:
    """The C++ program holds float32, so the record starts from those values."""
    return torch.from_numpy(values.astype(np.float32).astype(np.float64))


def fill(model: nn.Module) -> nn.Module:
    """Every parameter and buffer from the hash, its stream being its name, its index that in PyTorch's order."""
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        values = noise(value.numel(), stream_of(name))
        if value.dim() > 1:
            values = values * math.sqrt(3 / (value.numel() / value.shape[0]))
        elif name.endswith("weight") or name.endswith("running_var"):
            values = 1 + values / 2
        else:
            values = values / 2
        value.copy_(float32(values).reshape(value.shape))
    return model


def images(size: int) -> torch.Tensor:
    """Two images (n, c, h, w), drawn as (n, h, w, c): noise around a colour."""
    pixels = noise(2 * size * size * 3, stream_of("images")).reshape(2, size, size, 3)
    return float32(2 * pixels + noise(6, stream_of("colours")).reshape(2, 1, 1, 3)).permute(0, 3, 1, 2)


def logits(model: nn.Module, size: int) -> torch.Tensor:
    with torch.no_grad():
        return fill(model.double().eval())(images(size))


def main():
    import timm
    from safetensors.torch import save_file
    cases = []

    def record(name, stem, size, y):
        cases.append({"network": name, "stem": stem, "size": size, "logits": [[round(v, 9) for v in r] for r in y.tolist()]})

    for name in ("resnet18", "resnet50", "resnext50"):
        for stem, size in (("cifar", 32), ("imagenet", 64)):
            y = logits(torchvision_network(name, stem), size)
            assert torch.allclose(y, logits(timm_network(name, stem), size), rtol=1e-9, atol=0), "timm differs"
            record(name, stem, size, y)
    record("resnet20", "cifar", 32, logits(ResNet20(), 32))
    record("wrn28-2", "cifar", 32, logits(WideResNet28(2), 32))
    small = SmallResNet()
    record("small", "cifar", 32, logits(small, 32))

    folder = pathlib.Path(__file__).parent
    save_file(small.float().state_dict(), folder / "official.safetensors", metadata={"format": "pt"})
    made_with = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, float64"
    rows = ",\n".join("  " + json.dumps(case) for case in cases)
    (folder / "networks.json").write_text(f'{{\n "made_with": "{made_with}",\n "cases": [\n{rows}\n ]\n}}\n')
    print("wrote networks.json and official.safetensors")


if __name__ == "__main__":
    main()
