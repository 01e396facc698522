"""A trained network reads single digits, such as one that is being drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from engine.data import SIDE
from engine.models import MODELS, MobileNetV2, load_imagenet_weights, predict_proba, trained_part

BOX = 20
"""MNIST's digits were scaled to fit a box of so many pixels a side (LeCun et al. 1998, III.A)."""

Reader = Callable[[bytes], tuple[float, ...]]
"""28×28 grey bytes → the probabilities of the ten digits."""


def make_reader(model: str, weights: Mapping[str, Tensor], imagenet: str = "bundled") -> Reader:
    """A network of the kind ``model`` that reads digits, on the CPU.

    Args:
        model: its name.
        weights: the state dict of what trains, as in ``events.Snapshot``.
        imagenet: for mobilenetv2, the weights of its features.

    Raises:
        AssetError, WeightsError: as ``load_imagenet_weights``.
    """
    spec = MODELS[model]
    # Without initial weights: drawing them would take random numbers from a run that begins.
    with torch.device("meta"):
        network = spec.build()
    network.to_empty(device="cpu")
    if isinstance(network, MobileNetV2):
        load_imagenet_weights(network, imagenet)
    trained_part(network).load_state_dict(dict(weights))
    network.eval()

    @torch.inference_mode()
    def read(image: bytes) -> tuple[float, ...]:
        pixels = to_tensor(image).unsqueeze(0)
        return tuple(predict_proba(network, spec.prepare(pixels))[0].tolist())

    return read


def centred(image: bytes) -> bytes:
    """A drawing as MNIST would have it: scaled to 20 pixels, its centre of mass in the middle.

    Args:
        image: 28×28 grey bytes, white on black; an empty one stays as it is.
    """
    pixels = to_tensor(image).float()
    rows, columns = pixels.sum(1).nonzero(), pixels.sum(0).nonzero()
    if not len(rows):
        return image
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    drawn = pixels[top:bottom, left:right]
    scale = BOX / max(drawn.shape)
    height, width = (max(1, round(side * scale)) for side in drawn.shape)
    small = interpolate(drawn[None, None], (height, width), mode="bilinear", antialias=True)[0, 0]
    total = small.sum()
    y = float((small.sum(1) * torch.arange(height)).sum() / total)
    x = float((small.sum(0) * torch.arange(width)).sum() / total)
    first_row = min(max(0, round((SIDE - 1) / 2 - y)), SIDE - height)
    first_column = min(max(0, round((SIDE - 1) / 2 - x)), SIDE - width)
    result = torch.zeros(SIDE, SIDE)
    result[first_row : first_row + height, first_column : first_column + width] = small
    return bytes(result.round().clamp(0, 255).byte().flatten().tolist())


def to_tensor(image: bytes) -> Tensor:
    """28×28 grey bytes → uint8 [28, 28]."""
    return torch.frombuffer(bytearray(image), dtype=torch.uint8).view(SIDE, SIDE)
