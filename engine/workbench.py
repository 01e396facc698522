"""What the runs of one experiment share: settings, device, data, and the frozen features."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor

from engine.augment import Augment, dropout, shift
from engine.cache import cache_folder, features_file, load_features, store_features
from engine.checkpoint import FILE_NAME, Checkpoint
from engine.control import Control
from engine.data import BLACK, Mnist, Samples, prepare_224
from engine.device import (
    Capabilities,
    capabilities,
    feature_workers,
    free_cache,
    is_out_of_memory,
    synchronize,
)
from engine.events import Emit, Notice, RunId
from engine.features import FEATURES, extract_features
from engine.files import SavedFiles
from engine.models import MobileNetV2
from engine.progress import PhaseWatch
from engine.settings import Settings

Result = TypeVar("Result")
BatchName = Literal["evaluation_batch", "feature_batch"]


@dataclass(frozen=True)
class Splits:
    """What a run trains, validates (None without held-out images) and tests on."""

    train: Samples
    validation: Samples | None
    test: Samples


def _keep_to_oneself(features: Tensor) -> None:
    pass


@dataclass
class Workbench:
    """What the runs of one experiment share."""

    settings: Settings
    folder: Path
    device: torch.device
    mnist: Mnist
    emit: Emit
    files: SavedFiles
    control: Control
    place: str = ""
    """Name of the worker that trains, where there are several."""
    cores: int = 0
    """CPU cores that training may use; 0 for all."""
    checkpoint: Checkpoint | None = None
    """What the runs that are next go on from."""
    checkpoint_name: str = FILE_NAME
    """File that it is kept in."""
    features: Splits | None = None
    """Of the frozen network, once they are computed."""
    known_features: Tensor | None = None
    """float16 [N, 1280] of all images, if another worker has computed them."""
    share_features: Callable[[Tensor], None] = _keep_to_oneself
    """Called with those that were computed here."""
    unusable: dict[str, Exception] = field(default_factory=dict)
    """Why a model cannot be built, so that its other repeats need not try again."""
    able: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        self.able = capabilities(self.device)

    def within_memory(self, batch: BatchName, work: Callable[[Capabilities], Result]) -> Result:
        """Return what ``work`` makes of ``able``. Where memory does not suffice, ``batch`` of that
        is halved, for good, and it is tried again; said in a notice each time.

        Raises:
            Exception: what ``work`` raises, but out of memory only with a batch of one.
        """
        while True:
            size = getattr(self.able, batch)
            try:
                return work(self.able)
            except Exception as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
            # Behind the handler: the error held on to what was being computed.
            free_cache(self.device)
            self.able = replace(self.able, **{batch: size // 2})
            text = f"out of memory on {self.device} with {size} images in a batch of the"
            what = batch.removesuffix("_batch")
            self.emit(Notice("warning", f"{text} {what}s; tried again with {size // 2}"))


def image_splits(mnist: Mnist, prepare: Callable[[Tensor], Tensor], pixels: int) -> Splits:
    """The images themselves, as networks without frozen features take them; those to train on
    are shifted at random by up to so many pixels.
    """
    augment = partial(shift, pixels=pixels, background=BLACK) if pixels else None
    return _splits(mnist, mnist.train_images, mnist.test_images, prepare, augment)


def feature_splits(
    runs: Sequence[RunId], model: MobileNetV2, bench: Workbench
) -> tuple[Splits, float]:
    """The frozen features, and the seconds it took to compute them, 0 if they were there."""
    if bench.features is not None:
        return bench.features, 0.0
    mnist = bench.mnist
    images = torch.cat((mnist.train_images, mnist.test_images))
    if bench.known_features is not None:
        features, seconds = bench.known_features.to(images.device), 0.0
    else:
        features, seconds = _cached_features(runs, model, images, bench)
        bench.share_features(features)
    train, test = features[: len(mnist.train_images)], features[len(mnist.train_images) :]
    # Dropout is the only layer in front of the one that trains, so it may as well be the data's.
    augment = partial(dropout, rate=model.classifier[0].p)
    bench.features = _splits(mnist, train, test, Tensor.float, augment)
    return bench.features, seconds


def _splits(
    mnist: Mnist,
    train: Tensor,
    test: Tensor,
    prepare: Callable[[Tensor], Tensor],
    augment: Augment | None,
) -> Splits:
    """``train`` and ``test`` are what the networks take of MNIST's images, in their order."""
    held_out, labels = mnist.held_out, mnist.train_labels
    validation = None
    if held_out.any():
        validation = Samples(train[held_out], labels[held_out], prepare)
        train, labels = train[~held_out], labels[~held_out]
    return Splits(
        Samples(train, labels, prepare, augment),
        validation,
        Samples(test, mnist.test_labels, prepare),
    )


def _cached_features(
    runs: Sequence[RunId], model: MobileNetV2, images: Tensor, bench: Workbench
) -> tuple[Tensor, float]:
    """From the cache, or computed and put there; and the seconds it took."""
    settings = bench.settings
    if not settings.cache:
        return _compute_features(runs, model, images, bench)
    began = time.perf_counter()
    folder = cache_folder(settings)
    path = features_file(folder, model.features, images, bench.able)
    cached = load_features(path, (len(images), FEATURES))
    if cached is not None:
        bench.emit(Notice("info", f"features of {len(images):,} images read from {path}"))
        return cached.to(images.device), time.perf_counter() - began
    features, seconds = _compute_features(runs, model, images, bench)
    # Named anew: the batch may have had to be halved.
    path = features_file(folder, model.features, images, bench.able)
    try:
        if not store_features(path, features, settings.cache_limit_mb * 10**6):
            size = features.numel() * features.element_size() / 10**6
            text = f"cache_limit_mb: {settings.cache_limit_mb} is less than the {size:.0f} MB of"
            bench.emit(Notice("warning", f"{text} these features: they are not kept"))
    except OSError as error:
        reason = error.strerror or error
        bench.emit(Notice("warning", f"cache_folder: {path.parent}: not written: {reason}"))
    return features, seconds


def _compute_features(
    runs: Sequence[RunId], model: MobileNetV2, images: Tensor, bench: Workbench
) -> tuple[Tensor, float]:
    def work(able: Capabilities) -> tuple[Tensor, float]:
        watch = PhaseWatch(runs, "features", 0, bench.emit, bench.control)
        features = extract_features(
            model,
            images,
            prepare_224,
            able,
            watch=lambda done: watch.images(done, len(images)),
            workers=feature_workers(bench.device, bench.settings.threads),
            warn=lambda text: bench.emit(Notice("warning", text)),
        )
        synchronize(bench.device)
        return features, watch.seconds

    return bench.within_memory("feature_batch", work)
