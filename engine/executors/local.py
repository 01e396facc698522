"""Trains in this process, on the thread that asks, one group of runs after the other."""

from __future__ import annotations

import contextlib

import torch

from engine.control import StopRequested
from engine.cost import measure_cost
from engine.data import Mnist, load_mnist
from engine.device import choose_device, configure, environment
from engine.events import CostMeasured, ExperimentStatus
from engine.executors.job import Job
from engine.run import train_runs
from engine.settings import Settings
from engine.workbench import Workbench


class LocalExecutor:
    """See ``Executor``. Sets torch's number of threads, and its deterministic algorithms on or off,
    for the process.
    """

    def __init__(self) -> None:
        self._device = torch.device("cpu")
        self._mnist: Mnist | None = None

    def prepare(self, settings: Settings) -> dict[str, str | int]:
        self._device = choose_device(settings.device_names[0])
        configure(self._device, settings.deterministic)
        self._mnist = load_for(settings, self._device)
        return environment(self._device, settings.threads)

    def train_all(self, job: Job) -> ExperimentStatus:
        assert self._mnist is not None  # prepare() came first
        record, control = job.record, job.control
        bench = Workbench(
            record.settings, record.folder, self._device, self._mnist, job.emit, job.files, control
        )
        while group := control.plan.begin_next(lambda run: job.at_once(run, self._device.type)):
            try:
                control.check_epoch()
            except StopRequested:
                return "stopped"
            control.forget_skip()
            bench.checkpoint = job.checkpoint_of(group[0])
            if train_runs(group, bench) == "stopped":
                return "stopped"
            known = group[0].model in record.costs
            if not known and any(record.runs[run].status == "finished" for run in group):
                tell_cost(group[0].model, bench)
        return "finished"


def load_for(settings: Settings, device: torch.device) -> Mnist:
    """Read MNIST as the settings want it."""
    return load_mnist(
        device,
        folder=settings.data,
        train_limit=settings.train_limit,
        test_limit=settings.test_limit,
        validation_split=settings.validation_split,
        seed=settings.seed,
    )


def tell_cost(model: str, bench: Workbench) -> None:
    """Measure what a model costs to use, and emit it."""
    with contextlib.suppress(StopRequested):  # obeyed where there is still something to train
        bench.emit(CostMeasured(model, measure_cost(model, bench)))
