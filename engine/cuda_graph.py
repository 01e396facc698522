"""A training step recorded once as a CUDA graph and then replayed.

The networks are so small that a GPU spends most of a step waiting for Python to launch its next
kernel; a replay launches all of them at once. The way of recording is that of torch's notes on
CUDA semantics, "Whole-network capture".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.events import Emit, Notice
from engine.optimizers import Optimizer, set_learning_rate
from engine.stack import Stack
from engine.training import Step, train_step

WARM_UP_STEPS = 3
COMPARED_STEPS = 20
TOLERANCE = 0.02
"""Nats by which the loss of a compared step may differ: rounding, not another computation."""


class CudaGraphStep:
    """``train_step``, recorded on networks that are on a CUDA device.

    Recording trains the networks for a few steps; so whoever records restores them.
    """

    def __init__(
        self, networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor
    ) -> None:
        """Record a step on batches of these shapes.

        Raises:
            RuntimeError: something in the step cannot be recorded.
        """
        self._inputs, self._targets = inputs.clone(), targets.clone()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP_STEPS):
                train_step(networks, optimizer, self._inputs, self._targets)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._logits = train_step(networks, optimizer, self._inputs, self._targets)

    def __call__(
        self, networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor
    ) -> Tensor:
        """As ``train_step``; a batch of another size, an epoch's last, is not replayed."""
        if inputs.shape != self._inputs.shape:
            return train_step(networks, optimizer, inputs, targets)
        self._inputs.copy_(inputs)
        self._targets.copy_(targets)
        self._graph.replay()
        return self._logits.clone()


def recorded_step(
    networks: Stack,
    optimizer: Optimizer,
    batches: Sequence[tuple[Tensor, Tensor]],
    emit: Emit,
    record: Callable[[Stack, Optimizer, Tensor, Tensor], Step] = CudaGraphStep,
) -> Step:
    """Record a step and hold it to ``train_step``, before anything was trained.

    Args:
        networks: as they were initialised, and so they are left.
        optimizer: without a step yet, and so it is left.
        batches: inputs and targets of the steps to compare, all of one shape.
        emit: is told when the recorded step is not used.
        record: makes it; its shapes are those of the first batch.

    Returns:
        The recorded step; ``train_step`` where recording failed or the losses differ.
    """
    start = {name: value.detach().clone() for name, value in networks.parameters.items()}
    try:
        expected = _losses(train_step, networks, optimizer, batches)
        _restore(networks, optimizer, start)
        step = record(networks, optimizer, *batches[0])
        _restore(networks, optimizer, start)
        difference = float((_losses(step, networks, optimizer, batches) - expected).abs().max())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        emit(Notice("warning", f"cuda_graphs: not used, recording a step failed: {reason}"))
        return train_step
    finally:
        _restore(networks, optimizer, start)
    if not difference <= TOLERANCE:  # NaN, too
        emit(
            Notice(
                "warning",
                f"cuda_graphs: not used, the loss of a replayed step differs by {difference:.3g}",
            )
        )
        return train_step
    return step


def _losses(
    step: Step, networks: Stack, optimizer: Optimizer, batches: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """The mean loss at each step, at rates that change as a schedule's do."""
    highest = float(optimizer.param_groups[0]["lr"])
    losses = []
    for done, (inputs, targets) in enumerate(batches):
        set_learning_rate(optimizer, highest * (1 - done / len(batches)))
        logits = step(networks, optimizer, inputs, targets)
        losses.append(cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1)))
    set_learning_rate(optimizer, highest)
    return torch.stack(losses)


@torch.no_grad()
def _restore(networks: Stack, optimizer: Optimizer, start: dict[str, Tensor]) -> None:
    """In place, as a recorded step knows its tensors by their addresses."""
    for name, value in networks.parameters.items():
        value.copy_(start[name])
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()  # what every optimizer here begins with
