"""An experiment read back from its `summary.toml`. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from engine.events import (
    EpochResult,
    ExperimentResumed,
    ExperimentStatus,
    ModelSize,
    Notice,
    RunFinished,
    RunId,
    RunStatus,
)
from engine.lock import Owner, owner_of, this_process
from engine.records import ExperimentRecord, RunRecord
from engine.results import ResultsError
from engine.rules import SettingsError, shown
from engine.settings import MODEL_NAMES, Settings
from engine.settings_file import from_tables
from engine.summary import SCHEMA

Kind = TypeVar("Kind")
ENDED = ("finished", "skipped", "failed")
"""Runs of which nothing is left to train; the others were stopped, running or queued."""
LONGEST = 256 * 2**20
"""Bytes of a summary: 1,000 epochs of 200 runs take less than half of it."""


class _WrongError(Exception):
    """What is wrong in the file, for the line that names it."""


def read_record(folder: Path) -> ExperimentRecord:
    """Read the experiment in ``folder``; what its summary does not know has its default.

    Raises:
        ResultsError: one line that names the file and what is wrong with it.
    """
    path = folder / "summary.toml"
    try:
        if path.stat().st_size > LONGEST:
            raise _WrongError(f"is longer than {LONGEST // 2**20} MiB")
        return _record(tomllib.loads(path.read_text(encoding="utf-8")), folder)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ResultsError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except (SettingsError, _WrongError) as error:
        raise ResultsError(f"{path}: {error}") from error
    except OverflowError as error:
        raise ResultsError(f"{path}: holds a number that is too large") from error
    except (ValueError, RecursionError) as error:  # ValueError also for a number too long to read
        raise ResultsError(f"{path}: is not valid TOML: {error}") from error


def is_unfinished(record: ExperimentRecord) -> bool:
    """Whether there is something left to train."""
    return any(run.status not in ENDED for run in record.runs.values())


def folder_of(results: Path, id_: str) -> Path:
    """The folder of an experiment by its id.

    Raises:
        ResultsError: there is none.
    """
    # os.path answers also for names that no file can have.
    if Path(id_).name != id_ or not os.path.exists(results / id_ / "summary.toml"):
        raise ResultsError(f"results: {results}: has no experiment {shown(id_)}")
    return results / id_


def newest_unfinished(results: Path) -> ExperimentRecord:
    """The experiment that was begun last of those that can go on.

    One that ended before its first epoch has nothing to go on from, and is found by its id alone.

    Raises:
        ResultsError: there is none.
    """
    marks = (*results.glob("*/resume.pt"), *results.glob("*/running.toml"))
    for folder in sorted({mark.parent for mark in marks}, reverse=True):
        if owner_of(folder) is not None:
            continue
        try:
            record = read_record(folder)
        except ResultsError:  # one bad folder must not hide the others
            continue
        if is_unfinished(record):
            return record
    raise ResultsError(f"results: {results}: has no experiment that could go on")


def newest_live(results: Path) -> tuple[ExperimentRecord, Owner] | None:
    """The experiment begun last of those that another process trains, and that process."""
    for mark in sorted(results.glob("*/running.toml"), reverse=True):
        owner = owner_of(mark.parent)
        if owner is None or owner == this_process():
            continue
        try:
            record = read_record(mark.parent)
        except ResultsError:
            continue
        if record.status == "running":
            return record, owner
    return None


def _record(content: Mapping[str, Any], folder: Path) -> ExperimentRecord:
    schema = _take(content, "schema", int)
    if schema != SCHEMA:
        raise _WrongError(f"schema is {schema}; this version of mnist-tui reads {SCHEMA}")
    settings = Settings(**from_tables(_take(content, "settings", dict), "settings"))
    sizes = dict(_size(table) for table in _tables(content, "models"))
    runs = [_run(table, sizes) for table in _tables(content, "runs")]
    runs += [_queued(table) for table in _tables(content, "queue")]
    status = _one_of(ExperimentStatus, _take(content, "status", str), "status")
    environment = _take(content, "environment", dict)
    for name in ("device", "device_name"):
        _take(environment, name, str, where="environment")
    return ExperimentRecord(
        id=folder.name,
        folder=folder,
        started=_take(content, "started", datetime),
        settings=settings,
        environment=environment,
        runs={run.id: run for run in runs},
        status=status,
        finished=_take(content, "finished", datetime, None),
        interruptions=[
            _fill(ExperimentResumed, table, f"interruptions[{number}]")
            for number, table in enumerate(_tables(content, "interruptions"))
        ],
        notices=[
            _fill(Notice, table, f"notices[{number}]")
            for number, table in enumerate(_tables(content, "notices"))
        ],
    )


def _size(table: Mapping[str, Any]) -> tuple[str, ModelSize]:
    name = _take(table, "name", str)
    numbers = (_take(table, key, int, 0) for key in ("parameters", "trainable_parameters"))
    return name, ModelSize(name, *numbers)


def _run_id(table: Mapping[str, Any]) -> RunId:
    model = _take(table, "model", str)
    if model not in MODEL_NAMES:
        raise _WrongError(f"{shown(model)} is not a model; allowed: {', '.join(MODEL_NAMES)}")
    return RunId(model, _take(table, "repeat", int))


def _queued(table: Mapping[str, Any]) -> RunRecord:
    return RunRecord(_run_id(table), _planned(table))


def _planned(table: Mapping[str, Any]) -> int:
    epochs = _take(table, "planned_epochs", int)
    if epochs < 1:
        raise _WrongError(f"planned_epochs is {epochs}; allowed: 1 or more")
    return int(epochs)


def _run(table: Mapping[str, Any], sizes: Mapping[str, ModelSize]) -> RunRecord:
    run = _run_id(table)
    status = _take(table, "status", str)
    if status != "running":
        status = _one_of(RunStatus, status, f"status of {run}")
    epochs = [
        _fill(EpochResult, epoch, f"epoch {number} of {run}")
        for number, epoch in enumerate(_tables(table, "epochs"), start=1)
    ]
    ended = "seconds" in table and status not in ("running", "failed")
    return RunRecord(
        id=run,
        planned_epochs=_planned(table),
        seed=_take(table, "seed", int, 0),
        threads=_take(table, "threads", int, 0),
        precision=_take(table, "precision", str, ""),
        status=status,
        epochs=epochs,
        finished=_end(table, run, status, sizes) if ended else None,
        error=_take(table, "error", str, ""),
        weights=_take(table, "weights", str, ""),
    )


def _end(
    table: Mapping[str, Any], run: RunId, status: Any, sizes: Mapping[str, ModelSize]
) -> RunFinished:
    confusion = _take(table, "confusion", list, [])
    if confusion and [len(row) for row in confusion if isinstance(row, list)] != [10] * 10:
        raise _WrongError(f"confusion of {run} is not 10 × 10")
    return RunFinished(
        run=run,
        size=sizes.get(run.model, ModelSize(run.model, 0, 0)),
        status=status,
        seconds=_take(table, "seconds", float),
        features_seconds=_take(table, "features_seconds", float, 0.0),
        test_accuracy=_take(table, "test_accuracy", float, None),
        test_loss=_take(table, "test_loss", float, None),
        confusion=tuple(tuple(row) for row in confusion),
        macro_f1=_take(table, "macro_f1", float, None),
        peak_memory_bytes=_take(table, "peak_memory_bytes", int, 0),
        weights=_take(table, "weights", str, ""),
    )


def _fill(kind: type[Kind], table: Mapping[str, Any], where: str) -> Kind:
    """A dataclass of plain values from the table that it was saved as."""
    fields = _fields(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(
        **{
            name: _take(table, name, plain, default, where)
            for name, (plain, default) in fields.items()
        }
    )


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[type, Any]]:
    """The plain type of each field, and its default, ``...`` if it has none."""
    found: dict[str, tuple[type, Any]] = {}
    for field in dataclasses.fields(kind):
        wanted = get_type_hints(kind)[field.name]
        kinds = (wanted, *get_args(wanted))
        plain = next((each for each in (float, int, datetime) if each in kinds), str)
        has_default = field.default is not dataclasses.MISSING
        found[field.name] = plain, field.default if has_default else ...
    return found


def _tables(content: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for table in _take(content, name, list, []):
        if not isinstance(table, Mapping):
            raise _WrongError(f"{name} holds {shown(table)}, which is not a table")
        yield table


def _take(
    table: Mapping[str, Any], name: str, kind: type, default: Any = ..., where: str = ""
) -> Any:
    """A value of a table, in its type; the default where it is missing, if there is one."""
    if name not in table:
        if default is ...:
            raise _WrongError(f"{name} is missing{f' in {where}' if where else ''}")
        return default
    value = table[name]
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _WrongError(f"{name} is {shown(value)}, which is not of type {kind.__name__}")
    return value


def _one_of(kind: Any, value: str, name: str) -> Any:
    if value not in get_args(kind):
        raise _WrongError(f"{name} is {shown(value)}; allowed: {', '.join(get_args(kind))}")
    return value
