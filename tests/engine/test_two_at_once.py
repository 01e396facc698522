"""Several processes on one results folder, at the same moment."""

from __future__ import annotations

import multiprocessing
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from engine.lock import FILE_NAME, working_on
from engine.results import ResultsError, create_folder
from engine.settings import Settings

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)
PROCESSES = 8


def at_the_same_moment(work: Callable[..., str], folder: Path) -> list[str]:
    """What as many processes return that all begin together, and end together."""
    context = multiprocessing.get_context("fork")
    together = context.Barrier(PROCESSES)
    told = context.SimpleQueue()
    processes = [
        context.Process(target=_tell, args=(work, folder, together, told)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    return found


def _tell(work: Callable[..., str], folder: Path, together: Barrier, told: Any) -> None:
    together.wait()
    told.put(work(folder, together))


def create(folder: Path, together: Barrier) -> str:
    return create_folder(Settings(models=("mlp",), results=str(folder)), NOW)[0]


def take(folder: Path, together: Barrier) -> str:
    try:
        with working_on(folder):
            together.wait()  # nobody lets go before all have tried
            return "works"
    except ResultsError:
        together.wait()
        return "refused"


def test_each_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    ids = at_the_same_moment(create, tmp_path)
    names = [f"20261122-073012-mlp{end}" for end in ("", *(f"-{n}" for n in range(2, 9)))]
    assert sorted(ids) == sorted(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize("before", [None, 'host = "{host}"\npid = 999999999\nstarted = 1.0\n'])
@pytest.mark.parametrize("attempt", range(5))
def test_one_experiment_is_taken_by_one(tmp_path: Path, before: str | None, attempt: int) -> None:
    """Whether nobody has worked on it yet, or a process that is gone."""
    if before is not None:
        (tmp_path / FILE_NAME).write_text(before.format(host=platform.node()), encoding="utf-8")
    found = at_the_same_moment(take, tmp_path)
    assert sorted(found) == ["refused"] * (PROCESSES - 1) + ["works"]
    assert not list(tmp_path.iterdir()), "something was left behind"
