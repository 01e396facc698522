"""What an experiment has come to so far, folded together from its events.

The journal on disk and the dashboard on the screen fold the same events with the same code, so
they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from engine.events import (
    Cost,
    CostMeasured,
    EpochFinished,
    EpochResult,
    Event,
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    ExperimentStatus,
    ModelSize,
    Notice,
    PlanChanged,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
    RunStatus,
)
from engine.settings import Settings
from engine.statistics import Statistics, describe

ACCURACY_GOALS = (0.97, 0.98, 0.99)
MOST_NOTICES = 100
"""That are kept; log.txt has them all."""


@dataclass
class RunRecord:
    """One run: what was asked, and what has come of it."""

    id: RunId
    planned_epochs: int
    seed: int = 0
    threads: int = 0
    precision: str = ""
    place: str = ""
    """Which of several workers trained it last."""
    status: RunStatus | Literal["queued", "running"] = "queued"
    epochs: list[EpochResult] = field(default_factory=list)
    finished: RunFinished | None = None
    error: str = ""
    weights: str = ""
    """File name of the saved ones in the experiment's folder; empty if none."""

    @property
    def last(self) -> EpochResult | None:
        """The newest finished epoch."""
        return self.epochs[-1] if self.epochs else None

    @property
    def images_per_second(self) -> float | None:
        """Mean over its finished epochs."""
        rates = [epoch.images_per_second for epoch in self.epochs]
        return sum(rates) / len(rates) if rates else None

    def seconds_to(self, accuracy: float) -> float | None:
        """Training seconds until the test accuracy first reached ``accuracy``; None if never."""
        seconds = 0.0
        for epoch in self.epochs:
            seconds += epoch.seconds
            if epoch.test_accuracy >= accuracy:
                return seconds
        return None


@dataclass(frozen=True)
class ModelSummary:
    """One model over its finished runs. Statistics are None while no run has finished."""

    name: str
    size: ModelSize | None
    runs: int
    """Finished runs: the ones the statistics are over."""
    test_accuracy: Statistics | None
    best_epoch: int | None
    """The epoch with the highest mean test accuracy; the statistics are of the last epoch."""
    test_loss: Statistics | None
    macro_f1: Statistics | None
    seconds: Statistics | None
    """Training time of a run."""
    images_per_second: Statistics | None
    features_seconds: float
    """Time to compute the frozen features, once for all runs; 0 for models without."""
    peak_memory_bytes: int
    seconds_to: dict[str, float]
    """By "97", "98", "99": mean training seconds to that test accuracy, if all runs got there."""
    calibration_error: Statistics | None
    """None, too, where an old summary does not say it of every run."""
    energy_joules: Statistics | None
    """Of a run's training; None where no driver tells."""
    cost: Cost


