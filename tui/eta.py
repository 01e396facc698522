"""When each run, and the whole experiment, will be done.

Estimated from what was measured in this experiment: seconds per epoch of each model, evaluation
included. A model that has not run yet has no measure, so what it needs is unknown, and the total
is then a lower bound; nothing is guessed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from engine.events import Progress, RunId
from engine.records import ExperimentRecord, RunRecord
from tui.side_by_side import under_way, workers

NEWEST = 20
"""Epochs of each run that are measured: all there are would take ever longer to go through."""
EARLY = 1.0
"""Seconds of a first epoch that are no measure yet: its first steps take longer than others."""
EVALUATION_SHARE = 0.1
"""Of an epoch's time, before the first evaluation was measured."""


@dataclass(frozen=True)
class Eta:
    """Seconds from now."""

    runs: dict[RunId, float]
    """Until each unfinished run is done, those queued before it included; unknown ones missing."""
    total: float
    """Until all runs with a known time are done."""
    complete: bool
    """Whether every run's time is known; if not, ``total`` is a lower bound."""


def estimate(
    record: ExperimentRecord, progress: Mapping[RunId, Progress], *, stopping: bool = False
) -> Eta:
    """Estimate from an experiment's record and the newest progress of each run.

    ``stopping`` says that the experiment ends with the epoch under way.
    """
    runs: dict[RunId, float] = {}
    complete = True
    epoch = {model: _epoch_seconds(model, record, progress) for model in record.model_names}
    groups = under_way(record)
    # When each worker has done what it was given; where that is unknown, not before.
    free = [0.0] * (workers(record) - len(groups))
    for group in groups:
        # Runs side by side end together, when all of what each of them needs is done.
        needed = [
            _seconds_left(
                run, len(group), epoch[run.id.model], progress.get(run.id), stopping=stopping
            )
            for run in group
        ]
        free.append(sum(seconds for seconds in needed if seconds is not None))
        if None in needed:
            complete = False
        else:
            runs |= {run.id: free[-1] for run in group}
        if any(_computes_features(run, progress) for run in group):
            complete = False  # the epochs that follow are not measured yet
    heapq.heapify(free)
    queued = [run for run in record.runs.values() if run.status == "queued" and not stopping]
    for run in queued:  # each goes to the worker that is free first
        seconds = _seconds_left(run, 1, epoch[run.id.model], None, stopping=stopping)
        complete = complete and seconds is not None
        end = heapq.heappop(free) + (seconds or 0.0)
        heapq.heappush(free, end)
        if complete:
            runs[run.id] = end
    return Eta(runs, max(free), complete)


def _computes_features(run: RunRecord, progress: Mapping[RunId, Progress]) -> bool:
    now = progress.get(run.id)
    return run.status == "running" and now is not None and now.phase == "features"


def fraction_done(run: RunRecord, now: Progress | None) -> float:
    """How much of a run is done, 0–1; features count apart, as their own bar."""
    if run.status == "finished":
        return 1.0
    if run.status == "skipped":
        return len(run.epochs) / run.planned_epochs
    if now is not None and now.phase == "features":
        return now.step / now.steps
    return min(1.0, (len(run.epochs) + _within_epoch(run, now)) / run.planned_epochs)


def _within_epoch(run: RunRecord, now: Progress | None) -> float:
    if now is None or now.phase == "features" or now.epoch <= len(run.epochs):
        return 0.0
    if now.phase == "validation":
        return 1 - EVALUATION_SHARE
    if now.phase == "test":
        return 1 - EVALUATION_SHARE * (1 - now.step / now.steps)
    return (1 - EVALUATION_SHARE) * now.step / now.steps


def _seconds_left(
    run: RunRecord,
    together: int,
    epoch_seconds: float | None,
    now: Progress | None,
    *,
    stopping: bool,
) -> float | None:
    """A run's own share of the time, where so many runs are side by side."""
    if now is not None and now.phase == "features":
        return now.seconds * (now.steps - now.step) / max(now.step, 1) / together
    if epoch_seconds is None:
        return None
    epochs = 1 if stopping else run.planned_epochs - len(run.epochs)
    left = epochs - _within_epoch(run, now)
    return max(0.0, left) * epoch_seconds


def _epoch_seconds(
    model: str, record: ExperimentRecord, progress: Mapping[RunId, Progress]
) -> float | None:
    runs = record.runs_of(model)
    newest = [epoch for run in runs for epoch in run.epochs[-NEWEST:]]
    measured = [epoch.seconds + epoch.evaluation_seconds for epoch in newest]
    if measured:
        return sum(measured) / len(measured)
    for group in under_way(record):
        for run in group:
            now = progress.get(run.id)
            if run.id.model != model or now is None or now.phase == "features":
                continue
            if now.phase == "train" and now.epoch_seconds < EARLY and now.step < now.steps / 2:
                continue
            phase_seconds = now.seconds * now.steps / now.step
            whole = (now.epoch_seconds - now.seconds + phase_seconds) / len(group)
            return whole if now.phase == "test" else whole / (1 - EVALUATION_SHARE)
    return None
