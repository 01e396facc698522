"""MobileNetV2's frozen layers as an x86 CPU runs them fastest.

A convolution's weights are reordered once for the CPU's kernels, and what follows it, the ReLU6 or
the sum with the block's input, is done while its results are still in registers. These are oneDNN's
own kernels, and those that ``torch.compile`` with frozen weights chooses for this network: it came
to the same speed (142 images/s a core to 139; layer by layer 99), but took 4 to 13 s to get there.
torch makes no promise about the names of these kernels: whoever uses this file looks after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

KERNELS = torch.ops.mkldnn
RELU6 = ("hardtanh", (0.0, 6.0), "")
NOTHING = ("none", (), "")
SUM = ("add", 1.0, None, (), None)


class FusedConvolution(nn.Module):
    """A convolution with a bias, and what follows it."""

    def __init__(self, convolution: nn.Conv2d, relu6: bool, shape: Sequence[int]) -> None:
        """Take over a convolution whose inputs will be of ``shape``, [B, C, H, W].

        Args:
            relu6: whether a ReLU6 follows.
        """
        super().__init__()
        self._geometry = (
            convolution.padding,
            convolution.stride,
            convolution.dilation,
            convolution.groups,
        )
        self._weight = KERNELS._reorder_convolution_weight(
            convolution.weight, *self._geometry, list(shape)
        )
        self._bias = convolution.bias
        self._then = RELU6 if relu6 else NOTHING

    def forward(self, maps: Tensor, total: Tensor | None = None) -> Tensor:
        """float [B, C, H, W] → float [B, C', H', W'], added to ``total``, which is overwritten."""
        own = (self._weight, self._bias, *self._geometry)
        result: Tensor = (
            KERNELS._convolution_pointwise.default(maps, *own, *self._then)
            if total is None
            else KERNELS._convolution_pointwise_.binary(total, maps, *own, *SUM)
        )
        return result


class FusedBlock(nn.Module):
    """A block of MobileNetV2: one to three convolutions, around which its input may be added."""

    def __init__(self, block: nn.Module, maps: Tensor) -> None:
        """Take over ``block``, without BatchNorms; ``maps`` is an input of the shape to come."""
        super().__init__()
        layers = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d | nn.ReLU6)]
        self._convolutions = nn.ModuleList()
        for layer, following in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d):
                fused = FusedConvolution(layer, isinstance(following, nn.ReLU6), maps.shape)
                self._convolutions.append(fused)
                maps = fused(maps)
        self._adds_input = bool(getattr(block, "use_res_connect", False))

    def forward(self, maps: Tensor) -> Tensor:
        """float [B, C, H, W] → float [B, C', H', W']; ``maps`` may be overwritten."""
        *leading, last = self._convolutions
        inner = maps
        for convolution in leading:
            inner = convolution(inner)
        result: Tensor = last(inner, maps if self._adds_input else None)
        return result


@torch.inference_mode()
def fuse(features: nn.Sequential, images: Tensor) -> nn.Sequential:
    """Return the layers of ``features``, which share nothing with them that is written to.

    Args:
        features: torchvision's MobileNetV2 features, their BatchNorms folded.
        images: float32 [B, 3, 224, 224], a batch as all will be. The weights are laid out for its
            shape and for the number of threads that torch has now; others would be slower, and
            could give other last bits.

    Raises:
        AttributeError, TypeError, RuntimeError: torch, or the CPU, has no such kernels.
    """
    maps = images
    blocks = []
    for block in features:
        has_convolution = any(isinstance(layer, nn.Conv2d) for layer in block.modules())
        blocks.append(FusedBlock(block, maps) if has_convolution else block)
        maps = blocks[-1](maps)
    return nn.Sequential(*blocks)
