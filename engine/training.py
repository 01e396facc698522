"""One epoch of training, and one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from engine.data import CLASSES, Samples


@dataclass(frozen=True)
class Scores:
    """Means over a number of images."""

    loss: float
    """Mean cross-entropy, nats."""
    accuracy: float
    """Fraction 0–1."""


class Tally:
    """Sums of loss and hits, kept on the device so that counting never waits for it."""

    def __init__(self, device: torch.device) -> None:
        self._loss = torch.zeros((), device=device)
        self._hits = torch.zeros((), dtype=torch.int64, device=device)
        self.images = 0
        self._read = (0.0, 0, 0)

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss, logits [B, 10] and labels int64 [B]."""
        self._loss += loss.detach() * len(labels)
        self._hits += (logits.detach().argmax(1) == labels).sum()
        self.images += len(labels)

    def total(self) -> Scores:
        """Means over everything counted. Waits for the device."""
        return Scores(float(self._loss) / self.images, int(self._hits) / self.images)

    def since_last(self) -> Scores:
        """Means since the last call of this. Waits for the device: a few times a second at most."""
        before_loss, before_hits, before_images = self._read
        self._read = now_loss, now_hits, now_images = (
            float(self._loss),
            int(self._hits),
            self.images,
        )
        images = max(1, now_images - before_images)
        return Scores((now_loss - before_loss) / images, (now_hits - before_hits) / images)


Watch = Callable[[int, int, Tally], None]
"""Called after each step with the steps done, the steps there are and the tally. May raise."""


def _ignore(step: int, steps: int, tally: Tally) -> None:
    pass


def train_one_epoch(
    model: nn.Module,
    samples: Samples,
    optimizer: Optimizer,
    *,
    batch_size: int,
    generator: torch.Generator,
    scheduler: LRScheduler | None = None,
    watch: Watch = _ignore,
) -> Scores:
    """Train ``model`` on every sample once, in a random order.

    Args:
        model: takes prepared inputs, returns logits [B, 10].
        samples: what to train on; on the model's device.
        optimizer: over the model's trainable parameters.
        batch_size: samples in a step; the last step may have fewer.
        generator: a CPU generator that draws the order, so that it is the same on every device.
        scheduler: stepped after every step.
        watch: called after every step; what it raises ends the epoch.

    Returns:
        The mean loss and accuracy over the epoch, each batch measured before its own step.
    """
    model.train()
    order = torch.randperm(len(samples), generator=generator).to(samples.labels.device)
    steps = -(-len(samples) // batch_size)
    tally = Tally(samples.labels.device)
    for step in range(steps):
        inputs, labels = samples.batch(order[step * batch_size : (step + 1) * batch_size])
        logits = model(inputs)
        loss = cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        tally.add(loss, logits, labels)
        watch(step + 1, steps, tally)
    return tally.total()


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    samples: Samples,
    *,
    batch_size: int,
    watch: Watch = _ignore,
) -> tuple[Scores, Tensor]:
    """Measure ``model`` on every sample.

    Args:
        model: takes prepared inputs, returns logits [B, 10].
        samples: what to measure on; on the model's device.
        batch_size: samples at once; the scores do not depend on it.
        watch: called after every batch; what it raises ends the evaluation.

    Returns:
        The mean loss and accuracy, and the confusion matrix, int64 [10, 10] on the CPU; rows are
        true digits, columns predicted ones.
    """
    model.eval()
    steps = -(-len(samples) // batch_size)
    tally = Tally(samples.labels.device)
    confusion = torch.zeros(CLASSES * CLASSES, dtype=torch.int64, device=samples.labels.device)
    for step in range(steps):
        inputs, labels = samples.batch(slice(step * batch_size, (step + 1) * batch_size))
        logits = model(inputs)
        tally.add(cross_entropy(logits, labels), logits, labels)
        pairs = labels * CLASSES + logits.argmax(1)
        confusion += torch.bincount(pairs, minlength=CLASSES * CLASSES)
        watch(step + 1, steps, tally)
    return tally.total(), confusion.view(CLASSES, CLASSES).cpu()
