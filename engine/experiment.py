"""run_experiment(): some models × repeats, one after the other, and what they came to."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine.checkpoint import FILE_NAME, Checkpoint
from engine.control import Control, StopRequested
from engine.cost import measure_cost
from engine.data import Mnist, load_mnist
from engine.device import choose_device, configure, environment
from engine.events import (
    CostMeasured,
    Emit,
    EpochFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    ExperimentStatus,
    Notice,
    RunId,
)
from engine.files import remove_leftovers
from engine.lock import renew, working_on
from engine.models import MODELS
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import Journal, create_folder, logging_to
from engine.resume import rest_of
from engine.run import train_runs
from engine.settings import Settings
from engine.workbench import Workbench

log = logging.getLogger("mnist_tui")


DETERMINISM_COSTS = {
    True: "on a CPU the bits are the same without it, and it is a little slower",
    False: "every kernel gives the same bits; some are slower than those usually taken",
}
"""By whether it trains on a CPU."""


def _ignore(event: Event) -> None:
    pass


def run_experiment(
    settings: Settings, emit: Emit = _ignore, control: Control | None = None
) -> ExperimentRecord:
    """Train every model of ``settings`` as often as it says, and save what they came to.

    Args:
        settings: what to train and how.
        emit: called with every event, on this thread; should return at once.
        control: pauses, stops and skips from another thread.

    Sets torch's number of threads, and its deterministic algorithms on or off, for the process.

    Returns:
        The record of the experiment; its folder holds ``summary.toml`` and the weights.

    Raises:
        DeviceError: the device is not there.
        DataError, AssetError: the data cannot be read.
        ResultsError: the results folder cannot be written to.
        All of these before anything is created. What goes wrong in a run ends that run alone.
    """
    control = control or Control()
    device, mnist = _prepare(settings)
    now = datetime.now(UTC).replace(microsecond=0)
    id_, folder = create_folder(settings, now)
    repeats = range(1, settings.repeats + 1)
    runs = tuple(RunId(model, repeat) for model in settings.models for repeat in repeats)
    started = ExperimentStarted(
        id_, folder, now, settings, runs, environment(device, settings.threads)
    )
    control.plan.lay_out(runs, settings.epochs)
    with working_on(folder), logging_to(folder / "log.txt"):
        journal = Journal(ExperimentRecord.begin(started), emit)
        emit(started)
        return _carry_out(device, mnist, journal, emit, control)


def resume_experiment(
    folder: Path, emit: Emit = _ignore, control: Control | None = None
) -> ExperimentRecord:
    """Go on with an experiment that ended too early, from the last finished epoch.

    On a CPU it ends bit for bit where it would have ended unbroken.

    Args:
        folder: of the experiment.
        emit: called with the events that make up what there is already, then ExperimentResumed,
            then every event as in ``run_experiment``.
        control: as in ``run_experiment``.

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
        device, mnist = _prepare(rest.record.settings)
        control.plan.lay_out_rest(rest.planned, rest.ended)
        with logging_to(folder / "log.txt"):
            for event in rest.events:
                emit(event)
            journal = Journal(rest.record, emit)
            for notice in rest.notices:
                journal.add(notice)
                emit(notice)
            return _carry_out(device, mnist, journal, emit, control, rest.checkpoint)


def _prepare(settings: Settings) -> tuple[torch.device, Mnist]:
    device = choose_device(settings.device)
    configure(device, settings.deterministic)
    mnist = load_mnist(
        device,
        folder=settings.data,
        train_limit=settings.train_limit,
        test_limit=settings.test_limit,
        validation_split=settings.validation_split,
        seed=settings.seed,
    )
    return device, mnist


def _carry_out(
    device: torch.device,
    mnist: Mnist,
    journal: Journal,
    emit: Emit,
    control: Control,
    checkpoint: Checkpoint | None = None,
) -> ExperimentRecord:
    """Train what is planned, from the checkpoint if there is one."""
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

    bench = Workbench(
        settings, record.folder, device, mnist, tell, journal.files, control, checkpoint
    )
    if settings.deterministic:
        tell(Notice("info", f"deterministic: {DETERMINISM_COSTS[device.type == 'cpu']}"))
    status: ExperimentStatus = "interrupted"  # if anything but a run's own error gets out
    try:
        status = _train_all(bench, record)
        if status == "finished" and any(run.status == "failed" for run in record.runs.values()):
            status = "failed"
    finally:
        control.plan.close()
        finished = datetime.now(UTC).replace(microsecond=0)
        tell(ExperimentFinished(record.id, status, record.summary, finished))
        if status in ("finished", "failed") and record.saved:
            journal.files.forget(record.folder / FILE_NAME)  # makes room, too
        journal.close()
    return record


def _train_all(bench: Workbench, record: ExperimentRecord) -> ExperimentStatus:
    while group := bench.control.plan.begin_next(lambda model: _at_once(model, bench)):
        try:
            bench.control.check_epoch()
        except StopRequested:
            return "stopped"
        bench.control.forget_skip()
        status = train_runs(group, bench)
        bench.checkpoint = None
        if status == "stopped":
            return "stopped"
        if any(record.runs[id_].status == "finished" for id_ in group):
            _tell_cost(group[0].model, bench, record)
    return "finished"


def _tell_cost(model: str, bench: Workbench, record: ExperimentRecord) -> None:
    """Measure what a model costs to use, unless that is known."""
    if model in record.costs:
        return
    with contextlib.suppress(StopRequested):  # obeyed where there is still something to train
        bench.emit(CostMeasured(model, measure_cost(model, bench)))


def _at_once(model: str, bench: Workbench) -> int:
    """How many runs of a model train side by side."""
    if bench.checkpoint is not None:  # they go on as they were
        return len(bench.checkpoint.runs)
    if bench.settings.patience:  # each ends in its own time
        return 1
    gains = MODELS[model].trains_little or bench.able.large_side_by_side
    return bench.settings.repeats_at_once or (bench.able.runs_at_once if gains else 1)
