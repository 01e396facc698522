"""The optimizers, held to torch's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.device import capabilities
from engine.optimizers import LeanAdam, make_optimizer, set_learning_rate
from engine.recipes import Recipe

TORCHS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(shape, generator=generator).requires_grad_() for shape in ((2, 5, 4), (2, 5))
    ]


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", TORCHS)
def test_adam_goes_where_torchs_goes_while_the_rate_changes(
    kind: str, decay: float, capturable: bool
) -> None:
    able = replace(capabilities(torch.device("cpu")), cuda_graphs=capturable)
    ours, theirs = parameters(), parameters()
    optimizer = make_optimizer(Recipe(optimizer=kind, weight_decay=decay), ours, able)
    reference = TORCHS[kind](theirs, lr=0.001, weight_decay=decay)
    assert isinstance(optimizer, LeanAdam) is not capturable
    for step in range(20):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.sin(torch.arange(pair[0].numel()) + step + index)
            for parameter in pair:
                parameter.grad = gradient.view_as(parameter).clone()
        set_learning_rate(optimizer, 0.1 / (step + 1))
        reference.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, theirs)
    assert not torch.equal(ours[0], parameters()[0])


def test_lean_adam_keeps_what_torchs_keeps() -> None:
    # engine.cuda_graph sets it back to zero, whichever of the two it is.
    ours, theirs = parameters(), parameters()
    optimizer = LeanAdam(ours, 0.1, 0.0, decoupled=False)
    reference = torch.optim.Adam(theirs, lr=0.1)
    for parameter in [*ours, *theirs]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    reference.step()
    assert optimizer.state[ours[1]].keys() == reference.state[theirs[1]].keys()
    torch.testing.assert_close(dict(optimizer.state[ours[1]]), dict(reference.state[theirs[1]]))


def test_a_device_without_the_fused_kernel_gets_torchs_own() -> None:
    able = replace(capabilities(torch.device("cpu")), fused_optimizer=False)
    assert isinstance(make_optimizer(Recipe(), parameters(), able), torch.optim.Adam)
