"""What can be seen inside a network: the pictures that its first layer looks for, and what it sees.

Pictures are bytes, so that whoever shows them needs no tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from engine.data import SIDE, prepare_28, read_part
from engine.reading import to_tensor
from engine.settings import Settings

ZERO = 128


@dataclass(frozen=True)
class Picture:
    """A grey picture."""

    width: int
    pixels: bytes
    """Row by row. Of weights, 128 is zero, darker is negative; of activations, 0 is none."""


@dataclass(frozen=True)
class Digits:
    """The test images of an experiment."""

    images: bytes
    """28×28 grey bytes for each."""
    labels: bytes

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, number: int) -> bytes:
        """The image of a number, counted from 0."""
        size = SIDE * SIDE
        return self.images[number * size : (number + 1) * size]


def load_test_digits(settings: Settings) -> Digits:
    """The test images that an experiment measures on; raises as ``load_mnist``."""
    images, labels = read_part(settings.data, "t10k")
    kept = slice(settings.test_limit or None)
    return Digits(images[kept].numpy().tobytes(), labels[kept].byte().numpy().tobytes())


def first_layer(model: str, weights: Mapping[str, Tensor]) -> list[Picture]:
    """The weights of each unit of the first layer: 100 pictures of 28×28 pixels for mlp, 32 of 3×3
    for cnn, none for a network whose first layer does not train. All on one scale.
    """
    if model == "mlp":
        units = weights["layers.1.weight"].view(-1, SIDE, SIDE)
    elif model == "cnn":
        units = weights["layers.0.weight"].squeeze(1)
    else:
        return []
    # The few largest weights would leave nothing but grey of the others.
    largest = float(units.abs().flatten().quantile(0.995)) or 1.0
    shades = (units / largest * 127 + ZERO).round().clamp(0, 255).byte()
    return [Picture(unit.shape[-1], bytes(unit.flatten().tolist())) for unit in shades]


@torch.inference_mode()
def feature_maps(weights: Mapping[str, Tensor], image: bytes) -> list[Picture]:
    """What each of cnn's 32 filters finds in an image of 28×28 grey bytes, behind pool and ReLU:
    14×14 pixels, all on one scale. Shades are square roots, or little but the strongest is seen.
    """
    found = conv2d(
        prepare_28(to_tensor(image)).unsqueeze(0),
        weights["layers.0.weight"],
        weights["layers.0.bias"],
        padding=1,
    )
    maps = relu(max_pool2d(found, 2))[0]
    shades = (maps / (float(maps.max()) or 1.0)).sqrt().mul(255).round().byte()
    return [Picture(shade.shape[-1], bytes(shade.flatten().tolist())) for shade in shades]
