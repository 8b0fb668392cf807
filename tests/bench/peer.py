#!/usr/bin/env python3
"""One PyTorch training step, timed: the peer that demix is compared with.

Prints one JSON line like build/apps/bench does. A step is zero_grad, forward, cross entropy, backward, and SGD with
Nesterov momentum and weight decay; the first step is not counted. tests/bench/compare.py calls this with the settings
under which PyTorch is fastest; tests/bench/compare_gpu.py times it on a GPU.
"""
import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


def conv(ic, oc, kernel, stride=1, groups=1):
    return nn.Conv2d(ic, oc, kernel, stride, kernel // 2, groups=groups, bias=False)


class Residual(nn.Module):
    """relu(layers(x) + shortcut(x)), with batch norm after every convolution and ReLU between them."""

    def __init__(self, ic, convolutions, stride):
        super().__init__()
        layers = []
        for convolution in convolutions:
            layers += [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])
        oc = convolutions[-1].out_channels
        self.shortcut = None
        if stride != 1 or ic != oc:
            self.shortcut = nn.Sequential(conv(ic, oc, 1, stride), nn.BatchNorm2d(oc))

    def forward(self, x):
        y = self.layers(x)
        y += x if self.shortcut is None else self.shortcut(x)
        return functional.relu(y, inplace=True)


class Wide(nn.Module):
    """conv(relu(bn(conv(a)))) + shortcut with a = relu(bn(x))."""

    def __init__(self, ic, oc, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(ic), conv(ic, oc, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(oc), conv(oc, oc, 3)
        self.shortcut = None if ic == oc else conv(ic, oc, 1, stride)

    def forward(self, x):
        a = functional.relu(self.bn1(x), inplace=True)
        y = self.conv2(functional.relu(self.bn2(self.conv1(a)), inplace=True))
        return y + (x if self.shortcut is None else self.shortcut(a))


class Network(nn.Module):
    def __init__(self, stem, blocks, head, channels, classes=100):
        super().__init__()
        self.body = nn.Sequential(*stem, *blocks, *head)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))


def stages(make, counts, ic):
    """Blocks make(ic, stage, stride) of every stage; each but the first halves the picture in its first block."""
    blocks = []
    for stage, count in enumerate(counts):
        for i in range(count):
            block, ic = make(ic, stage, 2 if stage > 0 and i == 0 else 1)
            blocks.append(block)
    return blocks, ic


def residual_network(counts, width, bottleneck=False):
    def make(ic, stage, stride):
        w = width << stage
        if bottleneck:  # ResNeXt 32x4d
            return Residual(ic, [conv(ic, 2 * w, 1), conv(2 * w, 2 * w, 3, stride, 32), conv(2 * w, 4 * w, 1)], stride), 4 * w
        return Residual(ic, [conv(ic, w, 3, stride), conv(w, w, 3)], stride), w

    blocks, channels = stages(make, counts, width)
    return Network([conv(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True)], blocks, [], channels)


def wide_network(widen):
    def make(ic, stage, stride):
        oc = (16 * widen) << stage
        return Wide(ic, oc, stride), oc

    blocks, channels = stages(make, (4, 4, 4), 16)
    return Network([conv(3, 16, 3)], blocks, [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)], channels)


MODELS = {
    "resnet18": lambda: residual_network((2, 2, 2, 2), 64),
    "resnet20": lambda: residual_network((3, 3, 3), 16),
    "resnext50": lambda: residual_network((3, 4, 6, 3), 64, bottleneck=True),
    "wrn28-8": lambda: wide_network(8),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--amp", action="store_true", help="bfloat16 by autocast")
    parser.add_argument("--compile", action="store_true", help="torch.compile, with CUDA graphs on a GPU")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.tf32
    model = MODELS[args.model]().to(args.device, memory_format=layout)
    images = torch.randn(args.batch, 3, args.size, args.size).to(args.device, memory_format=layout)
    labels = torch.randint(0, 100, (args.batch,)).to(args.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)

    def loss_of(images, labels):
        with torch.autocast(args.device, torch.bfloat16, enabled=args.amp):
            return functional.cross_entropy(model(images), labels)

    if args.compile:
        loss_of = torch.compile(loss_of, mode="max-autotune" if args.device == "cuda" else None)
    together = 10 if args.device == "cuda" else 1  # steps that are not waited for
    seconds = []
    for _ in range((args.steps + together - 1) // together + 1):
        start = time.perf_counter()
        for _ in range(together):
            optimizer.zero_grad()
            loss_of(images, labels).backward()
            optimizer.step()
        if args.device == "cuda":
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - start) / together)
    seconds = seconds[1:]  # the first ones warm up
    print(json.dumps({
        "peer": "torch " + torch.__version__, "model": args.model, "batch": args.batch, "size": args.size,
        "channels_last": args.channels_last, "threads": args.threads,
        "img_s_median": round(args.batch / statistics.median(seconds), 2),
        "img_s_best": round(args.batch / min(seconds), 2),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


if __name__ == "__main__":
    main()
