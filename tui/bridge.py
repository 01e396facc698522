"""Training thread ↔ UI: a mailbox that the training thread fills and the UI polls.

The training thread never waits for the screen: it appends under a lock and goes on. Progress is
coalesced (the newest of each run, and a bounded curve), and so are snapshots, so a screen that
stops reading for an hour costs neither time nor memory; every other event is queued, none is lost.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from engine.events import Event, Progress, RunId, Snapshot
from tui.curve import Bucket, Curve


@dataclass(frozen=True)
class Refused:
    """The experiment could not begin; ``text`` is one line that says why."""

    text: str


@dataclass(frozen=True)
class Delivery:
    """What has come since the last delivery."""

    events: tuple[Event | Refused, ...]
    """In order; everything but Progress."""
    progress: dict[RunId, Progress]
    """The newest of each run that made any."""


WINDOW = 1 / 32
"""Of an epoch: a point of a train curve is the mean over no less, as a few batches are noise."""


@dataclass
class RunCurves:
    """Train loss and accuracy of one run within its epochs; x is in epochs."""

    loss: Curve = field(default_factory=Curve)
    accuracy: Curve = field(default_factory=Curve)
    epoch: int = 0
    step: int = 0
    steps: int = 0
    """In the window that is being filled, as are the sums."""
    loss_sum: float = 0.0
    accuracy_sum: float = 0.0

    def add(self, event: Progress) -> None:
        """Count in the steps since the last event; add a point when the window is full."""
        if event.epoch != self.epoch:
            self.epoch, self.step = event.epoch, 0
        steps, self.step = event.step - self.step, event.step
        self.steps += steps
        self.loss_sum += steps * event.loss
        self.accuracy_sum += steps * event.accuracy
        if self.steps >= event.steps * WINDOW:
            x = event.epoch - 1 + (event.step - self.steps / 2) / event.steps  # its middle
            self.loss.append(x, self.loss_sum / self.steps)
            self.accuracy.append(x, self.accuracy_sum / self.steps)
            self.steps, self.loss_sum, self.accuracy_sum = 0, 0.0, 0.0


class Bridge:
    """Filled by ``emit`` on any thread, emptied by ``take`` on the UI's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event | Refused] = []
        self._progress: dict[RunId, Progress] = {}
        self._curves: dict[RunId, RunCurves] = {}
        self._snapshots: dict[RunId, Snapshot] = {}

    def clear(self) -> None:
        """Forget an experiment, so that nothing of it is taken for the next one's."""
        with self._lock:
            self._events = []
            self._progress = {}
            self._curves.clear()
            self._snapshots.clear()

    def emit(self, event: Event | Refused) -> None:
        """Accept an event; returns at once."""
        with self._lock:
            if isinstance(event, Progress):
                self._add_progress(event)
                return
            if isinstance(event, Snapshot):
                self._snapshots[event.run] = event
                return
            self._events.append(event)

    def _add_progress(self, event: Progress) -> None:
        self._progress[event.run] = event
        if event.phase == "train":
            self._curves.setdefault(event.run, RunCurves()).add(event)

    def take(self) -> Delivery:
        """Return and forget what has come since the last call."""
        with self._lock:
            delivery = Delivery(tuple(self._events), self._progress)
            self._events = []
            self._progress = {}
        return delivery

    def train_points(self, measure: str) -> dict[RunId, tuple[Bucket, ...]]:
        """The train curves of every run so far; ``measure`` is "loss" or "accuracy"."""
        with self._lock:
            return {run: getattr(c, measure).points() for run, c in self._curves.items()}

    def snapshots(self) -> dict[RunId, Snapshot]:
        """The newest of each run that finished an epoch, in the order of their first epochs."""
        with self._lock:
            return dict(self._snapshots)
