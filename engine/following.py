"""An experiment that is on disk, told as events: all of it, or what is new since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.events import (
    CostMeasured,
    EpochFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    PlanChanged,
    PlannedRun,
    RunFailed,
    RunStarted,
)
from engine.records import ExperimentRecord, RunRecord


def news(known: ExperimentRecord | None, now: ExperimentRecord) -> Iterator[Event]:
    """What makes ``known``, which may be nothing yet, into ``now``.

    Progress within an epoch is not on disk, and so in no event.
    """
    if known is None:
        yield started(now)
    planned = tuple(PlannedRun(run.id, run.planned_epochs) for run in now.runs.values())
    runs = known.runs if known else {}
    if planned != tuple(PlannedRun(run.id, run.planned_epochs) for run in runs.values()):
        yield PlanChanged(1 + (known.plan_version if known else 0), planned)
    for run in now.runs.values():
        yield from run_news(runs.get(run.id), run)
    for model, cost in now.costs.items():
        if known is None or model not in known.costs:
            yield CostMeasured(model, cost)
    yield from now.interruptions[len(known.interruptions) if known else 0 :]
    yield from now.notices[len(known.notices) if known else 0 :]
    if now.status != "running":
        end = now.finished or datetime.now(UTC).replace(microsecond=0)
        yield ExperimentFinished(now.id, now.status, now.summary, end)


def started(record: ExperimentRecord) -> ExperimentStarted:
    """The first event of an experiment."""
    return ExperimentStarted(
        record.id,
        record.folder,
        record.started,
        record.settings,
        tuple(record.runs),
        record.environment,
    )


def run_news(known: RunRecord | None, now: RunRecord) -> Iterator[Event]:
    """What makes ``known`` into ``now``."""
    if now.status == "queued":
        return
    if known is None or known.status == "queued":
        yield RunStarted(
            now.id, now.seed, now.planned_epochs, now.threads, now.precision, now.place
        )
    for epoch in now.epochs[len(known.epochs) if known else 0 :]:
        yield EpochFinished(now.id, epoch)
    if known is not None and known.status == now.status:
        return
    if now.finished is not None:
        yield now.finished
    elif now.status == "failed":
        yield RunFailed(now.id, now.error, now.weights)
