"""Every run tries the same inputs, and keeps nothing of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "hostile",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("hostile")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all inputs of a module: making one for each would take longer than the test."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe that nobody writes to: who opens it waits for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path
