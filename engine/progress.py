"""The seam between the training loop and the world: called after every step, speaks rarely."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from engine.control import Control, SkipRequested, StopRequested
from engine.events import Emit, Phase, Progress, RunId
from engine.training import Scores, Tally

INTERVAL = 0.1
"""Seconds between two Progress events of a phase."""


class Diverged(Exception):
    """Raised by a watch: no run's loss is a finite number any more."""


NO_SCORES = Scores(math.nan, math.nan)


class PhaseWatch:
    """Watches one phase of runs side by side: obeys ``control``, emits Progress, keeps the time.

    ``seconds`` is the time since the phase began, without pauses; ``diverged`` says of each run
    whose training loss is no longer a finite number when that was seen.
    """

    def __init__(
        self,
        runs: Sequence[RunId],
        phase: Phase,
        epoch: int,
        emit: Emit,
        control: Control,
        *,
        trained: Sequence[Scores] | None = None,
        before: float = 0.0,
    ) -> None:
        """Begin a phase; ``trained`` and ``before`` are the epoch's training scores and seconds
        so far, where this is not the phase that trains.
        """
        self._runs, self._phase, self._epoch = runs, phase, epoch
        self._emit, self._control = emit, control
        self._trained, self._before = trained, before
        self.diverged: dict[RunId, str] = {}
        self._began = self._last = time.perf_counter()
        self._last_images = 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def step(self, step: int, steps: int, tally: Tally) -> None:
        """A step of training or evaluation is done; see ``engine.training.Watch``.

        Raises:
            Diverged: in training, once it is so for all runs.
        """
        if self._due(step == steps):
            trained = self._trained or tally.total()
            self._say(step, steps, tally.images, tally.since_last(), trained)
            if self._phase == "train":
                self._look_for_divergence(step, steps, trained)

    def _look_for_divergence(self, step: int, steps: int, scores: Sequence[Scores]) -> None:
        for run, score in zip(self._runs, scores, strict=True):
            if not math.isfinite(score.loss) and run not in self.diverged:
                where = f"epoch {self._epoch}, at or before step {step} of {steps}"
                self.diverged[run] = f"training loss is {score.loss} in {where}"
        if len(self.diverged) == len(self._runs):
            raise Diverged

    def images(self, done: int, total: int) -> None:
        """So many images have gone through a frozen network."""
        if self._due(done == total):
            nothing = [NO_SCORES] * len(self._runs)
            self._say(done, total, done / len(self._runs), nothing, nothing)

    def _due(self, last_step: bool) -> bool:
        asked = time.perf_counter()
        try:
            paused = self._control.check()
        except (StopRequested, SkipRequested):  # maybe after a pause
            self._began += time.perf_counter() - asked
            raise
        self._began += paused
        self._last += paused
        return last_step or time.perf_counter() - self._last >= INTERVAL

    def _say(
        self,
        step: int,
        steps: int,
        images: float,
        latest: Sequence[Scores],
        trained: Sequence[Scores],
    ) -> None:
        now = time.perf_counter()
        rate = len(self._runs) * (images - self._last_images) / max(now - self._last, 1e-9)
        self._last, self._last_images = now, images
        for run, newest, whole in zip(self._runs, latest, trained, strict=True):
            self._emit(
                Progress(
                    run=run,
                    phase=self._phase,
                    epoch=self._epoch,
                    step=step,
                    steps=steps,
                    loss=newest.loss,
                    accuracy=newest.accuracy,
                    images_per_second=rate,
                    seconds=now - self._began,
                    epoch_seconds=self._before + now - self._began,
                    train_loss=whole.loss,
                    train_accuracy=whole.accuracy,
                )
            )
