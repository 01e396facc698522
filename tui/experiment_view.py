"""What the screen knows of the experiment: its record, and the newest progress of each run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from engine.events import (
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    Progress,
    RunId,
    RunStarted,
)
from engine.records import ExperimentRecord, RunRecord
from tui.bridge import Delivery, Refused
from tui.eta import Eta, estimate, fraction_done
from tui.side_by_side import is_handed_out, under_way


@dataclass
class ExperimentView:
    """Kept up to date with ``apply``; read by every widget of the training screen."""

    record: ExperimentRecord | None = None
    progress: dict[RunId, Progress] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    paused: bool = False
    stopping: bool = False
    last_epoch: bool = False
    """Whether it ends with the epoch under way, and may still be told otherwise."""
    starting: bool = False
    """Whether other processes are to train, and none has begun to yet."""
    _eta: tuple[object, Eta | None] = (None, None)
    """What it was estimated from, and the estimate: several widgets ask for it."""
    _groups: tuple[object, list[list[RunRecord]]] = (None, [])
    """Those under way, likewise."""
    _deliveries: int = 0

    def apply(self, delivery: Delivery) -> None:
        """Fold a delivery in."""
        self._deliveries += 1
        for event in delivery.events:
            if isinstance(event, ExperimentStarted):
                self.record = ExperimentRecord.begin(event)
                self.progress.clear()
            elif self.record is not None and not isinstance(event, Refused):
                self.record.record(event)
            if isinstance(event, ExperimentStarted | ExperimentResumed):
                self.starting = self.record is not None and is_handed_out(self.record)
            elif isinstance(event, RunStarted):
                self.starting = False
                self._queue_lost(event)
            if isinstance(event, ExperimentFinished | Refused):
                self.ended = time.monotonic()
        self.progress.update(delivery.progress)

    def _queue_lost(self, begun: RunStarted) -> None:
        """A worker that begins something else was started anew: runs that it had wait for another,
        and that is how they are shown.
        """
        assert self.record is not None
        self.progress.pop(begun.run, None)  # it goes on from its last epoch
        if "workers" not in self.record.environment:  # a place of a cluster is many workers'
            return
        for id_ in self.progress:  # those that begin together have made none yet
            run = self.record.runs.get(id_)
            if run is not None and run.status == "running" and run.place == begun.place:
                run.status = "queued"

    @property
    def state(self) -> str:
        """What the experiment does, in a word."""
        if self.record is None:
            return "loading"
        if self.ended is not None:
            return self.record.status
        if self.paused:
            return "paused"
        if self.stopping:
            return "last epoch" if self.last_epoch else "stopping"
        return "starting" if self.starting else "training"

    @property
    def elapsed(self) -> float:
        """Seconds since Start, until now or the end."""
        return (self.ended or time.monotonic()) - self.began

    @property
    def under_way(self) -> list[list[RunRecord]]:
        """The runs that train now, those side by side together."""
        if self.record is None:
            return []
        source = (self._deliveries, self.record.plan_version)
        if self._groups[0] != source:
            self._groups = source, under_way(self.record)
        return self._groups[1]

    def beside(self, run: RunRecord) -> list[RunRecord]:
        """The group of a run, itself included."""
        return next((group for group in self.under_way if any(run is r for r in group)), [run])

    def eta(self) -> Eta | None:
        """When things will be done; None before the start and after the end."""
        if self.record is None or self.ended is not None:
            return None
        source = (self._deliveries, self.record.plan_version, self.stopping)
        if self._eta[0] != source:
            self._eta = source, estimate(self.record, self.progress, stopping=self.stopping)
        return self._eta[1]

    def fraction(self, run: RunRecord) -> float:
        """How much of ``run`` is done, 0–1."""
        return fraction_done(run, self.progress.get(run.id))

    def fraction_of_all(self) -> float:
        """How many of the experiment's epochs are done, 0–1."""
        if self.record is None or not self.record.runs:
            return 0.0
        done = 0.0
        for run in self.record.runs.values():
            now = self.progress.get(run.id)
            features = run.status == "running" and now is not None and now.phase == "features"
            if run.status == "skipped":  # nothing is left to do
                done += run.planned_epochs
            elif not features:
                done += self.fraction(run) * run.planned_epochs
        return done / sum(run.planned_epochs for run in self.record.runs.values())
