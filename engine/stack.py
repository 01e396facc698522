"""Networks of one kind, trained side by side.

R networks that differ in their seeds alone are one computation: every parameter is stacked,
[R, ...], and so are inputs [R, B, ...] and logits [R, B, 10]. One network is a stack of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.functional import cross_entropy


class Stack:
    """R networks of any kind; autograd makes the gradients.

    ``parameters`` has the trainable parameters by name, each [R, ...].
    """

    def __init__(self, networks: Sequence[nn.Module], *, bf16: bool = False) -> None:
        """Stack networks of the same shape.

        Args:
            networks: R networks on one device, without buffers that change. They are not trained.
            bf16: compute in bfloat16 where torch's autocast deems it safe.
        """
        self.size = len(networks)
        self.parameters: dict[str, Tensor] = {
            name: nn.Parameter(_stacked([network.get_parameter(name) for network in networks]))
            for name, _ in networks[0].named_parameters()
        }
        self._network = networks[0]
        self._bf16 = bf16

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(iter(self.parameters.values())).device

    def logits(self, inputs: Tensor) -> Tensor:
        """Prepared inputs, float [R, B, ...] → logits, float32 [R, B, 10]."""
        with self._precision():
            if self.size == 1:  # what vmap would do, without its cost
                only = {name: value.squeeze(0) for name, value in self.parameters.items()}
                return self._one(only, inputs.squeeze(0)).unsqueeze(0)
            return vmap(self._one)(self.parameters, inputs)

    def _one(self, parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
        logits: Tensor = functional_call(self._network, parameters, (inputs,))
        return logits.float()

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16)

    def backpropagate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Fill every parameter's ``grad`` with that of its own network's mean cross-entropy.

        Args:
            inputs: prepared, float [R, B, ...].
            targets: probabilities of the classes, float [R, B, 10].

        Returns:
            The logits, [R, B, 10], detached.
        """
        for parameter in self.parameters.values():
            parameter.grad = None
        logits = self.logits(inputs)
        # Summed over the networks, so that none changes another's gradients.
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="sum")
        (loss / targets.shape[1]).backward()  # type: ignore[no-untyped-call]  # torch's own
        return logits.detach()

    def state(self, index: int) -> dict[str, Tensor]:
        """A copy of the state dict of network ``index``."""
        return {name: value[index].detach().clone() for name, value in self.parameters.items()}


def _stacked(tensors: list[Tensor]) -> Tensor:
    """As ``torch.stack``, but a stack of one keeps its memory format, which convolutions need."""
    plain = [tensor.detach() for tensor in tensors]
    return plain[0].unsqueeze(0).clone() if len(plain) == 1 else torch.stack(plain)
