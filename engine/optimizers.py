"""What turns gradients into steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW

from engine.device import Capabilities
from engine.recipes import Recipe

MOMENTUM = 0.9
VECTOR = 16
"""Floats that the widest units of a CPU compute at once; others' widths divide it."""


class Optimizer(Protocol):
    """What the engine needs of an optimizer; those of torch have it."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The settings of the parameters, ``lr`` among them; read at every step."""

    @property
    def state(self) -> Mapping[Any, Mapping[str, Any]]:
        """What it keeps of each parameter."""

    def step(self) -> object:
        """Change the parameters in place as their ``grad`` says."""


class LeanAdam:
    """torch's Adam in one kernel, without the hooks and checks that ``torch.optim.Adam`` goes
    through at every step: on a CPU they take as long as updating a small network.

    The kernel may round the last numbers of a tensor, too few for a vector, otherwise than the
    others. So that they are the same numbers of a network whatever trains beside it, it is given
    such tensors network by network.
    """

    def __init__(
        self, parameters: list[Tensor], rate: float, decay: float, *, decoupled: bool
    ) -> None:
        """Begin with moments of zero.

        Args:
            parameters: each [R, ...], on a device that has the fused kernel.
            decoupled: whether the weights decay as in AdamW.
        """
        self._decay = decay
        self.param_groups: list[dict[str, Any]] = [{"params": parameters, "lr": rate}]
        self.state = {
            parameter: {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
            }
            for parameter in parameters
        }
        states = list(self.state.values())
        self._steps = [state["step"] for state in states]
        self._values = _pieces(parameter.detach() for parameter in parameters)
        self._means = _pieces(state["exp_avg"] for state in states)
        self._squares = _pieces(state["exp_avg_sq"] for state in states)
        self._steps_of_pieces = [
            state["step"] for parameter, state in self.state.items() for _ in _pieces([parameter])
        ]
        self._kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    @torch.inference_mode()
    def step(self) -> None:
        """Change the parameters, all of which have gradients, in place."""
        group = self.param_groups[0]
        torch._foreach_add_(self._steps, 1)
        self._kernel(
            self._values,
            _pieces(parameter.grad for parameter in group["params"]),
            self._means,
            self._squares,
            [],
            self._steps_of_pieces,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            lr=group["lr"],
            maximize=False,
            weight_decay=self._decay,
        )


def _pieces(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors [R, ...], cut into those of each network where they are no multiple of a vector."""
    pieces: list[Tensor] = []
    for tensor in tensors:
        whole = tensor.numel() % (VECTOR * len(tensor)) == 0
        pieces += [tensor] if whole else tensor.unbind()
    return pieces


def make_optimizer(recipe: Recipe, parameters: Iterable[Tensor], able: Capabilities) -> Optimizer:
    """The optimizer that a recipe names, in the fastest form that the device has."""
    parameters = list(parameters)
    decay, fused = recipe.weight_decay, able.fused_optimizer or None
    rate: float | Tensor = recipe.learning_rate
    if able.cuda_graphs:  # a recorded step reads its rate from memory
        rate = torch.tensor(float(recipe.learning_rate), device=parameters[0].device)
    if recipe.optimizer == "sgd":
        return SGD(
            parameters, lr=rate, momentum=MOMENTUM, nesterov=True, weight_decay=decay, fused=fused
        )
    decoupled = recipe.optimizer == "adamw"
    if fused and not able.cuda_graphs:
        return LeanAdam(parameters, recipe.learning_rate, decay, decoupled=decoupled)
    kind = AdamW if decoupled else Adam
    return kind(parameters, lr=rate, weight_decay=decay, fused=fused, capturable=able.cuda_graphs)


def state_names(optimizer: Optimizer) -> set[str]:
    """What it keeps of each parameter once it has made a step."""
    return {"momentum_buffer"} if isinstance(optimizer, SGD) else {"step", "exp_avg", "exp_avg_sq"}


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameters the same learning rate."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
