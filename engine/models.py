"""The three networks, exactly as in the notebook that this project re-does, and the table of them.

``forward`` returns logits: cross-entropy applies the log-softmax itself, and a second softmax in
front of it would flatten the gradients. ``predict_proba`` applies the softmax.
"""

from __future__ import annotations

import io
import pickle
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.assets import read_asset
from engine.by_hand import LinearStack, MLPStack
from engine.data import CLASSES, prepare_28, prepare_224
from engine.events import ModelSize
from engine.one_line import OneLineError

BUNDLED_WEIGHTS = "mobilenet_v2/mobilenet_v2_imagenet_features.pth"


class WeightsError(OneLineError):
    """Weights that cannot be had. Its text is one line."""


class MLP(nn.Module):
    """784 → 100 → ReLU → 10."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 100),
            nn.ReLU(),
            nn.Linear(100, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        """float [B, 1, 28, 28] → logits [B, 10]."""
        logits: Tensor = self.layers(images)
        return logits


class CNN(nn.Module):
    """Two 3×3 convolutions, each with a 2×2 max-pool, then one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, stride=1, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(3136, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        """float [B, 1, 28, 28] → logits [B, 10]."""
        logits: Tensor = self.layers(images)
        return logits


class MobileNetV2(nn.Module):
    """torchvision's MobileNetV2 with frozen features and a classifier for ten digits.

    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018. The keys of
    its state dict are those of ``torchvision.models.mobilenet_v2(num_classes=10)``.
    """

    def __init__(self) -> None:
        super().__init__()
        # Imported here because it takes over a second, which only this network should cost.
        from torchvision.models import mobilenet_v2

        network = mobilenet_v2(num_classes=CLASSES)
        self.features = network.features.requires_grad_(False).eval()
        self.classifier = network.classifier

    def train(self, mode: bool = True) -> MobileNetV2:
        """As ``nn.Module.train``, but the frozen features stay in eval mode."""
        super().train(mode)
        self.features.eval()
        return self

    def extract(self, images: Tensor) -> Tensor:
        """float [B, 3, 224, 224] → pooled features, float32 [B, 1280]."""
        maps: Tensor = self.features(images)
        return maps.float().mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """float [B, 3, 224, 224] → logits [B, 10]."""
        logits: Tensor = self.classifier(self.extract(images))
        return logits


@dataclass(frozen=True)
class ModelSpec:
    """A row of the table: how a model is built and fed."""

    build: Callable[[], nn.Module]
    prepare: Callable[[Tensor], Tensor]
    """uint8 [B, 28, 28] → what the network takes."""
    by_hand: type[LinearStack] | type[MLPStack] | None
    """Trains it without autograd; None where autograd costs nothing beside the arithmetic."""
    trains_little: bool
    """Whether what trains has matrices too small for a second CPU thread to help."""
    gains_from_bf16: bool
    """Whether it is large enough for bfloat16 to pay where the device is fast in it."""


MODELS = {
    "mlp": ModelSpec(MLP, prepare_28, MLPStack, trains_little=True, gains_from_bf16=False),
    "cnn": ModelSpec(CNN, prepare_28, None, trains_little=False, gains_from_bf16=True),
    "mobilenetv2": ModelSpec(
        MobileNetV2, prepare_224, LinearStack, trains_little=True, gains_from_bf16=False
    ),
}


def trained_part(model: nn.Module) -> nn.Module:
    """What of a model trains: the linear layer behind MobileNetV2's dropout, else all of it."""
    if isinstance(model, MobileNetV2):
        linear: nn.Linear = model.classifier[1]
        return linear
    return model


def model_size(name: str, model: nn.Module) -> ModelSize:
    """Count the parameters of a model and those that train."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return ModelSize(name, sum(n for n, _ in counts), sum(n for n, trains in counts if trains))


def predict_proba(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return class probabilities, [B, 10], of prepared inputs."""
    return torch.softmax(model(inputs), dim=1)


def load_imagenet_weights(model: MobileNetV2, weights: str) -> None:
    """Fill the features of ``model`` with ImageNet weights.

    Args:
        model: its classifier is left as it is.
        weights: "bundled", or the name of torchvision's weights, which torchvision downloads.

    Raises:
        AssetError: the bundled file is damaged.
        WeightsError: the weights could not be downloaded or do not fit.
    """
    if weights == "bundled":
        stream = io.BytesIO(read_asset(BUNDLED_WEIGHTS))
        state = torch.load(stream, map_location="cpu", weights_only=True)
    else:
        state = _download(weights)
    features = {
        key.removeprefix("features."): tensor
        for key, tensor in state.items()
        if key.startswith("features.")
    }
    try:
        model.features.load_state_dict(features)
    except RuntimeError as error:
        raise WeightsError(f"mobilenetv2_weights: {weights} do not fit MobileNetV2") from error


def _download(weights: str) -> dict[str, Tensor]:
    from torchvision.models import MobileNet_V2_Weights

    try:
        state: dict[str, Tensor] = MobileNet_V2_Weights[weights].get_state_dict(
            progress=True, check_hash=True, weights_only=True
        )
    except (urllib.error.URLError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"mobilenetv2_weights: {weights} could not be downloaded ({error}); "
            'use "bundled", which needs no network'
        ) from error
    return state
