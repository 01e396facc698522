"""One process at a time works on an experiment: `running.toml` in its folder names it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import tomli_w

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
    owner = _read(folder / FILE_NAME)
    return owner if owner is not None and owner.is_alive else None


@contextlib.contextmanager
def working_on(folder: Path) -> Iterator[None]:
    """Have the experiment in ``folder`` to oneself while the block lasts.

    Raises:
        ResultsError: another process works on it; the line names it.
    """
    path = folder / FILE_NAME
    owner = _read(path)
    if owner is not None and owner.is_alive:
        host = one_line(owner.host, 100)
        raise ResultsError(
            f"{folder.name}: is being trained by process {owner.pid} on {host}; "
            f"if that is gone, remove {path}"
        )
    with contextlib.suppress(OSError):  # a disk that refuses is told where the summary is saved
        _take(path, owner)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _read(path) == this_process():
                path.unlink()


def _take(path: Path, gone: Owner | None) -> None:
    """Put one's name there, in the place of a process that is gone."""
    claim = path.with_name(f"{path.name}.{os.getpid()}")
    aside = path.with_name(f"{path.name}.{os.getpid()}.old")
    claim.write_text(tomli_w.dumps(asdict(this_process())), encoding="utf-8")
    try:
        with contextlib.suppress(FileNotFoundError):
            path.rename(aside)
            if _read(aside) != gone:  # another was quicker, and this is its name
                aside.rename(path)
        _place(claim, path)
    except FileExistsError:
        raise ResultsError(f"{path.parent.name}: another process has just begun with it") from None
    finally:
        for own in (claim, aside, *_claims_of_the_dead(path)):
            own.unlink(missing_ok=True)


def _place(claim: Path, path: Path) -> None:
    """Give a file its name; unlike a rename this fails if there is one of that name."""
    try:
        os.link(claim, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("x", encoding="utf-8") as file:
            file.write(claim.read_text(encoding="utf-8"))


def _claims_of_the_dead(path: Path) -> Iterator[Path]:
    """What processes have left that were killed inside ``_take``."""
    for claim in path.parent.glob(f"{path.name}.*"):
        pid = claim.name.removeprefix(f"{path.name}.").removesuffix(".old")
        if pid.isdecimal() and not (int(pid) in PIDS and psutil.pid_exists(int(pid))):
            yield claim


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
