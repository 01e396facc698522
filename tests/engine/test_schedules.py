"""How the learning rate changes over a run."""

from __future__ import annotations

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from engine.recipes import SCHEDULES
from engine.schedules import WARM_UP, learning_rate


def rates(schedule: str, steps: int) -> list[float]:
    """The learning rate of every step, with a peak of 0.002."""
    return [learning_rate(schedule, 0.002, step, steps) for step in range(steps)]


def test_constant_rate_stays() -> None:
    assert set(rates("constant", 20)) == {0.002}


def test_cosine_is_that_of_torch() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.002)
    scheduler = CosineAnnealingLR(optimizer, T_max=50)
    for found in rates("cosine", 50):
        assert found == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        scheduler.step()


def test_one_cycle_is_that_of_torch_in_its_start_its_peak_and_its_end() -> None:
    steps = 1000
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.002)
    scheduler = OneCycleLR(
        optimizer, 0.002, total_steps=steps + 1, pct_start=WARM_UP, cycle_momentum=False
    )
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    # torch counts the phases' lengths a step shorter, so single steps differ a little.
    assert rates("one-cycle", steps) == pytest.approx(expected, rel=0.02, abs=2e-8)


def test_one_cycle_rises_to_the_rate_and_falls_to_almost_nothing() -> None:
    found = rates("one-cycle", 100)
    peak = found.index(max(found))
    assert (peak, found[peak]) == (20, 0.002)
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[0] == pytest.approx(0.002 / 25)
    assert found[-1] < 0.002 / 1000


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", range(1, 8))
def test_every_schedule_takes_any_number_of_steps(schedule: str, steps: int) -> None:
    found = rates(schedule, steps)
    assert all(0 <= rate <= 0.002 * 1.000001 for rate in found)
    assert found[0] > 0
