"""All experiments of a results folder. Nothing here imports torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.lock import Owner, lock_of, owner_of, this_process
from engine.past_experiment import is_unfinished, read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.rules import shown


@dataclass(frozen=True)
class Unreadable:
    """An experiment whose summary cannot be read."""

    folder: Path
    reason: str
    """One line that names the file."""


def folders_with(results: Path, *names: str) -> list[Path]:
    """The folders of the experiments that have one of these files, that begun last first.

    Raises:
        ResultsError: the results folder cannot be looked into. One that is not there has none.
    """
    try:
        return sorted({path.parent for name in names for path in results.glob(f"*/{name}")})[::-1]
    except OSError as error:
        reason = error.strerror or error
        raise ResultsError(f"results: {results}: cannot be read: {reason}") from error


def past_experiments(results: Path) -> Iterator[ExperimentRecord | Unreadable]:
    """Every experiment, that begun last first; a bad folder hides no other.

    They are read one by one as they are asked for: a long one takes a while.

    Raises:
        ResultsError: as ``folders_with``.
    """
    for folder in folders_with(results, "summary.toml"):
        yield read_experiment(folder)


def read_experiment(folder: Path) -> ExperimentRecord | Unreadable:
    """One experiment as it is now, or why it cannot be read."""
    try:
        record = read_record(folder)
    except ResultsError as error:
        return Unreadable(folder, str(error))
    if record.status == "running" and owner_of(folder) is None:
        record.status = "interrupted"  # whoever trained it left no last word
    return record


def folder_of(results: Path, id_: str) -> Path:
    """The folder of an experiment by its id.

    Raises:
        ResultsError: there is none.
    """
    plain = Path(id_).name == id_ and id_ not in ("", "..")
    # os.path answers also for names that no file can have.
    if not plain or not os.path.exists(results / id_ / "summary.toml"):
        raise ResultsError(f"results: {results}: has no experiment {shown(id_)}")
    return results / id_


def newest_unfinished(results: Path) -> ExperimentRecord:
    """The experiment that was begun last of those that can go on.

    One that ended before its first epoch has nothing to go on from, and is found by its id alone.

    Raises:
        ResultsError: there is none; or as ``folders_with``.
    """
    elsewhere = ""
    for folder in folders_with(results, "resume.pt", "running.toml"):
        owner = owner_of(folder)
        if owner is not None:
            if owner.host != platform.node() and not elsewhere:
                lock = lock_of(folder)
                elsewhere = f"; {owner} trains {folder.name}: if that is gone, remove {lock}"
            continue
        try:
            record = read_record(folder)
        except ResultsError:  # one bad folder must not hide the others
            continue
        if is_unfinished(record):
            return record
    raise ResultsError(f"results: {results}: has no experiment that could go on{elsewhere}")


def newest_live(results: Path) -> tuple[ExperimentRecord, Owner] | None:
    """The experiment begun last of those that another process trains, and that process.

    Raises:
        ResultsError: as ``folders_with``.
    """
    for folder in folders_with(results, "running.toml"):
        owner = owner_of(folder)
        if owner is None or owner == this_process():
            continue
        try:
            record = read_record(folder)
        except ResultsError:
            continue
        if record.status == "running":
            return record, owner
    return None
