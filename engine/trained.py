"""Where a trained network is kept, by the name that a user gives it.

Nothing here imports torch, so that a wrong name is refused at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.past_experiment import read_record
from engine.records import ExperimentRecord, RunRecord
from engine.results import ResultsError
from engine.results_folder import LATEST, find_experiment, folders_with
from engine.rules import shown

SUFFIX = ".pt"


@dataclass(frozen=True)
class Trained:
    """A network's weights on disk."""

    name: str
    """The whole one: experiment and run, or the file's path."""
    path: Path
    test_accuracy: float | None = None
    """None where only the file is known."""


def find_trained(results: Path, name: str) -> Trained:
    """A trained network by its name.

    Args:
        results: the folder of all experiments.
        name: an experiment's id, the beginning of one, or "latest"; behind it, after a slash, a run
            such as "cnn-r2", or a model. Of several runs it is the one with the highest test
            accuracy. Or the path of a file with weights.

    Raises:
        ResultsError: there is none, or more than one experiment of that name.
    """
    if name.endswith(SUFFIX):
        if not Path(name).is_file():
            raise ResultsError(f"{shown(name)}: is not a file")
        return Trained(name, Path(name))
    id_, _, run = name.partition("/")
    if id_ != LATEST:
        return _best(find_experiment(results, id_), run)
    for folder in folders_with(results, "summary.toml"):
        try:
            return _best(folder, run)
        except ResultsError:  # one that is damaged or has just begun must not hide the others
            continue
    of = f" of {shown(run)}" if run else ""
    raise ResultsError(f"results: {results}: has no experiment with weights{of}")


def saved_networks(record: ExperimentRecord) -> dict[str, Trained]:
    """Of each model of an experiment the most accurate run whose weights are there."""
    found: dict[str, Trained] = {}
    for run in sorted(record.runs.values(), key=_accuracy, reverse=True):
        if run.id.model not in found and _weights(record.folder, run).is_file():
            found[run.id.model] = _trained(record.folder, run)
    return {model: found[model] for model in record.model_names if model in found}


def _best(folder: Path, wanted: str) -> Trained:
    """Of an experiment's runs of that name, or model, or of all, the most accurate."""
    trained = [run for run in read_record(folder).runs.values() if _weights(folder, run).is_file()]
    chosen = [run for run in trained if wanted in ("", run.id.model, str(run.id))]
    if not chosen:
        names = ", ".join(str(run.id) for run in trained)
        there = f"; there are {names}" if names else ""
        what = f"of {shown(wanted)}" if wanted else "of any run"
        raise ResultsError(f"{folder}: has no weights {what}{there}")
    return _trained(folder, max(chosen, key=_accuracy))


def _trained(folder: Path, run: RunRecord) -> Trained:
    accuracy = run.last.test_accuracy if run.last else None
    return Trained(f"{folder.name}/{run.id}", _weights(folder, run), accuracy)


def _weights(folder: Path, run: RunRecord) -> Path:
    # Not what the summary says: that could be any path.
    return folder / f"{run.id}{SUFFIX}"


def _accuracy(run: RunRecord) -> float:
    return run.last.test_accuracy if run.last else 0.0
