"""One process at a time works on an experiment; one that is gone holds up nobody."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
import tomli_w

import engine.lock
from engine.lock import FILE_NAME, Owner, owner_of, renew, this_process, working_on
from engine.results import ResultsError


@pytest.fixture
def other() -> Iterator[Owner]:
    """A process that is not this one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = psutil.Process(process.pid).create_time()
        yield replace(this_process(), pid=process.pid, started=started)
        process.kill()


def name(owner: Owner, folder: Path) -> None:
    (folder / FILE_NAME).write_text(tomli_w.dumps(asdict(owner)))


def test_names_its_process_while_it_works(tmp_path: Path) -> None:
    with working_on(tmp_path):
        assert owner_of(tmp_path) == this_process()
    assert owner_of(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_nobody_else_may_meanwhile(tmp_path: Path, other: Owner) -> None:
    name(other, tmp_path)
    with pytest.raises(ResultsError, match=f"trained by process {other.pid}"), working_on(tmp_path):
        pass
    assert owner_of(tmp_path) == other


@pytest.mark.parametrize("change", [{"started": 1.0}, {"pid": 2**22 + 1}, {"pid": -1}])
def test_a_process_that_is_gone_is_replaced(
    tmp_path: Path, other: Owner, change: dict[str, float]
) -> None:
    name(replace(other, **change), tmp_path)
    assert owner_of(tmp_path) is None
    with working_on(tmp_path):
        assert owner_of(tmp_path) == this_process()


def test_another_machine_is_believed(tmp_path: Path) -> None:
    name(Owner("another-machine", 1, 1.0), tmp_path)
    with pytest.raises(ResultsError, match="another-machine"), working_on(tmp_path):
        pass


ENDLESS = b"host = 'a'\npid = inf\nstarted = 1"


@pytest.mark.parametrize("content", [b"", b"\xff", b"pid = 'x'", b"host = 'a'\npid = [1]", ENDLESS])
def test_a_damaged_name_is_nobodys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert owner_of(tmp_path) is None
    with working_on(tmp_path):
        assert owner_of(tmp_path) == this_process()


def test_a_file_system_without_locks_has_the_name_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with working_on(tmp_path):
        assert owner_of(tmp_path) == this_process()


def test_a_name_that_was_lost_is_put_there_again(tmp_path: Path, other: Owner) -> None:
    with working_on(tmp_path):
        (tmp_path / FILE_NAME).unlink()
        renew(tmp_path)
        assert owner_of(tmp_path) == this_process()
        name(other, tmp_path)
        renew(tmp_path)
        assert owner_of(tmp_path) == other, "what is another's stays so"
    assert owner_of(tmp_path) == other


def test_a_folder_that_cannot_be_written_to_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine.lock, "write_atomically", refuse)
    with working_on(tmp_path):
        assert not list(tmp_path.iterdir())
