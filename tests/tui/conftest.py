"""An app whose trainer trains nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scripted import ScriptedTrainer

from engine.settings import Settings
from tui.app import MnistApp


@pytest.fixture
def trainer() -> ScriptedTrainer:
    return ScriptedTrainer()


@pytest.fixture
def make_app(
    trainer: ScriptedTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steady_pace: None
) -> Callable[..., MnistApp]:
    """Makes an app on the scripted trainer; keyword arguments are settings."""
    monkeypatch.setattr(MnistApp, "_warm_up", lambda app: app._loaded.set())

    def make(**settings: object) -> MnistApp:
        values: dict[str, object] = {
            "results": str(tmp_path),
            "repeats": 2,
            "epochs": 4,
            "refresh_rate": 10.0,
        }
        return MnistApp(Settings(**(values | settings)), trainer)  # type: ignore[arg-type]

    return make
