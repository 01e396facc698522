"""What training inputs go through at random. Each network has a generator of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

Augment = Callable[[Tensor, Sequence[Generator]], Tensor]
"""Takes prepared inputs, float [R, B, ...], and R generators on their device."""


def shift(
    images: Tensor, generators: Sequence[Generator], *, pixels: int, background: float
) -> Tensor:
    """Move every image by up to ``pixels`` each way, filling up with ``background``.

    Args:
        images: float [R, B, 1, H, W].
        generators: R, on the device of the images.
        pixels: at least 1.
        background: the value of a black pixel after the images were prepared.
    """
    networks, batch, _, height, width = images.shape
    drawn = [
        torch.randint(2 * pixels + 1, (2, batch), generator=generator, device=images.device)
        for generator in generators
    ]
    down, right = torch.stack(drawn, 1).flatten(1)
    padded = pad(images.flatten(0, 2), (pixels,) * 4, value=background)
    windows = padded.unfold(1, height, 1).unfold(2, width, 1)
    moved = windows[torch.arange(networks * batch, device=images.device), down, right]
    return moved.view_as(images)


def dropout(features: Tensor, generators: Sequence[Generator], *, rate: float) -> Tensor:
    """Set a part of the features to zero and scale up the rest (Srivastava et al. 2014).

    Args:
        features: float [R, B, F], B × F a multiple of 4; changed in place.
        generators: R, on the device of the features.
        rate: probability of a zero, in steps of 2⁻¹⁶.
    """
    for network, generator in zip(features, generators, strict=True):
        # Four 16-bit numbers from each 64-bit one: many times faster than a Bernoulli draw each.
        bits = torch.empty(network.numel() // 4, dtype=torch.int64, device=features.device)
        bits.random_(-(2**63), None, generator=generator)
        drawn = bits.view(torch.int16).view_as(network).to(network.dtype)
        network.mul_(drawn.ge_(round((rate - 0.5) * 2**16)))
    return features.mul_(1 / (1 - rate))
