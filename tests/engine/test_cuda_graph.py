"""A recorded step is used only if it comes to what a plain one comes to.

What records on a GPU is in test_gpu.py; here recordings are played by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from engine_support import Recorder, one_line
from torch import Tensor

from engine.by_hand import MLPStack
from engine.cuda_graph import recorded_step
from engine.device import capabilities
from engine.events import Notice
from engine.models import CNN, MLP
from engine.optimizers import Optimizer, make_optimizer
from engine.recipes import OPTIMIZERS, Recipe
from engine.stack import Stack
from engine.training import Step, train_step

CPU = torch.device("cpu")


def batches(count: int = 6) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(2, 16, 1, 28, 28, generator=generator),
            torch.eye(10)[torch.randint(10, (2, 16), generator=generator)],
        )
        for _ in range(count)
    ]


def faithful(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Step:
    """A recording that warms up and then replays what it should."""
    for _ in range(3):
        train_step(networks, optimizer, inputs, targets)

    def replay(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        return train_step(networks, optimizer, inputs, targets)

    return replay


def forgetful(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Step:
    """A recording in which the optimizer was left out."""
    return lambda networks, optimizer, inputs, targets: networks.logits(inputs).detach()


def stale(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Step:
    """A recording that trains on its first batch again and again."""
    return lambda networks, optimizer, later, others: train_step(
        networks, optimizer, inputs, targets
    )


def unable(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Step:
    train_step(networks, optimizer, inputs, targets)
    raise RuntimeError("operation not permitted\nwhen stream is capturing")


def not_a_number(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Step:
    return lambda networks, optimizer, inputs, targets: torch.full((2, 16, 10), torch.nan)


def after_three_steps(networks: Stack, optimizer: Optimizer, step: Step) -> list[Tensor]:
    for inputs, targets in batches(3):
        step(networks, optimizer, inputs, targets)
    return [value.detach().clone() for value in networks.parameters.values()]


def begin(kind: str, optimizer: str, *, capturable: bool = False) -> tuple[Stack, Optimizer]:
    torch.manual_seed(1)
    networks = MLPStack([MLP(), MLP()]) if kind == "mlp" else Stack([CNN(), CNN()])
    recipe = Recipe(optimizer=optimizer, learning_rate=0.01)
    able = replace(capabilities(CPU), cuda_graphs=capturable)
    return networks, make_optimizer(recipe, networks.parameters.values(), able)


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_faithful_recording_is_used_and_training_begins_as_if_nothing_had_been(
    kind: str, optimizer: str, capturable: bool
) -> None:
    recorder = Recorder()
    networks, made = begin(kind, optimizer, capturable=capturable)
    step = recorded_step(networks, made, batches(), recorder, faithful)
    assert step is not train_step
    assert not recorder.events
    expected = after_three_steps(*begin(kind, optimizer), train_step)
    for found, value in zip(after_three_steps(networks, made, step), expected, strict=True):
        torch.testing.assert_close(found, value)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (forgetful, "differs by"),
        (stale, "differs by"),
        (not_a_number, "differs by nan"),
        (unable, "operation not permitted when stream is capturing"),
    ],
)
def test_recording_that_fails_or_differs_is_dropped_with_one_notice(
    record: Callable[..., Step], told: str
) -> None:
    recorder = Recorder()
    networks, made = begin("mlp", "adam")
    step = recorded_step(networks, made, batches(), recorder, record)
    assert step is train_step
    (notice,) = recorder.of(Notice)
    assert notice.level == "warning"
    one_line(Exception(notice.text), "cuda_graphs: not used", told)
    expected = after_three_steps(*begin("mlp", "adam"), train_step)
    for found, value in zip(after_three_steps(networks, made, step), expected, strict=True):
        torch.testing.assert_close(found, value)
