"""Hours of training on the screen: what it keeps stays small."""

from __future__ import annotations

import gc
from collections.abc import Callable

import psutil
import pytest
from scripted import ScriptedTrainer

from engine.events import EpochFinished, EpochResult, RunId, RunStarted
from tui.app import MnistApp

EPOCHS, REPEATS = 1000, 10


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


@pytest.mark.slow
async def test_a_thousand_epochs_of_ten_repeats_need_little_memory(
    make_app: Callable[..., MnistApp], trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",), epochs=EPOCHS, repeats=REPEATS)
    runs = [RunId("mlp", repeat) for repeat in range(1, REPEATS + 1)]

    def train(epoch: int) -> None:
        for run in runs:
            for step in range(1, 11):
                trainer.progress(run, epoch, 10 * step)
            result = EpochResult(epoch, 0.1, 0.97, 0.08, 0.98, 0.001, 5.0, 12_000.0, 0.5)
            trainer.bridge.emit(EpochFinished(run, result))

    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        trainer.begin()
        for run in runs:
            trainer.bridge.emit(RunStarted(run, 1234, EPOCHS, 1))
        for epoch in range(1, 11):
            train(epoch)
        await pilot.pause(1.0)  # all that is loaded when it is needed has been
        before = resident()
        for epoch in range(11, EPOCHS + 1):
            train(epoch)
            if epoch % 100 == 0:
                await pilot.pause(0.3)
        await pilot.pause(1.0)
        screen = app.screen
        record = screen.view.record  # type: ignore[attr-defined]
        assert [len(run.epochs) for run in record.runs.values()] == [EPOCHS] * REPEATS
        assert resident() - before < 50e6
