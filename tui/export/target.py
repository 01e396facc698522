"""Where an export goes: a file that is written whole, and over another only if that is wanted."""

from __future__ import annotations

import os
from pathlib import Path

from engine.results import ResultsError


def target_file(path: Path, *, replace: bool) -> Path:
    """The file to write; of a link the one that it leads to, as a link stays one.

    Raises:
        ResultsError: something is there and is not to be replaced, or is no file at all.
    """
    refuse_present(path, replace=replace)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ResultsError(f"{path}: is not a file")
    return target


def target_folder(path: Path, *, replace: bool) -> Path:
    """As ``target_file``."""
    refuse_present(path, replace=replace)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise ResultsError(f"{path}: is a file")
    return target


def refuse_present(path: Path, *, replace: bool) -> None:
    """Raise ``ResultsError`` for something that is there and is not to be replaced."""
    if os.path.lexists(path) and not replace:
        raise ResultsError(f"{path}: is there already; --force replaces it")
