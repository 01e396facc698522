"""Files that neither a crash nor a full disk can spoil: all or nothing, and tried again."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from engine.events import Notice

LONG_AGO = 3600.0
"""Seconds that no write takes."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part.

    Raises:
        OSError: the folder is gone, full or not writable; the old content stays.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # Opened by hand for the mode, which follows the user's umask.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def remove_leftovers(folder: Path, suffix: str, older: float = 0.0) -> None:
    """Remove the temporary files that a kill inside ``write_atomically`` has left in a folder.

    Args:
        folder: where others do not write, unless ``older`` is more than a write takes.
        suffix: of the files that were written.
        older: seconds since they were left.
    """
    for path in folder.glob(f".*{suffix}.*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= older:
                path.unlink()


class SavedFiles:
    """The files of one experiment. What the disk refuses is said once and kept for later."""

    def __init__(self, notify: Callable[[Notice], None]) -> None:
        self.refused: dict[Path, bytes] = {}
        """The newest content of the files that could not be written."""
        self._notify = notify

    def save(self, path: Path, content: bytes) -> bool:
        """Write a file, as ``write_atomically``; return whether the disk took it.

        A folder that somebody has removed meanwhile is made anew.
        """
        try:
            try:
                write_atomically(path, content)
            except FileNotFoundError:
                path.parent.mkdir(parents=True)
                write_atomically(path, content)
                text = (
                    f"{path.parent}: was removed, and is made anew with what is saved from now on"
                )
                self._notify(Notice("warning", text))
        except OSError as error:
            known = path in self.refused
            self.refused[path] = content
            if not known:
                text = (
                    f"{path}: not saved: {error.strerror or error}; tried again after every epoch"
                )
                self._notify(Notice("error", f"{text}, and at the end"))
            return False
        if self.refused.pop(path, None) is not None:
            remove_leftovers(path.parent, path.suffix)  # that could not be removed, either
            self._notify(Notice("info", f"{path}: saved now"))
        return True

    def save_refused(self) -> None:
        """Try again what could not be written, small files first: there may be room for those."""
        for path, content in sorted(self.refused.items(), key=lambda item: len(item[1])):
            self.save(path, content)

    def forget(self, path: Path) -> None:
        """A file that is of no use any more."""
        self.refused.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
