"""One run: its learning-rate schedule."""

from __future__ import annotations

import pytest
import torch
from torch.optim import Adam

from engine.run import make_scheduler
from engine.settings import Settings


def rates(schedule: str, steps: int) -> list[float]:
    """The learning rate of every step, and the one after the last."""
    optimizer = Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.002)
    scheduler = make_scheduler(Settings(schedule=schedule), optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [*found, optimizer.param_groups[0]["lr"]]


def test_constant_rate_stays() -> None:
    assert set(rates("constant", 20)) == {0.002}


def test_cosine_falls_from_the_rate_to_zero() -> None:
    found = rates("cosine", 20)
    assert found[0] == 0.002
    assert found[10] == pytest.approx(0.001)
    assert found[-1] == pytest.approx(0, abs=1e-9)
    assert found == sorted(found, reverse=True)


def test_one_cycle_rises_to_the_rate_and_falls_to_almost_nothing() -> None:
    found = rates("one-cycle", 100)
    peak = found.index(max(found))
    assert found[peak] == pytest.approx(0.002, rel=1e-3)
    assert 20 <= peak <= 40
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[0] < 0.002 / 10
    assert found[-1] < 0.002 / 10_000


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
@pytest.mark.parametrize("steps", range(1, 8))
def test_every_schedule_takes_any_number_of_steps(schedule: str, steps: int) -> None:
    found = rates(schedule, steps)
    assert all(0 <= rate <= 0.002 * 1.000001 for rate in found)
    assert found[0] > 0
