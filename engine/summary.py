"""An experiment as `summary.toml`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import tomli_w

from engine.events import EpochResult, RunFinished, RunId
from engine.recipes import Recipe
from engine.records import ExperimentRecord, ModelSummary, RunRecord
from engine.settings_file import to_tables
from engine.statistics import ClassScores, class_scores, most_confused
from engine.summary_format import VERSIONS

WIDTH = 96
"""Characters of a line of numbers, without its indent."""
STATISTICS = (
    "test_accuracy",
    "test_loss",
    "macro_f1",
    "calibration_error",
    "seconds",
    "images_per_second",
    "energy_joules",
)
"""Of a model, each a table."""


class SummaryText:
    """Writes the summary of an experiment again and again, as it grows.

    Of thousands of epochs only the new ones are turned into text, and what a run makes of the
    digits once, when it has ended.
    """

    def __init__(self, record: ExperimentRecord) -> None:
        self._record = record
        self._epochs: dict[RunId, list[bytes]] = {}
        self._digits: dict[RunId, bytes] = {}

    def encoded(self) -> bytes:
        """TOML in UTF-8."""
        begun = [run for run in self._record.runs.values() if run.status != "queued"]
        table = _experiment_table(self._record) | ({} if begun else {"runs": []})
        parts = [_encoded(table)]
        for run in begun:
            parts += b"\n[[runs]]\n", _encoded(_run_table(run)), self._digits_of(run)
            parts += self._epochs_of(run)
        return b"".join(parts)

    def _digits_of(self, run: RunRecord) -> bytes:
        """A run ends only once."""
        if run.finished is None:
            return b""
        if run.id not in self._digits:
            self._digits[run.id] = _digits_text(run.finished)
        return self._digits[run.id]

    def _epochs_of(self, run: RunRecord) -> list[bytes]:
        """Epochs are only ever added to a run."""
        texts = self._epochs.setdefault(run.id, [])
        texts += (_epoch_text(epoch) for epoch in run.epochs[len(texts) :])
        return texts


def _epoch_text(epoch: EpochResult) -> bytes:
    return b"\n[[runs.epochs]]\n" + _encoded(_known(dataclasses.asdict(epoch)))


def _digits_text(end: RunFinished) -> bytes:
    """The last keys of a run, and its table ``per_digit``."""
    text = ""
    if end.confusion:
        text += _array("confusion", [f"{list(row)}," for row in end.confusion])
        text += _array("most_confused", [f"{list(pair)}," for pair in most_confused(end.confusion)])
    if end.misclassified is not None:
        text += _array("misclassified", _lines(end.misclassified))
    if end.confusion:
        text += "\n[runs.per_digit]\n"
        scores = class_scores(end.confusion)
        for field in dataclasses.fields(ClassScores):
            text += _array(field.name, _lines([getattr(each, field.name) for each in scores]))
    return text.encode()


def _lines(numbers: Iterable[float]) -> list[str]:
    """Numbers with a comma behind each, as many in a line as it takes."""
    from textwrap import wrap  # not for those who only read

    return wrap("".join(f"{each}, " for each in numbers), WIDTH)


def _array(name: str, lines: list[str]) -> str:
    """An array as the writer of TOML would have it, but not with a line for every number."""
    return "\n".join([f"{name} = [", *(f"    {line}" for line in lines), "]\n"])


def _encoded(table: dict[str, Any]) -> bytes:
    # An error's text may hold a name that is not UTF-8; that must not cost the summary.
    return tomli_w.dumps(table).encode(errors="replace")


def _experiment_table(record: ExperimentRecord) -> dict[str, Any]:
    """All but the runs. Unknown values are left out, here and below."""
    return _known(
        {
            "schema": VERSIONS[-1],
            "id": record.id,
            "status": record.status,
            "started": record.started,
            "finished": record.finished,
            "environment": record.environment,
            "interruptions": [dataclasses.asdict(one) for one in record.interruptions] or None,
            "notices": [dataclasses.asdict(one) for one in record.notices] or None,
            "settings": to_tables(record.settings),
            "models": [
                _model_table(model, record.settings.recipe(model.name)) for model in record.models
            ],
            "queue": [_queued_table(run) for run in record.runs.values() if run.status == "queued"]
            or None,
        }
    )


def _queued_table(run: RunRecord) -> dict[str, Any]:
    return {"model": run.id.model, "repeat": run.id.repeat, "planned_epochs": run.planned_epochs}


def _model_table(model: ModelSummary, recipe: Recipe) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": model.name,
        "parameters": model.size and model.size.parameters,
        "trainable_parameters": model.size and model.size.trainable_parameters,
        "runs": model.runs,
        "recipe": dataclasses.asdict(recipe),
        "features_seconds": model.features_seconds or None,
        "peak_memory_bytes": model.peak_memory_bytes or None,
        **dataclasses.asdict(model.cost),
    }
    for goal, seconds in model.seconds_to.items():
        table[f"seconds_to_{goal}"] = seconds
    for name in STATISTICS:
        found = getattr(model, name)
        if found is not None:
            table[name] = _known(dataclasses.asdict(found))
            del table[name]["count"]  # the model's runs
    if "test_accuracy" in table:
        table["test_accuracy"]["best_epoch"] = model.best_epoch
    return _known(table)


def _run_table(run: RunRecord) -> dict[str, Any]:
    end = run.finished
    return _known(
        {
            "model": run.id.model,
            "repeat": run.id.repeat,
            "seed": run.seed,
            "threads": run.threads,
            "precision": run.precision,
            "place": run.place or None,
            "planned_epochs": run.planned_epochs,
            "status": run.status,
            "error": run.error or None,
            "test_accuracy": run.last and run.last.test_accuracy,
            "test_loss": run.last and run.last.test_loss,
            "macro_f1": end and end.macro_f1,
            "calibration_error": end and end.calibration_error,
            "seconds": end and end.seconds,
            "features_seconds": (end and end.features_seconds) or None,
            "peak_memory_bytes": end and end.peak_memory_bytes,
            "energy_joules": end and end.energy_joules,
            "weights": run.weights or None,
        }
    )


def _known(table: dict[str, Any]) -> dict[str, Any]:
    """Without the values that are None, which TOML cannot say."""
    return {key: value for key, value in table.items() if value is not None}
