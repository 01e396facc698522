"""Pause, resume, stop, stop after the epoch, skip."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from engine_support import Clock

from engine import control as module
from engine.control import Control, SkipRequested, StopRequested

PATIENCE = 20.0


class Stepper:
    """A thread that checks a control between steps, as the training does."""

    def __init__(self, control: Control) -> None:
        self.steps = 0
        self.end: BaseException | None = None
        self._control = control
        self._over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self.steps += 1
                self._control.check()
                time.sleep(0.0005)
        except (StopRequested, SkipRequested) as error:
            self.end = error

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, "never came"
            time.sleep(0.002)

    def held(self) -> bool:
        """Whether no step is done any more."""
        time.sleep(0.05)
        before = self.steps
        time.sleep(0.15)
        return self.steps == before

    def close(self) -> None:
        self._over.set()
        self._control.resume()
        self.thread.join(PATIENCE)


@pytest.fixture
def control() -> Control:
    return Control()


@pytest.fixture
def stepper(control: Control) -> Iterator[Stepper]:
    """A thread under ``control`` that has begun."""
    stepper = Stepper(control)
    stepper.wait_for(lambda: stepper.steps > 3)
    yield stepper
    stepper.close()


def test_check_says_nothing_and_costs_no_time_when_nothing_was_asked(control: Control) -> None:
    assert control.check() == 0.0
    control.check_epoch()
    assert not control.paused
    assert not control.stopping


def test_pause_holds_every_step_until_resume(control: Control, stepper: Stepper) -> None:
    assert not stepper.held()
    control.pause()
    stepper.wait_for(stepper.held)
    assert control.paused
    before = stepper.steps
    control.resume()
    stepper.wait_for(lambda: stepper.steps > before + 3)
    assert not control.paused


def test_stop_ends_before_the_next_step(control: Control, stepper: Stepper) -> None:
    control.stop()
    stepper.thread.join(PATIENCE)
    assert isinstance(stepper.end, StopRequested)
    assert control.stopping


def test_stop_ends_a_pause(control: Control, stepper: Stepper) -> None:
    control.pause()
    stepper.wait_for(stepper.held)
    control.stop()
    stepper.thread.join(PATIENCE)
    assert isinstance(stepper.end, StopRequested)
    assert not control.paused


def test_skip_ends_a_paused_run_and_the_next_one_is_still_paused(
    control: Control, stepper: Stepper
) -> None:
    control.pause()
    stepper.wait_for(stepper.held)
    control.skip_run()
    stepper.thread.join(PATIENCE)
    assert isinstance(stepper.end, SkipRequested)
    assert control.paused


def test_stop_after_epoch_ends_a_pause_and_lets_steps_go_on(
    control: Control, stepper: Stepper
) -> None:
    control.pause()
    stepper.wait_for(stepper.held)
    before = stepper.steps
    control.stop_after_epoch()
    stepper.wait_for(lambda: stepper.steps > before + 3)
    assert control.stopping
    with pytest.raises(StopRequested):
        control.check_epoch()


def test_stop_is_obeyed_at_every_later_check(control: Control) -> None:
    control.stop()
    for _ in range(2):
        with pytest.raises(StopRequested):
            control.check()
        with pytest.raises(StopRequested):
            control.check_epoch()


def test_skip_is_obeyed_once(control: Control) -> None:
    control.skip_run()
    with pytest.raises(SkipRequested):
        control.check()
    assert control.check() == 0.0
    control.check_epoch()


def test_stop_goes_before_skip(control: Control) -> None:
    control.skip_run()
    control.stop()
    with pytest.raises(StopRequested):
        control.check()


def test_skip_that_came_too_late_can_be_forgotten(control: Control) -> None:
    control.skip_run()
    control.forget_skip()
    assert control.check() == 0.0


def test_check_returns_the_seconds_that_were_spent_paused(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    returned: list[float] = []
    control.pause()
    thread = threading.Thread(target=lambda: returned.append(control.check()), daemon=True)
    thread.start()
    assert clock.read.wait(PATIENCE)
    clock.now += 42.0
    control.resume()
    thread.join(PATIENCE)
    assert returned == [42.0]
