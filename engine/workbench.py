"""What the runs of one experiment share: settings, device, data, and the frozen features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engine.cache import cache_folder, features_file, load_features, store_features
from engine.control import Control
from engine.data import Mnist, Samples
from engine.device import Capabilities, capabilities, feature_workers, synchronize
from engine.events import Emit, Notice, RunId
from engine.features import FEATURES, extract_features
from engine.models import MODELS, MobileNetV2
from engine.progress import PhaseWatch
from engine.settings import Settings


@dataclass(frozen=True)
class Splits:
    """What a run trains, validates (None without held-out images) and tests on."""

    train: Samples
    validation: Samples | None
    test: Samples


@dataclass
class Workbench:
    """What the runs of one experiment share."""

    settings: Settings
    folder: Path
    device: torch.device
    mnist: Mnist
    emit: Emit
    control: Control
    features: Splits | None = None
    """Of the frozen network, once they are computed."""
    unusable: dict[str, Exception] = field(default_factory=dict)
    """Why a model cannot be built, so that its other repeats need not try again."""
    able: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        self.able = capabilities(self.device)


def image_splits(mnist: Mnist, prepare: Callable[[Tensor], Tensor]) -> Splits:
    """The images themselves, as networks without frozen features take them."""
    validation = Samples(mnist.validation_images, mnist.validation_labels, prepare)
    return Splits(
        train=Samples(mnist.train_images, mnist.train_labels, prepare),
        validation=validation if len(validation) else None,
        test=Samples(mnist.test_images, mnist.test_labels, prepare),
    )


def feature_splits(run: RunId, model: MobileNetV2, bench: Workbench) -> tuple[Splits, float]:
    """The frozen features, and the seconds it took to compute them, 0 if they were there."""
    if bench.features is not None:
        return bench.features, 0.0
    mnist = bench.mnist
    images = torch.cat((mnist.train_images, mnist.validation_images, mnist.test_images))
    watch = PhaseWatch(run, "features", 0, bench.emit, bench.control)
    features = _cached_features(run, model, images, watch, bench)
    seconds = watch.seconds
    labels = (mnist.train_labels, mnist.validation_labels, mnist.test_labels)
    parts = torch.split(features, [len(digits) for digits in labels])
    train, validation, test = (
        Samples(part, digits, Tensor.float) for part, digits in zip(parts, labels, strict=True)
    )
    bench.features = Splits(train, validation if len(validation) else None, test)
    return bench.features, seconds


def _cached_features(
    run: RunId, model: MobileNetV2, images: Tensor, watch: PhaseWatch, bench: Workbench
) -> Tensor:
    """From the cache, or computed and put there."""
    settings = bench.settings
    if not settings.cache:
        return _compute_features(run, model, images, watch, bench)
    path = features_file(cache_folder(settings), model.features, images, bench.able)
    cached = load_features(path, (len(images), FEATURES))
    if cached is not None:
        bench.emit(Notice("info", f"features of {len(images):,} images read from {path}"))
        return cached.to(images.device)
    features = _compute_features(run, model, images, watch, bench)
    try:
        store_features(path, features, settings.cache_limit_mb * 10**6)
    except OSError as error:
        reason = error.strerror or error
        bench.emit(Notice("warning", f"cache_folder: {path.parent}: not written: {reason}"))
    return features


def _compute_features(
    run: RunId, model: MobileNetV2, images: Tensor, watch: PhaseWatch, bench: Workbench
) -> Tensor:
    features = extract_features(
        model,
        images,
        MODELS[run.model].prepare,
        bench.able,
        watch=lambda done: watch.images(done, len(images)),
        workers=feature_workers(bench.device, bench.settings.threads),
        warn=lambda text: bench.emit(Notice("warning", text)),
    )
    synchronize(bench.device)
    return features
