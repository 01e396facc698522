"""An experiment read back from its `summary.toml`. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from engine.events import (
    Cost,
    EpochResult,
    ExperimentResumed,
    ExperimentStatus,
    ModelSize,
    Notice,
    RunFinished,
    RunId,
    RunStatus,
)
from engine.number_arrays import arrays_as_text, number_array
from engine.one_line import one_line, printable
from engine.records import ExperimentRecord, RunRecord
from engine.results import ResultsError
from engine.rules import SettingsError, shown
from engine.saved_values import WrongValueError, checked, fill, indices, take
from engine.settings import MODEL_NAMES, Settings
from engine.settings_file import from_tables
from engine.summary_format import VERSIONS
from engine.toml_file import TomlError, read_toml

ENDED = ("finished", "skipped", "failed")
"""Runs of which nothing is left to train; the others were stopped, running or queued."""
LONGEST = 64 * 2**20
"""Bytes of a summary: 1,000 epochs of 200 runs take less than half of it."""


def read_record(folder: Path) -> ExperimentRecord:
    """Read the experiment in ``folder``; what its summary does not know has its default.

    Raises:
        ResultsError: one line that names the file and what is wrong with it.
    """
    path = folder / "summary.toml"
    try:
        return _record(read_toml(path, LONGEST, arrays_as_text), folder)
    except (TomlError, SettingsError, WrongValueError) as error:
        raise ResultsError(f"{path}: {error}") from error


def is_unfinished(record: ExperimentRecord) -> bool:
    """Whether there is something left to train."""
    return any(run.status not in ENDED for run in record.runs.values())


def refuse_unknown_schema(content: Mapping[str, Any]) -> None:
    """Raise ``WrongValueError`` for a summary of another version of the program."""
    schema = take(content, "schema", int)
    if schema not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise WrongValueError(f"schema is {schema}; this version of mnist-tui reads {known}")


def _record(content: Mapping[str, Any], folder: Path) -> ExperimentRecord:
    refuse_unknown_schema(content)
    settings = Settings(**from_tables(take(content, "settings", dict), "settings"))
    sizes = dict(_size(table) for table in _tables(content, "models"))
    runs: dict[RunId, RunRecord] = {}
    for run in _runs(content, sizes):
        if run.id in runs:
            raise WrongValueError(f"{run.id} is there twice")
        runs[run.id] = run
    status = _one_of(ExperimentStatus, take(content, "status", str), "status")
    return ExperimentRecord(
        id=printable(folder.name),
        folder=folder,
        started=take(content, "started", datetime),
        settings=settings,
        environment=_environment(take(content, "environment", dict)),
        runs=runs,
        status=status,
        finished=take(content, "finished", datetime, None),
        interruptions=[
            fill(ExperimentResumed, table, f"interruptions[{number}]")
            for number, table in enumerate(_tables(content, "interruptions"))
        ],
        notices=[
            fill(Notice, table, f"notices[{number}]")
            for number, table in enumerate(_tables(content, "notices"))
        ],
        costs=dict(_costs(content)),
    )


def _environment(table: Mapping[str, Any]) -> dict[str, str | int]:
    for name in ("device", "device_name"):
        take(table, name, str, where="environment")
    return {
        one_line(name): take(table, name, int) if type(value) is int else _line(table, name)
        for name, value in table.items()
    }


def _size(table: Mapping[str, Any]) -> tuple[str, ModelSize]:
    name = take(table, "name", str)
    numbers = (take(table, key, int, 0) for key in ("parameters", "trainable_parameters"))
    return name, ModelSize(name, *numbers)


def _costs(content: Mapping[str, Any]) -> Iterator[tuple[str, Cost]]:
    for table in _tables(content, "models"):
        name = take(table, "name", str)
        cost = fill(Cost, table, f"models of {name}")
        if name in MODEL_NAMES and cost != Cost():
            yield name, cost


def _run_id(table: Mapping[str, Any]) -> RunId:
    model = take(table, "model", str)
    if model not in MODEL_NAMES:
        raise WrongValueError(f"{shown(model)} is not a model; allowed: {', '.join(MODEL_NAMES)}")
    return RunId(model, take(table, "repeat", int))


def _runs(content: Mapping[str, Any], sizes: Mapping[str, ModelSize]) -> Iterator[RunRecord]:
    for table in _tables(content, "runs"):
        yield _run(table, sizes)
    for table in _tables(content, "queue"):
        yield RunRecord(_run_id(table), take(table, "planned_epochs", int))


def _run(table: Mapping[str, Any], sizes: Mapping[str, ModelSize]) -> RunRecord:
    run = _run_id(table)
    status = take(table, "status", str)
    if status != "running":
        status = _one_of(RunStatus, status, f"status of {run}")
    epochs = [
        fill(EpochResult, epoch, f"epoch {number} of {run}")
        for number, epoch in enumerate(_tables(table, "epochs"), start=1)
    ]
    if [epoch.epoch for epoch in epochs] != list(range(1, len(epochs) + 1)):
        raise WrongValueError(f"epochs of {run} are not in their order")
    ended = "seconds" in table and status not in ("running", "failed")
    return RunRecord(
        id=run,
        planned_epochs=take(table, "planned_epochs", int),
        seed=take(table, "seed", int, 0),
        threads=take(table, "threads", int, 0),
        precision=_line(table, "precision", ""),
        place=_line(table, "place", ""),
        status=status,
        epochs=epochs,
        finished=_end(table, run, status, sizes) if ended else None,
        error=_line(table, "error", ""),
        weights=_line(table, "weights", ""),
    )


def _end(
    table: Mapping[str, Any], run: RunId, status: Any, sizes: Mapping[str, ModelSize]
) -> RunFinished:
    confusion = number_array(table, "confusion")
    lengths = [len(row) if isinstance(row, list) else 0 for row in confusion]
    if confusion and lengths != [10] * 10:
        raise WrongValueError(f"confusion of {run} is not 10 × 10")
    for count in chain(*confusion):
        checked("confusion", count, int)
    misclassified = None
    if "misclassified" in table:
        misclassified = indices("misclassified", number_array(table, "misclassified"))
    return RunFinished(
        run=run,
        size=sizes.get(run.model, ModelSize(run.model, 0, 0)),
        status=status,
        seconds=take(table, "seconds", float),
        features_seconds=take(table, "features_seconds", float, 0.0),
        test_accuracy=take(table, "test_accuracy", float, None),
        test_loss=take(table, "test_loss", float, None),
        confusion=tuple(tuple(row) for row in confusion),
        macro_f1=take(table, "macro_f1", float, None),
        peak_memory_bytes=take(table, "peak_memory_bytes", int, 0),
        weights=_line(table, "weights", ""),
        misclassified=misclassified,
        calibration_error=take(table, "calibration_error", float, None),
        energy_joules=take(table, "energy_joules", float, None),
    )


def _tables(content: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for table in take(content, name, list, []):
        if not isinstance(table, Mapping):
            raise WrongValueError(f"{name} holds {shown(table)}, which is not a table")
        yield table


def _line(table: Mapping[str, Any], name: str, default: Any = ...) -> str:
    """Text that will be on a screen."""
    return one_line(take(table, name, str, default))


def _one_of(kind: Any, value: str, name: str) -> Any:
    if value not in get_args(kind):
        raise WrongValueError(f"{name} is {shown(value)}; allowed: {', '.join(get_args(kind))}")
    return value
