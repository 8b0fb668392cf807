#!/usr/bin/env python3
"""Trains a ResNet-20 for 20 steps in PyTorch and records the losses in trajectory.json, for tests/mixup/trajectory_test.cpp.

    python3 tests/recorded/trajectory.py      (Debian: apt-get install python3-torch)

Weights and batches come from a hash that the C++ test computes too, so nothing large is stored. Everything is float64, so
that the record is the truth to which both programs' float32 is an approximation.
"""
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH, CLASSES, STEPS, ETA = 32, 10, 20, 0.1


def noise(count: int, stream: int) -> np.ndarray:
    """Uniform in [-1, 1): a hash of the index and the stream."""
    x = (np.arange(count, dtype=np.uint64) * 2654435761 + stream * 40503 + 12345) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return (x.astype(np.float64) / 2**31 - 1).astype(np.float32).astype(np.float64)


class Block(nn.Module):
    def __init__(self, ic, oc, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(ic, oc, 3, stride, 1, bias=False), nn.BatchNorm2d(oc)
        self.conv2, self.bn2 = nn.Conv2d(oc, oc, 3, 1, 1, bias=False), nn.BatchNorm2d(oc)
        same = stride == 1 and ic == oc
        self.downsample = None if same else nn.Sequential(nn.Conv2d(ic, oc, 1, stride, bias=False), nn.BatchNorm2d(oc))

    def forward(self, x):
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + (x if self.downsample is None else self.downsample(x)))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def initialise(model: nn.Module) -> None:
    """Every parameter from the hash, its stream being its number in the order of the module."""
    for stream, (name, p) in enumerate(model.named_parameters()):
        values = noise(p.numel(), stream)
        if p.dim() == 4:  # drawn as (oc, kh, kw, ic)
            oc, ic, kh, kw = p.shape
            values = (values * math.sqrt(6 / (oc * kh * kw))).reshape(oc, kh, kw, ic).transpose(0, 3, 1, 2)
        elif name == "fc.weight":
            values = values / 8
        elif name.endswith("weight"):
            # The residual branches start small: at full size the first steps amplify rounding errors tenfold each.
            values = (1 + values / 8) / (4 if name.endswith("bn2.weight") else 1)
        else:
            values = values / 8
        # The C++ program holds float32, so the record starts from those values.
        p.data = torch.from_numpy(values.reshape(p.shape).astype(np.float32).astype(np.float64).copy())


def batch(step: int):
    """Images (n, c, h, w), labels, partners, and the CutMix box y0, y1, x0, x1 of a step."""
    labels = [int((u + 1) / 2 * CLASSES) for u in noise(BATCH, 2000 + step)]
    patterns = np.stack([noise(32 * 32 * 3, 4000 + label) for label in labels])
    images = patterns + noise(BATCH * 32 * 32 * 3, 1000 + step).reshape(BATCH, -1) / 2
    images = images.astype(np.float32).astype(np.float64).reshape(BATCH, 32, 32, 3).transpose(0, 3, 1, 2)
    partners = [(i + 1 + step) % BATCH for i in range(BATCH)]
    y0, x0, height, width = (int((u + 1) / 2 * 16) for u in noise(4, 3000 + step))
    return torch.from_numpy(images.copy()), torch.tensor(labels), partners, (y0, y0 + height, x0, x0 + width)


def losses(mixed: bool) -> list:
    model = ResNet20().double()
    initialise(model)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": 5e-4}, {"params": others}], lr=0.01, momentum=0.9,
                                nesterov=True)
    record = []
    for step in range(STEPS):
        x, a, partners, (y0, y1, x0, x1) = batch(step)
        if mixed:
            mask = torch.ones(32, 32, dtype=torch.float64)
            mask[y0:y1, x0:x1] = 0
            share, b = mask.mean(), a[partners]
            z = model(mask * x + (1 - mask) * x[partners])
            log_p = F.log_softmax(z, 1)
            rows = torch.arange(BATCH)
            loss = -share * log_p[rows, a] - (1 - share) * log_p[rows, b]
            if share < 1:
                for own, other in ((a, b), (b, a)):
                    without = z.masked_fill(F.one_hot(other, CLASSES).bool(), -math.inf)
                    term = torch.logsumexp(without, 1) - z[rows, own]
                    loss = loss + ETA * torch.where(own == other, torch.zeros_like(term), term)
            loss = loss.mean()
        else:
            loss = F.cross_entropy(model(x), a)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        record.append(loss.item())
    return record


def main():
    torch.manual_seed(0)
    record = {"made_with": "torch " + torch.__version__.split("+")[0] + ", float64", "ce": losses(False), "dm_cutmix": losses(True)}
    path = pathlib.Path(__file__).with_name("trajectory.json")
    path.write_text(json.dumps(record, indent=1) + "\n")
    print("wrote", path.name)


if __name__ == "__main__":
    main()
