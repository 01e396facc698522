"""Deletes an experiment from the results folder. Nothing here imports torch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from engine.glance import glance
from engine.lock import owner_of, working_on
from engine.results import ResultsError
from engine.results_folder import is_id


def refuse_deletion(folder: Path) -> None:
    """Raise what ``delete_experiment`` would, as far as that is known before.

    Raises:
        ResultsError: it is a link to a folder that may be anybody's, it is somebody's folder that
            happens to have a summary, too, or a process trains it.
    """
    if folder.is_symlink():
        raise ResultsError(f"{folder}: is a link to {os.path.realpath(folder)}; not deleted")
    if not is_id(folder.name):
        try:
            glance(folder)
        except ResultsError as error:
            raise ResultsError(f"{error}; not deleted, as its name is no experiment's") from error
    owner = owner_of(folder)
    if owner is not None:
        raise ResultsError(f"{folder.name}: is being trained by {owner}; not deleted")


def delete_experiment(folder: Path) -> None:
    """Remove an experiment's folder and all in it; of links only the link itself.

    It gets a hidden name first, so that nobody takes it for an experiment that is half there.

    Raises:
        ResultsError: as ``refuse_deletion``; or something cannot be removed.
    """
    refuse_deletion(folder)
    hidden = folder.with_name(f".deleting-{folder.name}-{os.getpid()}")
    try:
        with working_on(folder):  # nobody may go on with it meanwhile
            folder.rename(hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        name = error.filename or folder
        raise ResultsError(f"{name}: cannot be removed: {error.strerror or error}") from error


def size_on_disk(folder: Path) -> int:
    """Bytes of all files in a folder; those that cannot be looked at count nothing."""
    size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue
    return size
