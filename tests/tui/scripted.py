"""A trainer that trains nothing: the test says what the engine would say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch
from textual.app import App
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.widget import Widget

from engine.control import Control
from engine.events import (
    EpochFinished,
    EpochResult,
    ExperimentFinished,
    ExperimentStarted,
    ModelSize,
    Phase,
    Progress,
    RunFinished,
    RunId,
    RunStarted,
    RunStatus,
    Snapshot,
)
from engine.settings import Settings
from tui.trainer import Trainer

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)


class ScriptedTrainer(Trainer):
    """Records what it is asked to train; ``bridge.emit`` is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Settings] = []
        self.training = False
        self.resumed: Path | None = None

    @property
    def busy(self) -> bool:
        return self.training

    def start(self, settings: Settings, folder: Path | None = None) -> None:
        self.control = Control()
        self.resumed = folder
        self.started.append(settings)
        self.training = True

    def begin(self, **environment: str | int) -> None:
        """As the engine does; keyword arguments are what else it says of where it trains."""
        settings = self.started[-1]
        repeats = range(1, settings.repeats + 1)
        runs = tuple(RunId(model, repeat) for model in settings.models for repeat in repeats)
        self.control.plan.lay_out(runs, settings.epochs)
        environment = {"device": "cpu", "device_name": "a CPU", **environment}
        folder = Path(settings.results) / "id"
        self.bridge.emit(ExperimentStarted("id", folder, NOW, settings, runs, environment))

    def train(self, run: RunId, epochs: int, accuracy: float = 0.98, place: str = "") -> None:
        self.bridge.emit(RunStarted(run, 1234, self.started[-1].epochs, 1, place=place))
        for epoch in range(1, epochs + 1):
            for step in (50, 100):
                self.progress(run, epoch, step)
            result = EpochResult(epoch, 0.1, 0.97, 0.08, accuracy, 0.001, 5.0, 12_000.0, 0.5)
            self.bridge.emit(EpochFinished(run, result))

    def progress(
        self,
        run: RunId,
        epoch: int,
        step: int,
        loss: float = 0.25,
        phase: Phase = "train",
        accuracy: float = 0.8,
    ) -> None:
        seconds = step / 100 * 5
        before = 0.0 if phase == "train" else 5.0
        latest = (loss, accuracy, 12_345.0, seconds)
        self.bridge.emit(
            Progress(run, phase, epoch, step, 100, *latest, before + seconds, 0.25, 0.9)
        )

    def snapshot(self, run: RunId, epoch: int, predicted: bytes, confidence: bytes) -> None:
        """A network as it was built, with these answers to the test images."""
        from engine.models import MODELS, trained_part

        torch.manual_seed(run.repeat)
        weights = trained_part(MODELS[run.model].build()).state_dict()
        self.bridge.emit(Snapshot(run, epoch, predicted, confidence, weights))

    def finish_run(
        self,
        run: RunId,
        accuracy: float = 0.98,
        status: RunStatus = "finished",
        weights: str = "",
    ) -> None:
        size = ModelSize(run.model, 79_510, 79_510)
        confusion = tuple(tuple(100 * (i == j) for j in range(10)) for i in range(10))
        self.bridge.emit(
            RunFinished(
                run, size, status, 5.0, 0.0, accuracy, 0.08, confusion, accuracy, 10**9, weights
            )
        )

    def end(self, status: str = "finished") -> None:
        self.training = False
        folder = Path(self.started[-1].results) / "id"
        self.bridge.emit(
            ExperimentFinished("id", status, folder / "summary.toml", NOW)  # type: ignore[arg-type]
        )


async def until(pilot: Pilot[int], true: Callable[[], bool]) -> None:
    """Wait for what comes in its own time."""
    for _ in range(200):
        if true():
            return
        await pilot.pause(0.05)
    raise AssertionError("did not come true: " + text(pilot.app))


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the screen shows all there is."""
    before = ""
    for _ in range(30):
        await pilot.pause(0.15)
        if text(pilot.app) == before:
            return
        before = text(pilot.app)


def text(app: App[int]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def turn_wheel(pilot: Pilot[int], widget: Widget, notches: int) -> None:
    """Turn the mouse's wheel over the middle of ``widget``: down, or up if negative."""
    turn = MouseScrollDown if notches > 0 else MouseScrollUp
    x, y = (int(middle) for middle in widget.region.center)
    for _ in range(abs(notches)):
        pilot.app.post_message(turn(widget, x, y, 0, 0, 0, False, False, False, x, y))
    await pilot.pause()
