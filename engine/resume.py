"""What is left to train of an experiment that ended too early, and what to go on from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.checkpoint import Checkpoint, checkpoint_files, load_checkpoint
from engine.events import CostMeasured, Event, ExperimentResumed, Notice, PlanChanged, PlannedRun
from engine.following import run_news, started
from engine.past_experiment import ENDED, is_unfinished
from engine.records import ExperimentRecord, RunRecord
from engine.results import ResultsError


@dataclass(frozen=True)
class Rest:
    """What is left of an experiment."""

    record: ExperimentRecord
    """What is kept, ExperimentResumed included."""
    events: tuple[Event, ...]
    """Those that make up the record."""
    planned: tuple[PlannedRun, ...]
    """All runs, those that have ended first."""
    ended: int
    """How many have."""
    checkpoints: tuple[Checkpoint, ...]
    """Of the runs that come next; those without one begin anew."""
    notices: tuple[Notice, ...]
    """What could not be kept."""


def rest_of(record: ExperimentRecord) -> Rest:
    """Work out what is kept and what is left of an experiment on disk.

    Raises:
        ResultsError: nothing is left.
    """
    if not is_unfinished(record):
        raise ResultsError(f"{record.id}: has nothing left to train; it is {record.status}")
    checkpoints, notices = _checkpoints(record)
    # First those with a checkpoint: of runs side by side some may have been told to have ended.
    under_way = [run for checkpoint in checkpoints for run in _kept(record, checkpoint)]
    ended = [run for run in record.runs.values() if run.status in ENDED]
    begun = {run.id for run in (*ended, *under_way)}
    left = [*under_way, *(run for run in record.runs.values() if run.id not in begun)]
    planned = tuple(PlannedRun(run.id, run.planned_epochs) for run in (*ended, *left))
    events = tuple(_events(record, planned, (*ended, *under_way)))
    rest = ExperimentRecord.begin(events[0])  # type: ignore[arg-type]  # _events begins with it
    rest.interruptions, rest.notices = list(record.interruptions), list(record.notices)
    for event in events[1:]:
        rest.record(event)
    return Rest(rest, events, planned, len(ended), tuple(checkpoints), tuple(notices))


def _checkpoints(record: ExperimentRecord) -> tuple[list[Checkpoint], list[Notice]]:
    """The checkpoints that fit the record, and why runs of others begin anew."""
    found: list[Checkpoint] = []
    notices: list[Notice] = []
    lost = "runs that were under way begin anew"
    for path in checkpoint_files(record.folder):
        try:
            checkpoint = load_checkpoint(path)
        except ResultsError as error:
            notices.append(Notice("warning", f"{error}; {lost}"))
            continue
        if checkpoint is None or _of_ended_runs(checkpoint, record):
            continue
        known = {run for each in found for run in each.ids}
        if _fits(checkpoint, record) and known.isdisjoint(checkpoint.ids):
            found.append(checkpoint)
        else:
            text = f"{record.folder}: {path.name} does not fit; {lost}"
            notices.append(Notice("warning", text))
    return found, notices


def _of_ended_runs(checkpoint: Checkpoint, record: ExperimentRecord) -> bool:
    """Whether those that came after it had not finished an epoch."""
    runs = [record.runs.get(id_) for id_ in checkpoint.ids]
    return all(run is not None and run.status in ENDED for run in runs)


def _fits(checkpoint: Checkpoint, record: ExperimentRecord) -> bool:
    runs = [record.runs.get(id_) for id_ in checkpoint.ids]
    far_enough = all(run is not None and len(run.epochs) >= checkpoint.epoch for run in runs)
    alike = len({(run.id.model, run.planned_epochs) for run in runs if run is not None}) == 1
    return far_enough and alike


def _kept(record: ExperimentRecord, checkpoint: Checkpoint) -> list[RunRecord]:
    """The runs of the checkpoint, with the epochs up to it: later ones are trained once more."""
    runs = [record.runs[id_] for id_ in checkpoint.ids]
    for run in runs:
        del run.epochs[checkpoint.epoch :]
        run.status, run.finished = "running", None
    return runs


def _events(
    record: ExperimentRecord, planned: tuple[PlannedRun, ...], begun: tuple[RunRecord, ...]
) -> Iterator[Event]:
    yield replace(started(record), runs=tuple(each.run for each in planned))
    yield PlanChanged(1, planned)
    for run in begun:
        yield from run_news(None, run)
    yield from (CostMeasured(model, cost) for model, cost in record.costs.items())
    kept = sum(len(run.epochs) for run in begun)
    yield ExperimentResumed(datetime.now(UTC).replace(microsecond=0), record.status, kept)
