"""The same work on any device, so that what they come to can be compared."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from engine.data import read_part
from engine.device import capabilities, configure, synchronize, use_threads
from engine.models import MODELS
from engine.optimizers import make_optimizer
from engine.recipes import Recipe
from engine.settings import Settings
from engine.stack import Stack
from engine.training import soft_targets, train_step

SIDE = 2048
"""Of the matrices: as many rows keep a large GPU busy, and a small CPU is done within a second."""
CHECKED_ROWS = 8
BATCH = 64


@dataclass(frozen=True)
class Step:
    """Mean losses of a batch before and after a network was trained on it once, nats."""

    before: float
    after: float

    @property
    def learns(self) -> bool:
        """Whether the step made the loss less."""
        return self.after < self.before  # not where one is NaN

    def distance(self, other: Step) -> float:
        """How far the losses are apart; infinite where one is not a number."""
        apart = [abs(self.before - other.before), abs(self.after - other.after)]
        return max(apart) if all(map(math.isfinite, apart)) else math.inf


def multiply(device: torch.device, settings: Settings, seconds: float) -> tuple[float, float]:
    """Multiply matrices for a while, as training does.

    Returns:
        Floating-point operations a second, and the error of a product: its distance from the
        one in float64, as part of that one's length.
    """
    configure(device, settings.deterministic)
    use_threads(settings.threads, 0)
    random = torch.Generator().manual_seed(0)
    left, right = (torch.randn(SIDE, SIDE, generator=random) for _ in range(2))
    a, b = left.to(device), right.to(device)
    product = a @ b  # the first one takes longer
    synchronize(device)
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds or not count:
        product = a @ b
        synchronize(device)
        count += 1
    exact = left[:CHECKED_ROWS].double() @ right.double()
    error = (product[:CHECKED_ROWS].cpu().double() - exact).norm() / exact.norm()
    return count * 2 * SIDE**3 / elapsed, float(error)


def first_step(model: str, device: torch.device, settings: Settings) -> Step:
    """Train a network on its first batch, as a run does, from the same start on every device.

    Raises:
        DataError, AssetError: as ``engine.data.read_part``.
    """
    configure(device, settings.deterministic)
    able, spec = capabilities(device), MODELS[model]
    images, labels = (part[:BATCH].to(device) for part in read_part(settings.data, "t10k"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = spec.build()
    networks = [network.to(device).to(memory_format=able.memory_format)]
    stack = spec.by_hand(networks) if spec.by_hand is not None else Stack(networks)
    optimizer = make_optimizer(Recipe(), stack.parameters.values(), able)
    inputs = spec.prepare(images).unsqueeze(0)
    before = train_step(stack, optimizer, inputs, soft_targets(0.0, device)[labels].unsqueeze(0))
    with torch.inference_mode():
        after = stack.logits(inputs)
    losses = (cross_entropy(logits[0].float(), labels).item() for logits in (before, after))
    return Step(*losses)
