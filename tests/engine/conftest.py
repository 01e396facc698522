"""Fixtures of the engine's tests: MNIST read once, a small copy of it, settings for short runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engine_support import write_mnist

from engine.data import Mnist, load_mnist
from engine.models import MobileNetV2, load_imagenet_weights
from engine.settings import Settings


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """The whole of the bundled MNIST on the CPU."""
    return load_mnist()


@pytest.fixture(scope="session")
def small_folder(mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the first 1,000 training and 200 test images, which reads in no time."""
    return write_mnist(
        tmp_path_factory.mktemp("small-mnist"),
        (mnist.train_images[:1000], mnist.train_labels[:1000]),
        (mnist.test_images[:200], mnist.test_labels[:200]),
    )


@pytest.fixture
def short(small_folder: Path, tmp_path: Path) -> Settings:
    """Settings of an experiment that takes a fraction of a second."""
    return Settings(
        models=("mlp",),
        epochs=2,
        repeats=1,
        batch_size=50,
        data=str(small_folder),
        device="cpu",
        threads=1,  # steady where other work has the second core
        repeats_at_once=1,
        results=str(tmp_path / "results"),
    )


@pytest.fixture
def both(short: Settings) -> Settings:
    """The same of two models, on fewer images: a step of the CNN takes fifty times as long."""
    return replace(short, models=("mlp", "cnn"), train_limit=200, test_limit=100)


@pytest.fixture(scope="session")
def pretrained() -> MobileNetV2:
    """MobileNetV2 with the bundled weights; not to be changed."""
    torch.manual_seed(0)
    model = MobileNetV2()
    load_imagenet_weights(model, "bundled")
    return model.eval()


@pytest.fixture(autouse=True)
def same_threads_after() -> Iterator[None]:
    """Undo what a run did to the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
