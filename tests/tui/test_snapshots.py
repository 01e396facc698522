"""Every screen as a picture, at four sizes and in two themes, made from fixed data.

The pictures lie in ``__snapshots__``. After a change that is meant to be seen, look at them and
accept them with ``pytest tests/tui/test_snapshots.py --snapshot-update``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension
from scripted import NOW, ScriptedTrainer, settled, text
from syrupy import SnapshotAssertion
from textual.pilot import Pilot

from engine.events import (
    EpochFinished,
    EpochResult,
    ModelSize,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.inspection import load_test_digits
from engine.load import Load
from engine.records import ExperimentRecord, RunRecord
from engine.results_folder import Unreadable
from engine.settings import Settings
from tui.app import MnistApp
from tui.experiment_view import ExperimentView
from tui.listed import Listed
from tui.screens import results
from tui.screens.confusion import ConfusionScreen
from tui.widgets import device_panel, log_pane

DRAWN_BY = {"textual": "8.2.8", "rich": "15.0.0", "plotext": "6.1.0"}
"""Other versions may draw a border or an axis in another way, which is no fault of ours."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(version(name) != number for name, number in DRAWN_BY.items()),
        reason=f"the pictures were drawn by {DRAWN_BY}",
    ),
]

SIZES = [(80, 24), (100, 30), (120, 40), (160, 45)]
THEMES = ["dark", "light"]
IMAGES = 60
MLP, MLP2, CNN, CNN2 = (RunId(m, r) for m in ("mlp", "cnn") for r in (1, 2))
GPU = Load("NVIDIA H100", 97.0, 3 * 2**30, 80 * 2**30, 61.0, 310.0)


class Noon(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: object = None) -> Noon:
        return cls(2026, 11, 23, 12, 0, 0)


@pytest.fixture(autouse=True)
def nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be another time or machine in every picture."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(ExperimentView, "elapsed", property(lambda view: 83.0))
    monkeypatch.setattr(log_pane, "datetime", Noon)
    monkeypatch.setattr(device_panel, "sample_loads", lambda device: {"cuda:0": GPU, "cuda:1": GPU})
    monkeypatch.setattr(results, "look", past)
    monkeypatch.setattr(device_panel, "INTERVAL", 3600.0)  # a slow machine would read more


def past(folder: Path, known: Sequence[Listed]) -> list[Listed]:
    """Two experiments, and one whose summary is damaged."""
    if known:
        return list(known)
    bad = folder / "20261122-180000-cnn"
    damaged = Unreadable(bad, f"{bad / 'summary.toml'}: is not valid TOML (at line 7)")
    found: list[ExperimentRecord | Unreadable] = [damaged]
    for id_, status, reached in (
        ("20261122-073012-mlp-cnn", "stopped", 0.9764),
        ("20261121-201500-mlp", "finished", 0.9811),
    ):
        settings = Settings(models=("mlp",), epochs=4, repeats=2)
        environment: dict[str, str | int] = {"device": "cpu", "device_name": "a CPU"}
        record = ExperimentRecord(id_, folder / id_, NOW, settings, environment, {}, status)
        for run in (MLP, MLP2):
            record.runs[run] = past_run(run, reached)
        found.append(record)
    return [Listed(each, ()) for each in found]


def past_run(run: RunId, reached: float) -> RunRecord:
    """One that has been trained for four epochs."""
    results = [
        EpochResult(
            epoch, 0.3 / epoch, 0.97, 0.3 / epoch, reached - 0.1**epoch, 0.001, 5.0, 12_000.0, 0.5
        )
        for epoch in range(1, 5)
    ]
    confusion = tuple(
        tuple(95 if i == j else (3 * i + j + run.repeat) % 4 for j in range(10)) for i in range(10)
    )
    size = ModelSize("mlp", 79_510, 79_510)
    end = RunFinished(
        run, size, "finished", 20.0, 0.0, reached, 0.08, confusion, 0.9, 0, "", None, 0.0123
    )
    return RunRecord(run, 4, status="finished", epochs=results, finished=end)


def train(
    trainer: ScriptedTrainer, run: RunId, epochs: range, best: float, place: str = ""
) -> None:
    """A run that learns ever more slowly, a little differently from another repeat."""
    if 1 in epochs:
        trainer.bridge.emit(RunStarted(run, 1233 + run.repeat, 4, 1, place=place))
    for epoch in epochs:
        for step in range(4, 101, 4):
            missed = math.exp(-2 * (epoch - 1 + step / 100))
            loss, accuracy = 2.3 * missed + 0.02, 1.001 * best - 0.9 * missed
            trainer.progress(run, epoch, step, loss=loss, accuracy=accuracy)
        missed = 2 * (1 - best) * math.exp(-epoch + 0.2 * run.repeat) + 1 - best
        result = EpochResult(
            epoch, 0.3 / epoch, 1 - missed, 3 * missed, 1 - missed, 0.001, 5.0, 12_000.0, 0.5
        )
        trainer.bridge.emit(EpochFinished(run, result))


