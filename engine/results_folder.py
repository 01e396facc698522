"""All experiments of a results folder. Nothing here imports torch."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from engine.lock import Owner, lock_of, owner_of, this_process
from engine.past_experiment import is_unfinished, read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.rules import shown

LATEST = "latest"


@dataclass(frozen=True)
class Unreadable:
    """An experiment whose summary cannot be read."""

    folder: Path
    reason: str
    """One line that names the file."""


def is_id(name: str) -> bool:
    """Whether a folder's name is one that an experiment is given: its start, then its models."""
    return re.match(r"\d{8}-\d{6}-.", name) is not None


def folders_with(results: Path, *names: str) -> list[Path]:
    """The folders of the experiments that have one of these files, which may be patterns with a
    ``*``, that begun last first, as their names say; behind them those that were given other names.

    Raises:
        ResultsError: the results folder cannot be looked into. One that is not there has none.
    """
    try:
        folders = [entry.name for entry in os.scandir(results) if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:  # ValueError for a name that no folder can have
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"results: {results}: cannot be read: {reason}") from error
    found = [name for name in folders if any(_may_have(results / name, file) for file in names)]
    return [results / name for name in sorted(found, key=lambda name: (is_id(name), name))[::-1]]


def _may_have(folder: Path, file: str) -> bool:
    """Whether a folder has a file, or is closed, which shows when it is read."""
    try:
        if "*" in file:
            return any(fnmatch(name, file) for name in os.listdir(folder))
        os.stat(folder / file)
    except PermissionError:
        return is_id(folder.name)
    except OSError:
        return False
    return True


def read_experiment(folder: Path) -> ExperimentRecord | Unreadable:
    """One experiment as it is now, or why it cannot be read."""
    try:
        return without_trainer(read_record(folder))
    except ResultsError as error:
        return Unreadable(folder, str(error))


def without_trainer(record: ExperimentRecord) -> ExperimentRecord:
    """The record, interrupted if it says that it is running and nobody trains it any more."""
    if record.status == "running" and owner_of(record.folder) is None:
        record.status = "interrupted"  # whoever trained it left no last word
    return record


def find_experiment(results: Path, name: str) -> Path:
    """The folder of an experiment by the name that a user gives it.

    Args:
        results: the folder of all experiments.
        name: an id, the beginning of one, or "latest" for that begun last. Nothing is read, so it
            may be one that is damaged.

    Raises:
        ResultsError: there is none, or more than one that begins so; or as ``folders_with``.
    """
    folders = {folder.name: folder for folder in folders_with(results, "summary.toml")}
    if name == LATEST and folders:
        return next(iter(folders.values()))
    if name in folders:
        return folders[name]
    found = sorted(id_ for id_ in folders if name and id_.startswith(name))
    if not found:
        raise ResultsError(f"results: {results}: has no experiment {shown(name)}")
    if len(found) > 1:
        raise ResultsError(
            f"results: {results}: has {len(found)} experiments {shown(name)}…: "
            f"{shown(found[0])}, {shown(found[1])}{', …' if len(found) > 2 else ''}"
        )
    return folders[found[0]]


def newest_unfinished(results: Path) -> ExperimentRecord:
    """The experiment that was begun last of those that can go on.

    One that ended before its first epoch has nothing to go on from, and is found by its id alone.

    Raises:
        ResultsError: there is none; or as ``folders_with``.
    """
    elsewhere = ""
    for folder in folders_with(results, "running.toml", "resume*.pt"):
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
