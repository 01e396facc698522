"""How fast the engine is beside other programs that do the same work on this machine.

    python tests/benchmarks/speed.py [--rounds N] [--only mlp cnn classifier features]

Contenders take turns, so that a busy moment of the machine hits them all; figures are the best
and the median of the rounds, ratios are of the medians. JAX and scikit-learn are in the `bench`
extra; without them their lines are missing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import engine  # noqa: F401  # first, as its threads spin as long as it says before torch is loaded

# isort: split
import peers
import torch
from peers import BATCH, Work

from engine.augment import dropout
from engine.data import Mnist, RunSeed, Samples, load_mnist, prepare_28, prepare_224
from engine.device import capabilities, device_name, physical_cores, use_threads
from engine.features import extract_features
from engine.models import CNN, MLP, MODELS, MobileNetV2, load_imagenet_weights
from engine.optimizers import make_optimizer
from engine.recipes import Recipe
from engine.stack import Stack
from engine.training import train_one_epoch

CPU = torch.device("cpu")
CNN_STEPS = 50
Contenders = dict[str, tuple[Callable[[], Work], float]]
"""What makes the work, and what its seconds are divided by to compare."""


def ours(model: str, samples: Samples, repeats: int, *, bf16: bool = False) -> Work:
    """An epoch as a run trains it, so many repeats side by side."""
    spec = MODELS[model]
    networks = [spec.build() for _ in range(repeats)]
    if model == "mobilenetv2":
        networks = [torch.nn.Linear(1280, 10) for _ in range(repeats)]
    networks = [network.to(memory_format=torch.channels_last) for network in networks]
    by_hand = spec.by_hand is not None and not bf16
    stack = spec.by_hand(networks) if by_hand else Stack(networks, bf16=bf16)  # type: ignore[misc]
    optimizer = make_optimizer(Recipe(), stack.parameters.values(), capabilities(CPU))
    seeds = [RunSeed(seed, CPU) for seed in range(repeats)]

    def epoch() -> None:
        use_threads(0, repeats if spec.trains_little else 0)
        train_one_epoch(
            stack,
            samples,
            optimizer,
            batch_size=BATCH,
            seeds=seeds,
            learning_rate=lambda step: 0.001,
        )

    return epoch


def with_threads(threads: int, make: Callable[[], Work]) -> Callable[[], Work]:
    """Other programs with so many of torch's threads."""

    def made() -> Work:
        work = make()

        def run() -> None:
            torch.set_num_threads(threads)
            work()

        return run

    return made


def mlp(mnist: Mnist) -> Contenders:
    """Seconds per epoch of 60,000 images."""
    images, cores = len(mnist.train_images), physical_cores()
    samples = Samples(mnist.train_images, mnist.train_labels, prepare_28)
    return {
        "eager, 1 thread": (with_threads(1, lambda: peers.eager(MLP(), mnist, images)), 1),
        f"eager, {cores} threads": (
            with_threads(cores, lambda: peers.eager(MLP(), mnist, images)),
            1,
        ),
        "the notebook's way, an 8th": (
            with_threads(cores, lambda: peers.notebook(MLP(), mnist, images // 8)),
            1 / 8,
        ),
        "scikit-learn": (lambda: peers.scikit_learn(mnist, images), 1),
        "JAX, jit and scan, warm": (lambda: peers.jax_mlp(mnist, images), 1),
        "ours, one by one": (lambda: ours("mlp", samples, 1), 1),
        "ours, 10 at once, each": (lambda: ours("mlp", samples, 10), 10),
    }


def cnn(mnist: Mnist) -> Contenders:
    """Seconds per 200 steps."""
    images, cores = CNN_STEPS * BATCH, physical_cores()
    samples = Samples(mnist.train_images[:images], mnist.train_labels[:images], prepare_28)
    part = CNN_STEPS / 200

    def channels_last() -> Work:
        return peers.eager(CNN().to(memory_format=torch.channels_last), mnist, images)

    return {
        "eager, channels last": (with_threads(cores, channels_last), part),
        "the notebook's way": (
            with_threads(cores, lambda: peers.notebook(CNN(), mnist, images)),
            part,
        ),
        "ours, fp32": (lambda: ours("cnn", samples, 1), part),
        "ours, bf16": (lambda: ours("cnn", samples, 1, bf16=True), part),
        "ours, 2 at once, each": (lambda: ours("cnn", samples, 2), 2 * part),
    }


def classifier(mnist: Mnist) -> Contenders:
    """Seconds per epoch of MobileNetV2's classifier on 60,000 images' features (random ones)."""
    features = torch.rand(len(mnist.train_images), 1280).half()
    samples = Samples(features, mnist.train_labels, torch.Tensor.float, partial(dropout, rate=0.2))
    return {
        "eager, 1 thread": (
            with_threads(1, lambda: peers.eager_classifier(features, mnist.train_labels)),
            1,
        ),
        "ours, one by one": (lambda: ours("mobilenetv2", samples, 1), 1),
        "ours, 10 at once, each": (lambda: ours("mobilenetv2", samples, 10), 10),
    }


def features(mnist: Mnist) -> Contenders:
    """Seconds per 1,000 images through the frozen MobileNetV2."""
    model, cores = MobileNetV2().eval(), physical_cores()
    load_imagenet_weights(model, "bundled")
    few = prepare_224(mnist.train_images[:64])

    def extract() -> Work:
        images, able = mnist.train_images[:400], capabilities(CPU)

        def work() -> None:
            extract_features(model, images, prepare_224, able, workers=cores)

        return work

    return {
        "eager, float32": (
            with_threads(cores, lambda: peers.eager_features(model.features, few)),
            64 / 1000,
        ),
        "ours": (with_threads(cores, extract), 400 / 1000),
    }


GROUPS = {"mlp": mlp, "cnn": cnn, "classifier": classifier, "features": features}


def measure(contenders: Contenders, rounds: int) -> dict[str, list[float]]:
    """The seconds of every contender in every round, after one that is not counted."""
    works: dict[str, tuple[Work, float]] = {}
    for name, (make, part) in contenders.items():
        try:
            works[name] = make(), part
        except ImportError as error:
            print(f"  {name}: left out, {error.name} is not installed")
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, (work, part) in works.items():
            began = time.perf_counter()
            work()
            if turn:
                seconds[name].append((time.perf_counter() - began) / part)
    return seconds


def show(what: str, seconds: dict[str, list[float]]) -> None:
    """A table; the first contender is the measure of the others."""
    print(f"\n{what}\n  {'':28}{'best':>9}{'median':>9}{'speed':>8}")
    base = statistics.median(next(iter(seconds.values())))
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"  {name:28}{min(times):9.3f}{median:9.3f}{base / median:7.2f}×")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="speed of the engine beside its peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    arguments = parser.parse_args()
    mnist = load_mnist()
    print(f"{device_name(CPU)}, {physical_cores()} cores, torch {torch.__version__}")
    for name in arguments.only:
        contenders = GROUPS[name]
        show(f"{name}: {contenders.__doc__}", measure(contenders(mnist), arguments.rounds))


if __name__ == "__main__":
    main()
