"""A trained network reads single digits, such as one that is being drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from engine.data import SIDE
from engine.models import MODELS, MobileNetV2, load_imagenet_weights, predict_proba, trained_part
from engine.results import ResultsError
from engine.steady import steady
from engine.tensor_file import load_tensors, plain

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
    network = _empty(model)
    if isinstance(network, MobileNetV2):
        load_imagenet_weights(network, imagenet)
    trained_part(network).load_state_dict(dict(weights))
    return _reader(model, network)


def load_reader(path: Path) -> tuple[str, Reader]:
    """The model, and a reader on the CPU, of a file with a run's weights.

    Raises:
        ResultsError: as ``load_network``.
    """
    model, network = load_network(path)
    return model, _reader(model, network)


def load_network(path: Path) -> tuple[str, nn.Module]:
    """The model, and the network on the CPU, of a file with a run's weights.

    Nothing in the file is executed, whatever it holds.

    Raises:
        ResultsError: it cannot be read, is damaged, or its weights fit none of the networks.
    """
    weights = _load_weights(path)
    shapes = {name: value.shape for name, value in weights.items()}
    for model in MODELS:  # mobilenetv2, which takes a second to build, is the last
        network = _empty(model)
        if {name: value.shape for name, value in network.state_dict().items()} == shapes:
            network.load_state_dict(weights)
            return model, network
    raise ResultsError(f"{path}: its weights fit none of {', '.join(MODELS)}")


def _load_weights(path: Path) -> dict[str, Tensor]:
    try:
        state = load_tensors(path)
        weights = {str(key): plain(tensor, _dtype(tensor)) for key, tensor in state.items()}
        finite = all(bool(tensor.isfinite().all()) for tensor in weights.values())
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch raises nearly anything for a damaged file
        raise ResultsError(f"{path}: is damaged or holds no weights") from error
    if not finite:
        raise ResultsError(f"{path}: holds weights that are not finite: its training diverged")
    return weights


def _dtype(tensor: Tensor) -> torch.dtype:
    """What a network's weights may be: batches that a BatchNorm has seen are counted."""
    return torch.int64 if tensor.dtype is torch.int64 else torch.float32


def _empty(model: str) -> nn.Module:
    """A network on the CPU without weights."""
    # Not even initial ones: drawing them would take random numbers from a run that begins.
    with torch.device("meta"):
        network = MODELS[model].build()
    return network.to_empty(device="cpu")


def _reader(model: str, network: nn.Module) -> Reader:
    network = steady(network.eval())
    prepare = MODELS[model].prepare

    @torch.inference_mode()
    def read(image: bytes) -> tuple[float, ...]:
        pixels = to_tensor(image).unsqueeze(0)
        return tuple(predict_proba(network, prepare(pixels))[0].tolist())

    return read


def centred(image: bytes) -> bytes:
    """A drawing as MNIST would have it: scaled to 20 pixels, its centre of mass in the middle.

    Args:
        image: 28×28 grey bytes, white on black; an empty one stays as it is.
    """
    pixels = to_tensor(image).float()
    return in_the_middle(pixels) if pixels.any() else image


def in_the_middle(ink: Tensor) -> bytes:
    """A digit of any size as MNIST would have it, 28×28 grey bytes, the strongest ink white.

    Args:
        ink: float [H, W], 0 where there is none; not all of it.
    """
    rows, columns = ink.sum(1).nonzero(), ink.sum(0).nonzero()
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    drawn = ink[top:bottom, left:right]
    scale = BOX / max(drawn.shape)
    height, width = (max(1, round(side * scale)) for side in drawn.shape)
    small = interpolate(drawn[None, None], (height, width), mode="bilinear", antialias=True)[0, 0]
    small = small * (255 / small.max())
    total = small.sum()
    y = float((small.sum(1) * torch.arange(height)).sum() / total)
    x = float((small.sum(0) * torch.arange(width)).sum() / total)
    # Each of MNIST's own digits has its centre of mass within half a pixel of row and column 14.
    first_row = min(max(0, round(SIDE / 2 - y)), SIDE - height)
    first_column = min(max(0, round(SIDE / 2 - x)), SIDE - width)
    result = torch.zeros(SIDE, SIDE)
    result[first_row : first_row + height, first_column : first_column + width] = small
    return bytes(result.round().clamp(0, 255).byte().flatten().tolist())


def to_tensor(image: bytes) -> Tensor:
    """28×28 grey bytes → uint8 [28, 28]."""
    return torch.frombuffer(bytearray(image), dtype=torch.uint8).view(SIDE, SIDE)
