"""What holds for every test: folders of its own, and one core."""

from __future__ import annotations

import gc
import os

import pytest

# The tests share the cores: two threads of one would wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Keep the collector from going through all of torch again and again: it stays anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may touch the cache or the choices of whoever runs it, nor those of another."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def steady_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen looks as often as asked for, however slow the machine is."""
    from tui import pace

    monkeypatch.setattr(pace, "LONGEST_WAIT", 0.0)
