"""The seam between the training loop and the world."""

from __future__ import annotations

import math

import pytest
import torch
from engine_support import Clock, Recorder

from engine import progress as module
from engine.control import Control, StopRequested
from engine.events import Phase, Progress, RunId
from engine.progress import INTERVAL, PhaseWatch
from engine.training import Tally

RUN = RunId("mlp", 1)


class Held(Control):
    """A control whose every check says that it held the training for ``pause`` seconds."""

    pause_seconds = 0.0

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def check(self) -> float:
        super().check()
        self._clock.now += self.pause_seconds
        return self.pause_seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which stands still unless moved."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def counted(images: int, loss: float) -> Tally:
    """A tally of ``images`` images that were all read right."""
    tally = Tally(1, torch.device("cpu"))
    add(tally, images, loss)
    return tally


def add(tally: Tally, images: int, loss: float) -> None:
    """Count images with a loss; above log 10 they are read wrong."""
    logits = torch.zeros(1, images, 10)
    logits[..., 0] = -math.log((math.exp(loss) - 1) / 9)
    tally.add(logits, torch.zeros(1, images, dtype=torch.int64))


def begin(recorder: Recorder, control: Control, phase: Phase = "train") -> PhaseWatch:
    return PhaseWatch([RUN], phase, 3, recorder, control)


def test_progress_says_where_the_phase_is(clock: Clock) -> None:
    recorder = Recorder()
    watch = begin(recorder, Control())
    clock.now += 2.0
    watch.step(5, 20, counted(100, 0.5))
    loss = pytest.approx(0.5, rel=1e-5)
    assert recorder.events == [
        Progress(RUN, "train", 3, 5, 20, loss, 1.0, 50.0, 2.0, 2.0, loss, 1.0)
    ]


def test_runs_side_by_side_each_have_their_own_progress(clock: Clock) -> None:
    recorder = Recorder()
    watch = PhaseWatch([RUN, RunId("mlp", 2)], "train", 3, recorder, Control())
    tally = Tally(2, torch.device("cpu"))
    logits = torch.zeros(2, 4, 10)
    logits[1, :, 7] = 100.0
    tally.add(logits, torch.full((2, 4), 7))
    clock.now += 2.0
    watch.step(1, 1, tally)
    first, second = recorder.of(Progress)
    assert (first.run.repeat, second.run.repeat) == (1, 2)
    assert first.loss == pytest.approx(math.log(10), rel=1e-5)
    assert (second.loss, second.accuracy) == (pytest.approx(0), 1.0)
    assert first.images_per_second == second.images_per_second == 4.0


def test_progress_is_rare_but_never_misses_the_last_step(clock: Clock) -> None:
    recorder = Recorder()
    watch = begin(recorder, Control())
    tally = counted(1, 0.5)
    for step in range(1, 101):
        clock.now += INTERVAL / 10
        watch.step(step, 100, tally)
    steps = [event.step for event in recorder.of(Progress)]
    assert 9 <= len(steps) <= 11
    assert steps[-1] == 100


def test_rate_is_of_the_images_since_the_last_progress(clock: Clock) -> None:
    recorder = Recorder()
    watch = begin(recorder, Control())
    tally = counted(100, 0.5)
    clock.now += 1.0
    watch.step(1, 3, tally)
    add(tally, 50, 2.5)
    clock.now += 2.0
    watch.step(2, 3, tally)
    first, second = recorder.of(Progress)
    assert (first.images_per_second, second.images_per_second) == (100.0, 25.0)
    assert second.loss == pytest.approx(2.5, rel=1e-5)
    assert second.accuracy == 0.0


def test_pauses_count_neither_as_time_nor_against_the_rate(clock: Clock) -> None:
    recorder, control = Recorder(), Held(clock)
    watch = begin(recorder, control)
    control.pause_seconds = 500.0
    clock.now += 2.0
    watch.step(1, 2, counted(100, 0.5))
    assert watch.seconds == 2.0
    (said,) = recorder.of(Progress)
    assert (said.seconds, said.images_per_second) == (2.0, 50.0)


def test_phase_of_features_has_images_for_steps_and_no_loss(clock: Clock) -> None:
    recorder = Recorder()
    watch = begin(recorder, Control(), "features")
    clock.now += 2.0
    watch.images(8, 64)
    (said,) = recorder.of(Progress)
    assert (said.phase, said.step, said.steps, said.images_per_second) == ("features", 8, 64, 4.0)
    assert math.isnan(said.loss)
    assert math.isnan(said.accuracy)


def test_stop_gets_through_between_steps_and_images(clock: Clock) -> None:
    control = Control()
    watch = begin(Recorder(), control)
    control.stop()
    with pytest.raises(StopRequested):
        watch.step(1, 2, counted(1, 0.5))
    with pytest.raises(StopRequested):
        watch.images(1, 2)


def test_pause_that_ends_in_a_stop_does_not_count_as_time(clock: Clock) -> None:
    class PausedThenStopped(Control):
        def check(self) -> float:
            clock.now += 500.0
            raise StopRequested

    watch = begin(Recorder(), PausedThenStopped())
    clock.now += 2.0
    with pytest.raises(StopRequested):
        watch.step(1, 2, counted(1, 0.5))
    assert watch.seconds == 2.0
