"""What turns gradients into steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from engine.device import Capabilities
from engine.recipes import Recipe

MOMENTUM = 0.9


def make_optimizer(recipe: Recipe, parameters: Iterable[Tensor], able: Capabilities) -> Optimizer:
    """The optimizer that a recipe names, in the fastest form that the device has."""
    parameters = list(parameters)
    decay, fused = recipe.weight_decay, able.fused_optimizer or None
    rate: float | Tensor = recipe.learning_rate
    if able.cuda_graphs:  # a recorded step reads its rate from memory
        rate = torch.tensor(recipe.learning_rate, device=parameters[0].device)
    if recipe.optimizer == "sgd":
        return SGD(
            parameters, lr=rate, momentum=MOMENTUM, nesterov=True, weight_decay=decay, fused=fused
        )
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    return kind(parameters, lr=rate, weight_decay=decay, fused=fused, capturable=able.cuda_graphs)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameters the same learning rate."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
