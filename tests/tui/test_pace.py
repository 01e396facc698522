"""How often the screen looks, by what a look has cost: the clock of the thread is the test's."""

from __future__ import annotations

import pytest

from tui import pace
from tui.pace import LIVELY, LONGEST_WAIT, OPENING, Pace


class Clock:
    """Counts the core seconds of a thread."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace.time, "thread_time", clock)
    return clock


@pytest.mark.parametrize(
    ("elapsed", "cost", "wait"),
    [
        (0.0, 0.3, 0.1),  # the first numbers come at once, whatever it has cost to lay them out
        (OPENING - 0.1, 0.05, 0.1),
        (OPENING, 0.012, 0.4),  # 3 % of a core
        (LIVELY - 0.1, 0.001, 0.1),  # cheap: no more often than asked for
        (LIVELY, 0.004, 0.4),  # 1 %
        (LIVELY, 0.05, LONGEST_WAIT),
        (0.0, 9.0, 0.1),
        (3600.0, 9.0, LONGEST_WAIT),
    ],
)
def test_waits_as_long_as_the_machine_needs(
    clock: Clock, elapsed: float, cost: float, wait: float
) -> None:
    paced = Pace(refresh_rate=10.0)
    clock.seconds += cost
    assert paced.wait(elapsed) == pytest.approx(wait)


def test_a_look_is_paid_for_once(clock: Clock) -> None:
    paced = Pace(refresh_rate=2.0)
    clock.seconds += 9.0
    assert paced.wait(LIVELY) == LONGEST_WAIT
    assert paced.wait(LIVELY) == 0.5


def test_a_slow_refresh_rate_is_kept(clock: Clock) -> None:
    paced = Pace(refresh_rate=0.5)
    clock.seconds += 9.0
    assert paced.wait(LIVELY) == 2.0
