"""Forward and backward of the two small networks, written out.

At 64 images a step autograd spends longer on its bookkeeping than on the arithmetic. The
gradients are the textbook's (Rumelhart, Hinton and Williams 1986); a test holds them to autograd's.
Each network is of one layer y = W x + b or two with a ReLU between, so for the loss ℓ
∂ℓ/∂W = ∂ℓ/∂y xᵀ, ∂ℓ/∂b = Σ ∂ℓ/∂y, ∂ℓ/∂x = Wᵀ ∂ℓ/∂y, and ∂ℓ/∂logits = softmax − targets.

Here a batch is a matrix with an image in each column, as in these formulas: a CPU multiplies W by
that a sixth faster than rows of images by Wᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.stack import Stack


class LinearStack(Stack):
    """R linear layers: what trains of MobileNetV2, behind its dropout."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__(networks)
        self._layer = _Layer(*self.parameters.values())

    @torch.inference_mode()
    def logits(self, inputs: Tensor) -> Tensor:
        """Features, float32 [R, B, 1280] → logits [R, B, 10]."""
        return self._layer.forward(inputs.mT).mT

    @torch.inference_mode()
    def backpropagate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """As ``Stack.backpropagate``."""
        features = inputs.mT
        logits = self._layer.forward(features)
        self._layer.backward(features, _loss_gradient(logits, targets.mT))
        return logits.mT


class MLPStack(Stack):
    """R networks of two linear layers with a ReLU between."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__(networks)
        first_weight, first_bias, second_weight, second_bias = self.parameters.values()
        self._first = _Layer(first_weight, first_bias)
        self._second = _Layer(second_weight, second_bias)

    @torch.inference_mode()
    def logits(self, inputs: Tensor) -> Tensor:
        """Images, float32 [R, B, 1, 28, 28] → logits [R, B, 10]."""
        return self._second.forward(self._first.forward(inputs.flatten(2).mT).relu_()).mT

    @torch.inference_mode()
    def backpropagate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """As ``Stack.backpropagate``."""
        pixels = inputs.flatten(2).mT
        hidden = self._first.forward(pixels).relu_()
        logits = self._second.forward(hidden)
        logits_gradient = _loss_gradient(logits, targets.mT)
        self._second.backward(hidden, logits_gradient)
        hidden_gradient = torch.bmm(self._second.weight.mT, logits_gradient)
        hidden_gradient.mul_(hidden > 0)  # through the ReLU
        self._first.backward(pixels, hidden_gradient)
        return logits.mT


class _Layer:
    """R linear layers: weight [R, out, in] and bias [R, out], with gradients that stay in place."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
        self.weight, self._bias = weight.detach(), bias.detach().unsqueeze(-1)
        self._weight_gradient, self._bias_gradient = weight.grad, bias.grad

    def forward(self, inputs: Tensor) -> Tensor:
        """[R, in, B] → [R, out, B]."""
        return torch.baddbmm(self._bias, self.weight, inputs)

    def backward(self, inputs: Tensor, gradient: Tensor) -> None:
        """Write the gradients that follow from the outputs' ``gradient``, [R, out, B]."""
        torch.bmm(gradient, inputs.mT, out=self._weight_gradient)
        torch.sum(gradient, -1, out=self._bias_gradient)


def _loss_gradient(logits: Tensor, targets: Tensor) -> Tensor:
    """Of the mean cross-entropy over the batch, with respect to the logits; all [R, 10, B]."""
    return torch.softmax(logits, -2).sub_(targets).div_(targets.shape[-1])