async def mid_training(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    """mlp is done, cnn in the second epoch of its first run; both can be looked into."""
    await pilot.press("s")
    trainer.begin()
    labels = load_test_digits(Settings(test_limit=IMAGES)).labels
    for run in (MLP, MLP2):
        train(trainer, run, range(1, 5), 0.975)
        trainer.finish_run(run, 0.975)
    train(trainer, CNN, range(1, 2), 0.99)
    trainer.progress(CNN, 2, 40, loss=0.07, accuracy=0.97)
    for run, wrong in ((MLP2, (3, 5, 8, 13, 21)), (CNN, (5, 34))):
        answers = bytearray(labels)
        for number in wrong:
            answers[number] = (labels[number] + 2) % 10
        confidence = bytes(255 - number for number in range(IMAGES))
        trainer.snapshot(run, 1, bytes(answers), confidence)
    await settled(pilot)


async def two_workers(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    """Both runs of mlp in their third epoch on one GPU, one of cnn in its second on another."""
    await pilot.press("s")
    trainer.begin(device="cuda:0, cuda:1", device_name="NVIDIA H100", workers=2)
    for run in (MLP, MLP2):
        train(trainer, run, range(1, 3), 0.975, "cuda:0")
        trainer.progress(run, 3, 60, loss=0.09, accuracy=0.972)
    train(trainer, CNN, range(1, 2), 0.99, "cuda:1")
    trainer.progress(CNN, 2, 40, loss=0.07, accuracy=0.97)
    await settled(pilot)


async def setup(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    await settled(pilot)


def among_results(*keys: str) -> Callable[[Pilot[int], ScriptedTrainer], object]:
    """The past experiments, and then these keys."""

    async def press(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
        for key in ("h", *keys):
            await pilot.press(key)
            await settled(pilot)

    return press


async def confused(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    record = past(Path("results"), ())[1].found
    assert isinstance(record, ExperimentRecord)
    pilot.app.push_screen(ConfusionScreen(record))
    await settled(pilot)


async def ended(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    await mid_training(pilot, trainer)
    train(trainer, CNN, range(2, 5), 0.99)
    trainer.finish_run(CNN, 0.99)
    trainer.end("stopped")
    await settled(pilot)


def after(*keys: str) -> Callable[[Pilot[int], ScriptedTrainer], object]:
    """The training, and then these keys."""

    async def press(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
        await mid_training(pilot, trainer)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return press


SCREENS = {
    "setup": setup,
    "training": mid_training,
    "workers": two_workers,
    "read-out": after("left"),
    "question": after("x"),
    "ended": ended,
    "inspect": after("i"),
    "first-layer": after("i", "m", "v"),
    "draw": after("d", "l", "4", "enter"),
    "compare": after("c"),
    "results": among_results("down", "space"),
    "overlay": among_results("down", "space", "space", "c"),
    "confusion": confused,
    "help": after("question_mark"),
}


STATES = ("workers", "read-out", "question", "first-layer")
"""Of a screen that has pictures in every size."""
CASES = [
    pytest.param(screen, size, id=f"{screen}-{size[0]}x{size[1]}")
    for screen in SCREENS
    for size in (SIZES[::2] if screen in STATES else SIZES)
]


@pytest.mark.parametrize(("screen", "size"), CASES)
async def test_screen(
    make_app: Callable[..., MnistApp],
    trainer: ScriptedTrainer,
    snapshot: SnapshotAssertion,
    screen: str,
    size: tuple[int, int],
) -> None:
    """In every theme, chosen while the app runs: to start one is most of a picture's cost."""
    app = make_app(
        models=("mlp", "cnn"),
        theme=THEMES[0],
        characters="unicode",
        test_limit=IMAGES,
        results="results",
    )
    picture = snapshot.use_extension(SVGImageExtension)
    async with app.run_test(size=size, tooltips=False) as pilot:
        await SCREENS[screen](pilot, trainer)
        for theme in THEMES:
            app.theme = theme
            await settled(pilot)
            assert text(app).strip(), "an app that has failed is a blank picture"
            assert app.export_screenshot(simplify=True) == picture(name=theme)
