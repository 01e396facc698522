"""Which models are compared with which, by the names that a user gives. Without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

from engine.past_experiment import read_record
from engine.records import ExperimentRecord, RunRecord
from engine.results import ResultsError
from engine.results_folder import find_experiment
from engine.rules import shown


@dataclass(frozen=True)
class Contender:
    """A model of an experiment, or a single run of it."""

    record: ExperimentRecord
    name: str
    """Of the model, or of the run."""
    model: str
    runs: tuple[RunRecord, ...]
    """Finished ones: all of the model's, or a certain one."""

    @property
    def accuracies(self) -> list[float]:
        """Test accuracy of each run after its last epoch."""
        return [run.epochs[-1].test_accuracy for run in self.runs]


def models_of(record: ExperimentRecord) -> list[Contender]:
    """All models of an experiment."""
    return [
        Contender(record, model, model, tuple(record.finished_runs(model)))
        for model in record.model_names
    ]


def contenders(results: Path, name: str) -> list[Contender]:
    """The models that a name stands for.

    Args:
        results: the folder of all experiments.
        name: an experiment as for ``find_experiment``; behind it, after a slash, a model or a run
            such as "cnn-r2".

    Raises:
        ResultsError: there is no such experiment, model or run, or it cannot be read.
    """
    id_, _, wanted = name.partition("/")
    record = read_record(find_experiment(results, id_))
    found = [side for side in models_of(record) if wanted in ("", side.model)] or [
        Contender(record, wanted, run.id.model, (run,))
        for model in record.model_names
        for run in record.finished_runs(model)
        if str(run.id) == wanted
    ]
    if not found:
        there = ", ".join(record.model_names)
        raise ResultsError(
            f"{record.folder}: has no finished run of {shown(wanted)}; its models are {there}"
        )
    return found


def pairs(groups: Sequence[Sequence[Contender]]) -> list[tuple[Contender, Contender]]:
    """What is compared, the baseline first.

    Args:
        groups: what each name stands for. The models of a single group are compared with each
            other. Of several, each is compared with the first: the models that both have; where
            there is none of these, every model with every model.

    Raises:
        ResultsError: there is nothing to compare, or something with itself.
    """
    if len(groups) == 1:
        found = list(combinations(groups[0], 2))
        if not found:
            only = groups[0][0]
            raise ResultsError(
                f"compare: {only.record.id} has {only.model} alone; give another experiment"
            )
        return found
    baseline, *others = groups
    found = []
    for group in others:
        every = list(product(baseline, group))
        found += [(one, other) for one, other in every if one.model == other.model] or every
    for one, other in found:
        _refuse_overlap(one, other)
    return found


def _refuse_overlap(one: Contender, other: Contender) -> None:
    """Raise ``ResultsError`` where a run would be compared with itself."""
    if one.record.folder != other.record.folder:
        return
    if one.name == other.name:
        raise ResultsError(f"compare: {one.record.id}/{one.name} is given twice")
    for run, model in ((one, other), (other, one)):
        if run.model == model.name:
            raise ResultsError(
                f"compare: {run.record.id}/{run.name} is one of the runs of {model.name} itself"
            )
