"""A trained network as it is asked, here and in ONNX files: the same function, rounded less.

MobileNetV2's third block subtracts up to 1974 from sums that are nearly that large, so what its
first two blocks round away is multiplied by about a hundred. MNIST's background is black and every
rounding error the same all over it: the pooling averages none of them out, and float32 programs
with other kernels come to probabilities that differ by more than 1e-5. Measured from what a black
image gives, the background is 0 and nothing is rounded there.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import relu6

from engine.data import SIDE, prepare_224
from engine.features import fold_batch_norms
from engine.models import MobileNetV2


class FromBlack(nn.Module):
    """A convolution and its ReLU6 that take maps as differences from a black image's."""

    def __init__(self, convolution: nn.Conv2d, black: Tensor) -> None:
        """Take over ``convolution``, in float64; ``black`` are its maps, [1, C, H, W], even."""
        super().__init__()
        self.black = nn.Buffer(black[:, :, :1, :1].clone())
        # A map, not a bias: at its edges the convolution sees the padding.
        self.of_black = nn.Buffer(convolution(black))
        self.convolution = convolution
        convolution.bias = None

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, C, H, W] → what the convolution and ReLU6 make of them."""
        return relu6(self.convolution(maps - self.black) + self.of_black)


@torch.no_grad()
def steady(network: nn.Module) -> nn.Module:
    """Return a network on the CPU as it is to be asked: ``network``, or for MobileNetV2 a copy
    in eval mode, for float32 too, whose rounding errors are a few times smaller.
    """
    if not isinstance(network, MobileNetV2):
        return network
    exact = copy.deepcopy(network).double().eval()
    exact.features = nn.Sequential(*(fold_batch_norms(block) for block in exact.features))
    stem, first, second = exact.features[:3]
    maps = stem(prepare_224(torch.zeros(1, SIDE, SIDE)).double())
    # All that is stored in float32 later on is rounded before anything is computed from it.
    black = _middle(maps).float().double().expand_as(maps)
    _centre(first.conv[1], second.conv[0][0], _middle(first(black)).flatten())
    first.conv[0] = FromBlack(first.conv[0][0], black)
    return exact.float()


def _middle(maps: Tensor) -> Tensor:
    """What there is far from the edges, [B, C, 1, 1]."""
    row, column = (side // 2 for side in maps.shape[2:])
    return maps[:, :, row : row + 1, column : column + 1]


def _centre(before: nn.Conv2d, after: nn.Conv2d, centre: Tensor) -> None:
    """Let the maps between two convolutions, the second 1×1, lie around 0, not ``centre``."""
    assert before.bias is not None
    assert after.bias is not None
    bias = (before.bias - centre).float().double()
    after.bias += after.weight[:, :, 0, 0] @ (before.bias - bias)
    before.bias.copy_(bias)
