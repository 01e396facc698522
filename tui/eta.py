"""When each run, and the whole experiment, will be done.

Estimated from what was measured in this experiment: seconds per epoch of each model, evaluation
included. A model that has not run yet has no measure, so what it needs is unknown, and the total
is then a lower bound; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events import Progress, RunId
from engine.records import ExperimentRecord, RunRecord

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
    elapsed, runs, complete = 0.0, {}, True
    for run in record.runs.values():
        if run.status not in ("queued", "running"):
            continue
        now = progress.get(run.id) if run.status == "running" else None
        if stopping and run.status == "queued":
            continue
        needed = _seconds_left(run, now, record, progress, stopping=stopping)
        if needed is None:
            complete = False
            continue
        elapsed += needed
        if complete:
            runs[run.id] = elapsed
        if now is not None and now.phase == "features":
            complete = False  # the epochs that follow are not measured yet
    return Eta(runs, elapsed, complete)


def fraction_done(run: RunRecord, now: Progress | None, epochs: int) -> float:
    """How much of a run is done, 0–1; features count apart, as their own bar."""
    if run.status == "finished":
        return 1.0
    if now is not None and now.phase == "features":
        return now.step / now.steps
    return min(1.0, (len(run.epochs) + _within_epoch(run, now)) / epochs)


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
    now: Progress | None,
    record: ExperimentRecord,
    progress: Mapping[RunId, Progress],
    *,
    stopping: bool,
) -> float | None:
    if now is not None and now.phase == "features":
        return now.seconds * (now.steps - now.step) / max(now.step, 1)
    epoch_seconds = _epoch_seconds(run.id.model, record, progress)
    if epoch_seconds is None:
        return None
    epochs = 1 if stopping else record.settings.epochs - len(run.epochs)
    left = epochs - _within_epoch(run, now)
    return max(0.0, left) * epoch_seconds


def _epoch_seconds(
    model: str, record: ExperimentRecord, progress: Mapping[RunId, Progress]
) -> float | None:
    runs = [run for run in record.runs.values() if run.id.model == model]
    measured = [epoch.seconds + epoch.evaluation_seconds for run in runs for epoch in run.epochs]
    if measured:
        return sum(measured) / len(measured)
    for run in runs:
        now = progress.get(run.id)
        if now is None or run.status != "running" or now.phase == "features":
            continue
        phase_seconds = now.seconds * now.steps / now.step
        whole = now.epoch_seconds - now.seconds + phase_seconds
        return whole if now.phase == "test" else whole / (1 - EVALUATION_SHARE)
    return None
