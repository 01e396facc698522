"""One epoch of training, and one evaluation.

Both take a stack of R networks and give a result for each; R is 1 where runs train one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.data import CLASSES, RunSeed, Samples
from engine.optimizers import Optimizer, set_learning_rate
from engine.stack import Stack


@dataclass(frozen=True)
class Scores:
    """Means over a number of images."""

    loss: float
    """Mean cross-entropy, nats."""
    accuracy: float
    """Fraction 0–1."""


class Tally:
    """Sums of loss and hits for R networks, kept on the device so that counting never waits."""

    BATCHES = 64
    """Summed at once: a few operations for every batch would take longer than a small network's
    step. Always as many, so that the last bits do not depend on when the tally is read."""

    def __init__(self, networks: int, device: torch.device) -> None:
        self._sums = torch.zeros(2, networks, device=device)
        self._read = torch.zeros(2, networks)
        self._batches: list[tuple[Tensor, Tensor]] = []
        """That are not in the sums yet."""
        self.images = self._images_read = 0
        """Seen by each network."""

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: logits [R, B, 10], not changed later, and labels int64 [R, B]."""
        self._batches.append((logits, labels))
        self.images += labels.shape[1]
        if len(self._batches) == self.BATCHES:
            self._sums = self._all()
            self._batches.clear()

    @torch.inference_mode()
    def _all(self) -> Tensor:
        """The sums with all batches in them."""
        if not self._batches:
            return self._sums
        logits, labels = (torch.cat(part, 1) for part in zip(*self._batches, strict=True))
        losses = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        hits = logits.argmax(-1) == labels
        return self._sums + torch.stack((losses.view_as(labels).sum(1), hits.sum(1)))

    def total(self) -> list[Scores]:
        """Each network's means over everything counted. Waits for the device."""
        return _scores(self._all().cpu(), self.images)

    def since_last(self) -> list[Scores]:
        """Each network's means since the last call of this. Waits for the device: call it a few
        times a second at most.
        """
        before, self._read = self._read, self._all().cpu()
        images, self._images_read = self.images - self._images_read, self.images
        return _scores(self._read - before, images)


def _scores(sums: Tensor, images: int) -> list[Scores]:
    means = sums.double() / max(1, images)
    return [Scores(loss, accuracy) for loss, accuracy in means.T.tolist()]


@dataclass(frozen=True)
class Evaluation:
    """What R networks made of N samples. Tensors are on the CPU."""

    scores: list[Scores]
    """Of each network."""
    confusion: Tensor
    """int64 [R, 10, 10]; rows are true digits, columns predicted ones."""
    predicted: Tensor
    """uint8 [R, N], in the order of the samples."""
    confidence: Tensor
    """float32 [R, N], the probability of the predicted digit."""


Watch = Callable[[int, int, Tally], None]
"""Called after each step with the steps done, the steps there are and the tally. May raise."""


def _ignore(step: int, steps: int, tally: Tally) -> None:
    pass


def soft_targets(smoothing: float, device: torch.device) -> Tensor:
    """The target of each digit, probabilities [10, 10] (Szegedy et al. 2015, section 7)."""
    return torch.eye(CLASSES, device=device) * (1 - smoothing) + smoothing / CLASSES


Step = Callable[[Stack, Optimizer, Tensor, Tensor], Tensor]


def train_step(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
    """Improve the networks by one batch each, [R, B, ...]; return their logits before it."""
    logits = networks.backpropagate(inputs, targets)
    optimizer.step()
    return logits


def train_one_epoch(
    networks: Stack,
    samples: Samples,
    optimizer: Optimizer,
    *,
    batch_size: int,
    seeds: Sequence[RunSeed],
    learning_rate: Callable[[int], float],
    label_smoothing: float = 0.0,
    watch: Watch = _ignore,
    step: Step = train_step,
) -> list[Scores]:
    """Train every network on every sample once, each in a random order of its own.

    Args:
        networks: R of them.
        samples: what to train on; on the networks' device.
        optimizer: over the networks' parameters.
        batch_size: samples in a step; the last step may have fewer.
        seeds: R, one for each network.
        learning_rate: of a step of this epoch, counted from 0.
        label_smoothing: the part of a label's weight that goes to all digits alike.
        watch: called after every step; what it raises ends the epoch.
        step: what one step does; another than ``train_step`` must come to the same.

    Returns:
        Each network's mean loss and accuracy over the epoch, each batch measured before its own
        step. The loss is without smoothing, so that it compares with the test loss.
    """
    steps = -(-len(samples) // batch_size)
    tally = Tally(networks.size, networks.device)
    targets = soft_targets(label_smoothing, networks.device)
    for done, (inputs, labels) in enumerate(samples.shuffled(batch_size, seeds)):
        set_learning_rate(optimizer, learning_rate(done))
        logits = step(networks, optimizer, inputs, targets[labels])
        tally.add(logits, labels)
        watch(done + 1, steps, tally)
    return tally.total()


@torch.inference_mode()
def evaluate(
    networks: Stack,
    samples: Samples,
    *,
    batch_size: int,
    watch: Watch = _ignore,
) -> Evaluation:
    """Measure every network on every sample.

    Args:
        networks: R of them.
        samples: what to measure on; on the networks' device.
        batch_size: samples at once; the results do not depend on it.
        watch: called after every batch; what it raises ends the evaluation.
    """
    steps = -(-len(samples) // batch_size)
    tally = Tally(networks.size, networks.device)
    answers = []
    for done, (inputs, labels) in enumerate(samples.in_order(batch_size)):
        logits = networks.logits(inputs.expand(networks.size, *inputs.shape))
        tally.add(logits, labels.expand(networks.size, -1))
        answers.append(logits.softmax(-1).max(-1))
        watch(done + 1, steps, tally)
    confidence, predicted = (torch.cat(part, 1).cpu() for part in zip(*answers, strict=True))
    return Evaluation(
        tally.total(), _confusion(samples.labels.cpu(), predicted), predicted.byte(), confidence
    )


def _confusion(labels: Tensor, predicted: Tensor) -> Tensor:
    """Counts of pairs, [R, 10, 10], from true digits [N] and predicted ones [R, N]."""
    pairs = CLASSES * labels + predicted
    counts = [row.bincount(minlength=CLASSES**2) for row in pairs]
    return torch.stack(counts).view(-1, CLASSES, CLASSES)
