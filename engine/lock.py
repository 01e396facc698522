"""One process at a time works on an experiment: `running.toml` in its folder names it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import tomli_w

from engine.files import write_atomically
from engine.one_line import one_line
from engine.results import ResultsError
from engine.toml_file import TomlError, read_toml

FILE_NAME = "running.toml"
LONGEST = 2**16
"""Bytes of it."""
PIDS = range(1, 2**31)
"""That a process may have."""


@dataclass(frozen=True)
class Owner:
    """A process that works on an experiment."""

    host: str
    pid: int
    started: float
    """Seconds since the epoch: another process may get the same pid later."""

    def __str__(self) -> str:
        return f"process {self.pid} on {one_line(self.host, 100)}"

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; of another machine's that is not known, so it is believed."""
        if self.host != platform.node():
            return True
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError):
            return False


def this_process() -> Owner:
    """The one that asks."""
    return Owner(platform.node(), os.getpid(), psutil.Process().create_time())


def owner_of(folder: Path) -> Owner | None:
    """Who works on the experiment in ``folder``; None if nobody does any more."""
    owner = _read(lock_of(folder))
    return owner if owner is not None and owner.is_alive else None


def lock_of(folder: Path) -> Path:
    """The file that says who works on the experiment in ``folder``."""
    return folder / FILE_NAME


def renew(folder: Path) -> None:
    """Put one's name there again, if a full disk or somebody who removed the folder took it."""
    if not lock_of(folder).exists():
        with contextlib.suppress(OSError), _alone(folder):
            if _read(lock_of(folder)) is None:
                _sign(folder)


@contextlib.contextmanager
def working_on(folder: Path) -> Iterator[None]:
    """Have the experiment in ``folder`` to oneself while the block lasts.

    Raises:
        ResultsError: another process works on it; the line names it.
    """
    path = lock_of(folder)
    with _alone(folder):
        owner = _read(path)
        if owner is not None and owner.is_alive:
            raise ResultsError(
                f"{folder.name}: is being trained by {owner}; if that is gone, remove {path}"
            )
        with contextlib.suppress(OSError):  # a disk that refuses is told of with the summary
            _sign(folder)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _read(path) == this_process():
                path.unlink()


def _sign(folder: Path) -> None:
    write_atomically(lock_of(folder), tomli_w.dumps(asdict(this_process())))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out for a moment, where the system can."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # some file systems have no locks
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> Owner | None:
    """None where there is nothing, or nothing that can be understood: nobody is known then."""
    try:
        table = read_toml(path, LONGEST)
    except TomlError:
        return None
    match table:
        case {"host": str(host), "pid": int(pid), "started": float(started)} if pid in PIDS:
            return Owner(host, pid, started)
    return None
