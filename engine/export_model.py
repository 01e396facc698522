"""Trained networks as files that other programs read: safetensors, ONNX, torch's own.

safetensors and .pt hold the weights alone. The ONNX file is the whole way from grey images to the
probabilities of the digits, input pipeline and softmax included, so that it needs no code of ours.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from engine.data import IMAGENET_MEAN, IMAGENET_STD, MNIST_MEAN, MNIST_STD, SIDE
from engine.device import installed
from engine.extras import not_installed
from engine.models import MODELS, predict_proba
from engine.one_line import OneLineError, printable
from engine.reading import load_network
from engine.steady import steady
from engine.tensor_file import tensor_bytes
from engine.trained import Trained

INPUT, OUTPUT = "images", "probabilities"
INPUT_IS = "float32 [batch, 1, 28, 28], grey from 0 (black) to 1, the digit white on black"
OUTPUT_IS = "float32 [batch, 10], of the digits 0 to 9; they add up to 1"
PREPROCESSING = {
    "mlp": f"(grey - {MNIST_MEAN}) / {MNIST_STD}",
    "cnn": f"(grey - {MNIST_MEAN}) / {MNIST_STD}",
    "mobilenetv2": "bilinear to 224x224 (align_corners false), three equal channels, "
    f"(grey - {list(IMAGENET_MEAN)}) / {list(IMAGENET_STD)} by channel",
}
"""Of grey images from 0 to 1, in words for who loads the weights; ``ModelSpec.prepare`` does it."""


class ExportError(OneLineError):
    """A network cannot be written in that format here. Its text is one line that says why."""


class GreyToProbabilities(nn.Module):
    """A trained network with its input pipeline before it and the softmax behind it."""

    def __init__(self, model: str, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._prepare = MODELS[model].prepare

    def forward(self, images: Tensor) -> Tensor:
        """float32 [B, 1, 28, 28], 0 to 1 → probabilities [B, 10]."""
        # The pipeline that trained it, which takes 0 to 255 and does not round.
        return predict_proba(self.network, self._prepare(images.squeeze(1) * 255))


def export_model(trained: Trained, format: str) -> tuple[str, bytes]:
    """The model of a trained network, and the network as a file of another format.

    Args:
        trained: where it is.
        format: a key of ``FORMATS``.

    Raises:
        ResultsError: as ``load_network``.
        ExportError: a package that writes the format is not installed.
    """
    write = FORMATS[format]
    model, network = load_network(trained.path)
    return model, write(model, network.eval(), trained)


def _torch_file(model: str, network: nn.Module, trained: Trained) -> bytes:
    return tensor_bytes(network.state_dict())


def _safetensors_file(model: str, network: nn.Module, trained: Trained) -> bytes:
    save = _installed_module("safetensors.torch", "safetensors").save
    # "format": what readers of such files look for.
    content: bytes = save(network.state_dict(), {"format": "pt"} | _metadata(model, trained))
    return content


def _onnx_file(model: str, network: nn.Module, trained: Trained) -> bytes:
    for package in ("onnx", "onnxscript"):
        _installed_module(package, package)
    # Two images: of one, the exporter would take the batch to be fixed.
    example = torch.zeros(2, 1, SIDE, SIDE)
    with _silent():
        program = torch.onnx.export(
            GreyToProbabilities(model, steady(network)),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    assert program is not None  # as it is where the exporter writes the file itself
    proto: Any = program.model_proto
    _describe(proto, model, trained)
    content: bytes = proto.SerializeToString()
    return content


def _describe(proto: Any, model: str, trained: Trained) -> None:
    """Put into an ONNX model what it takes and gives, in place of how the exporter came to it."""
    described = {INPUT: INPUT_IS, OUTPUT: OUTPUT_IS}
    proto.producer_name, proto.producer_version = "mnist-tui", installed("mnist-tui")
    proto.doc_string = f"{model}, trained on MNIST"
    for value in (*proto.graph.input, *proto.graph.output):
        value.doc_string = described[value.name]
    # Of every operation: the source line that it comes from, with this machine's folders.
    for part in (*proto.graph.node, *proto.graph.value_info):
        part.ClearField("metadata_props")
    proto.ClearField("metadata_props")
    for key, text in (_metadata(model, trained) | described).items():
        proto.metadata_props.add(key=key, value=text)


FORMATS: dict[str, Callable[[str, nn.Module, Trained], bytes]] = {
    "safetensors": _safetensors_file,
    "onnx": _onnx_file,
    "pt": _torch_file,
}
"""What writes a network, by the format, which is also the file's suffix."""


def _metadata(model: str, trained: Trained) -> dict[str, str]:
    known = trained.test_accuracy
    return {
        "model": model,
        "run": printable(trained.name),
        "preprocessing": PREPROCESSING[model],
        "mnist_tui": installed("mnist-tui"),
    } | ({} if known is None else {"test_accuracy": f"{known:.4f}"})


def _installed_module(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExportError(not_installed(package)) from error


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The exporter has much to say that is of no use to who exports."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
