"""run_experiment(): some models × repeats, and what they came to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.checkpoint import Checkpoint, checkpoint_files
from engine.control import Control
from engine.events import (
    Emit,
    EpochFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    ExperimentStatus,
    Notice,
    RunId,
)
from engine.executors.executor import Executor, executor_for
from engine.executors.job import Job
from engine.files import remove_leftovers
from engine.lock import renew, working_on
from engine.log_file import logging_to
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import Journal, create_folder
from engine.resume import rest_of
from engine.settings import Settings

log = logging.getLogger("mnist_tui")


DETERMINISM_COSTS = {
    True: "on a CPU the bits are the same without it, and it is a little slower",
    False: "every kernel gives the same bits; some are slower than those usually taken",
}
"""By whether it trains on a CPU."""


def _ignore(event: Event) -> None:
    pass


def run_experiment(
    settings: Settings,
    emit: Emit = _ignore,
    control: Control | None = None,
    executor: Executor | None = None,
) -> ExperimentRecord:
    """Train every model of ``settings`` as often as it says, and save what they came to.

    Args:
        settings: what to train and how.
        emit: called with every event, on this thread; should return at once.
        control: pauses, stops and skips from another thread.
        executor: where the runs train; None for what the settings ask for.

    In this process it sets torch's number of threads, and its deterministic algorithms on or off.

    Returns:
        The record of the experiment; its folder holds ``summary.toml`` and the weights.

    Raises:
        DeviceError: the device is not there.
        DataError, AssetError: the data cannot be read.
        ResultsError: the results folder cannot be written to.
        All of these before anything is created. What goes wrong in a run ends that run alone.
    """
    control, executor = control or Control(), executor or executor_for(settings)
    environment = executor.prepare(settings)
    now = datetime.now(UTC).replace(microsecond=0)
    id_, folder = create_folder(settings, now)
    repeats = range(1, settings.repeats + 1)
    runs = tuple(RunId(model, repeat) for model in settings.models for repeat in repeats)
    started = ExperimentStarted(id_, folder, now, settings, runs, environment)
    control.plan.lay_out(runs, settings.epochs)
    with working_on(folder), logging_to(folder / "log.txt"):
        journal = Journal(ExperimentRecord.begin(started), emit)
        emit(started)
        return _carry_out(executor, journal, emit, control, [])


def resume_experiment(
    folder: Path,
    emit: Emit = _ignore,
    control: Control | None = None,
    executor: Executor | None = None,
) -> ExperimentRecord:
    """Go on with an experiment that ended too early, from the last finished epoch.

    On a CPU it ends bit for bit where it would have ended unbroken.

    Args:
        folder: of the experiment.
        emit: called with the events that make up what there is already, then ExperimentResumed,
            then every event as in ``run_experiment``.
        control: as in ``run_experiment``, and so is ``executor``.

    Raises:
        ResultsError: it cannot be read, another process works on it, or there is nothing left to
            train.
        DeviceError, DataError, AssetError: as ``run_experiment``.
    """
    control = control or Control()
    with working_on(folder):
        for suffix in (".toml", ".pt"):
            remove_leftovers(folder, suffix)
        rest = rest_of(read_record(folder))
        settings = rest.record.settings
        executor = executor or executor_for(settings)
        executor.prepare(settings)
        control.plan.lay_out_rest(rest.planned, rest.ended)
        with logging_to(folder / "log.txt"):
            for event in rest.events:
                emit(event)
            journal = Journal(rest.record, emit)
            for notice in rest.notices:
                journal.add(notice)
                emit(notice)
            return _carry_out(executor, journal, emit, control, rest.checkpoints)


def _carry_out(
    executor: Executor,
    journal: Journal,
    emit: Emit,
    control: Control,
    checkpoints: Sequence[Checkpoint],
) -> ExperimentRecord:
    """Train what is planned, from the checkpoints where there are any."""
    record = journal.record
    settings = record.settings

    def tell(event: Event) -> None:
        plan = control.plan.state()
        news = [plan] if plan.version > record.plan_version else []
        for item in (*news, event):
            journal.add(item)
            emit(item)
        if isinstance(event, EpochFinished):
            renew(record.folder)

    if settings.deterministic:
        on_cpu = record.environment["device"] == "cpu"
        tell(Notice("info", f"deterministic: {DETERMINISM_COSTS[on_cpu]}"))
    status: ExperimentStatus = "interrupted"  # if anything but a run's own error gets out
    try:
        status = executor.train_all(Job(record, tell, journal.files, control, list(checkpoints)))
        if status == "finished" and any(run.status == "failed" for run in record.runs.values()):
            status = "failed"
    finally:
        control.plan.close()
        finished = datetime.now(UTC).replace(microsecond=0)
        tell(ExperimentFinished(record.id, status, record.summary, finished))
        if status in ("finished", "failed") and record.saved:
            for path in checkpoint_files(record.folder):
                journal.files.forget(path)  # makes room, too
        journal.close()
    return record
