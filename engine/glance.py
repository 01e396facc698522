"""An experiment at a glance: what the beginning of its summary says. Nothing here imports torch.

A summary tells of the experiment and its models first, and of the runs, with a table for every
epoch, behind that. Hundreds of experiments are listed without reading those.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from engine.events import ExperimentStatus
from engine.lock import owner_of
from engine.one_line import printable
from engine.past_experiment import LONGEST, refuse_unknown_schema
from engine.results import ResultsError
from engine.results_folder import Unreadable, folders_with
from engine.rules import shown
from engine.saved_values import WrongValueError, checked, take
from engine.settings import MODEL_NAMES
from engine.toml_file import TomlError, parse_toml, size_in_words

RUNS = b"[[runs]]"
"""The line that ends the beginning."""


@dataclass(frozen=True)
class ModelGlance:
    """One model of an experiment."""

    name: str
    runs: int
    """Finished ones."""
    mean: float | None
    """Test accuracy over the finished runs; None without any."""
    std: float | None
    """None for fewer than two."""


@dataclass(frozen=True)
class Glance:
    """An experiment, without its runs."""

    folder: Path
    id: str
    status: ExperimentStatus
    started: datetime
    """UTC."""
    finished: datetime | None
    models: tuple[ModelGlance, ...]

    @property
    def best(self) -> ModelGlance | None:
        """The model of the highest mean test accuracy."""
        known = [model for model in self.models if model.mean is not None]
        return max(known, key=lambda model: model.mean or 0.0, default=None)


def glances(results: Path) -> Iterator[Glance | Unreadable]:
    """Every experiment, that begun last first; a bad folder hides no other.

    What is wrong in a summary behind its beginning shows when all of it is read.

    Raises:
        ResultsError: as ``folders_with``.
    """
    for folder in folders_with(results, "summary.toml"):
        try:
            yield glance(folder)
        except ResultsError as error:
            yield Unreadable(folder, str(error))


def glance(folder: Path) -> Glance:
    """Read the beginning of the summary in ``folder``.

    Raises:
        ResultsError: one line that names the file and what is wrong with it.
    """
    path = folder / "summary.toml"
    try:
        return _glance(parse_toml(_beginning(path)), folder)
    except (TomlError, WrongValueError) as error:
        raise ResultsError(f"{path}: {error}") from error


def _beginning(path: Path) -> bytes:
    """The lines before the first run; raises ``TomlError``."""
    lines: list[bytes] = []
    try:
        if not path.is_file():  # a pipe might never end, nor even begin
            raise TomlError("cannot be read: is not a file")
        with path.open("rb") as file:
            left = LONGEST
            while (line := file.readline(left)) and not line.startswith(RUNS):
                lines.append(line)
                left -= len(line)
            if left <= 0:
                raise TomlError(f"is longer than {size_in_words(LONGEST)}")
            if line:
                _refuse_cut(file.fileno())
    except OSError as error:
        raise TomlError(f"cannot be read: {error.strerror or error}") from error
    return b"".join(lines)


def _refuse_cut(descriptor: int) -> None:
    """Raise ``TomlError`` if a file, as nearly every one that was cut, ends within a line."""
    os.lseek(descriptor, -1, os.SEEK_END)
    if os.read(descriptor, 1) != b"\n":
        raise TomlError("is not valid TOML: ends within a line")


def _glance(content: Mapping[str, Any], folder: Path) -> Glance:
    refuse_unknown_schema(content)
    status = take(content, "status", str)
    allowed = get_args(ExperimentStatus)
    if status not in allowed:
        raise WrongValueError(f"status is {shown(status)}; allowed: {', '.join(allowed)}")
    if status == "running" and owner_of(folder) is None:
        status = "interrupted"  # whoever trained it left no last word
    return Glance(
        folder=folder,
        id=printable(folder.name),
        status=status,
        started=take(content, "started", datetime),
        finished=take(content, "finished", datetime, None),
        models=tuple(_model(table) for table in take(content, "models", list, [])),
    )


def _model(table: Any) -> ModelGlance:
    if not isinstance(table, Mapping) or table.get("name") not in MODEL_NAMES:
        raise WrongValueError(f"models holds {shown(table)}; allowed: {', '.join(MODEL_NAMES)}")
    found = take(table, "test_accuracy", dict, {})
    mean, std = (
        checked("test_accuracy", found[name], float) if name in found else None
        for name in ("mean", "std")
    )
    return ModelGlance(table["name"], take(table, "runs", int, 0), mean, std)