@dataclass
class ExperimentRecord:
    """One experiment so far; ``record`` adds an event."""

    id: str
    folder: Path
    started: datetime
    settings: Settings
    environment: dict[str, str | int]
    runs: dict[RunId, RunRecord]
    status: ExperimentStatus = "running"
    finished: datetime | None = None
    saved: bool = True
    """Whether the summary on disk is up to date."""
    plan_version: int = 0
    """Of the newest PlanChanged."""
    interruptions: list[ExperimentResumed] = field(default_factory=list)
    """How it went on each time that it had ended too early."""
    notices: list[Notice] = field(default_factory=list)
    """The first warnings and errors."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """By model, of those measured."""
    _summaries: dict[str, ModelSummary] = field(default_factory=dict, compare=False)
    """Those that were asked for since a run ended: they change with that alone."""

    @classmethod
    def begin(cls, event: ExperimentStarted) -> ExperimentRecord:
        """The record of an experiment that has just started."""
        runs = {run: RunRecord(run, event.settings.epochs) for run in event.runs}
        return cls(event.id, event.folder, event.started, event.settings, event.environment, runs)

    @property
    def summary(self) -> Path:
        """Where the summary is."""
        return self.folder / "summary.toml"

    def record(self, event: Event) -> None:
        """Add what an event says. Progress, snapshots and mere information leave no trace."""
        match event:
            case RunStarted():
                run = self.runs[event.run]
                run.seed, run.status = event.seed, "running"
                run.threads, run.precision = event.threads, event.precision
                run.place = event.place
            case PlanChanged():
                self._follow(event)
            case EpochFinished():
                self.runs[event.run].epochs.append(event.result)
            case RunFinished():
                run = self.runs[event.run]
                run.finished, run.status = event, event.status
                run.weights = event.weights
                self._summaries.pop(event.run.model, None)
            case RunFailed():
                run = self.runs[event.run]
                run.error, run.status = event.error, "failed"
                run.weights = event.weights
            case CostMeasured():
                self.costs[event.model] = event.cost
                self._summaries.pop(event.model, None)
            case Notice() if event.level != "info" and len(self.notices) < MOST_NOTICES:
                self.notices.append(event)
            case ExperimentResumed():
                self.interruptions.append(event)
            case ExperimentFinished():
                self.status, self.finished = event.status, event.finished
                for run in self.runs.values():
                    if run.status == "running":  # it was interrupted together with the experiment
                        run.status = "stopped"
            case _:
                pass

    def _follow(self, plan: PlanChanged) -> None:
        if plan.version <= self.plan_version:
            return
        self.plan_version = plan.version
        before, self.runs = self.runs, {}
        for planned in plan.runs:
            run = before.get(planned.run) or RunRecord(planned.run, planned.epochs)
            run.planned_epochs = planned.epochs
            self.runs[run.id] = run

    @property
    def model_names(self) -> tuple[str, ...]:
        """In the order asked for; those of runs that were added come last."""
        return tuple(dict.fromkeys([*self.settings.models, *(run.model for run in self.runs)]))

    @property
    def models(self) -> list[ModelSummary]:
        """One summary per model, in the order of ``model_names``."""
        return [self.summary_of(name) for name in self.model_names]

    def runs_of(self, model: str) -> list[RunRecord]:
        """The runs of one model, in the order they train."""
        return [run for run in self.runs.values() if run.id.model == model]

    def finished_runs(self, model: str) -> list[RunRecord]:
        """The runs that the statistics of a model are over: those trained to their end."""
        return [run for run in self.runs_of(model) if run.status == "finished" and run.epochs]

    def summary_of(self, model: str) -> ModelSummary:
        """The summary of one model."""
        if model not in self._summaries:
            self._summaries[model] = self._summarize(model)
        return self._summaries[model]

    def ranking(self) -> list[ModelSummary]:
        """The summaries, highest mean test accuracy first, models without a finished run last."""
        return sorted(
            self.models, key=lambda model: -model.test_accuracy.mean if model.test_accuracy else 1
        )

    def _summarize(self, name: str) -> ModelSummary:
        runs = self.runs_of(name)
        ends = [run.finished for run in runs if run.finished is not None]
        complete = self.finished_runs(name)

        def over(value: Callable[[RunRecord], float]) -> Statistics | None:
            return describe([value(run) for run in complete]) if complete else None

        def over_known(value: Callable[[RunFinished], float | None]) -> Statistics | None:
            values = [value(run.finished) if run.finished else None for run in complete]
            known = [each for each in values if each is not None]
            return describe(known) if known and len(known) == len(values) else None

        return ModelSummary(
            name=name,
            size=ends[0].size if ends else None,
            runs=len(complete),
            test_accuracy=over(lambda run: run.epochs[-1].test_accuracy),
            best_epoch=_best_epoch(complete),
            test_loss=over(lambda run: run.epochs[-1].test_loss),
            macro_f1=over(lambda run: (run.finished and run.finished.macro_f1) or 0.0),
            seconds=over(lambda run: run.finished.seconds if run.finished else 0.0),
            images_per_second=over(lambda run: run.images_per_second or 0.0),
            features_seconds=sum(end.features_seconds for end in ends),
            peak_memory_bytes=max((end.peak_memory_bytes for end in ends), default=0),
            seconds_to=_seconds_to_goals(complete),
            calibration_error=over_known(lambda end: end.calibration_error),
            energy_joules=over_known(lambda end: end.energy_joules),
            cost=self.costs.get(name, Cost()),
        )


def _best_epoch(runs: list[RunRecord]) -> int | None:
    if not runs:
        return None
    epochs = range(min(len(run.epochs) for run in runs))
    means = [sum(run.epochs[epoch].test_accuracy for run in runs) for epoch in epochs]
    return means.index(max(means)) + 1


def _seconds_to_goals(runs: list[RunRecord]) -> dict[str, float]:
    means = {}
    for goal in ACCURACY_GOALS:
        times = [seconds for run in runs if (seconds := run.seconds_to(goal)) is not None]
        if times and len(times) == len(runs):
            means[f"{goal * 100:.0f}"] = sum(times) / len(times)
    return means
