"""CPU and GPU agree."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from engine_support import Recorder

from engine.cuda_graph import CudaGraphStep, recorded_step
from engine.data import Mnist, RunSeed, Samples, load_mnist, prepare_224
from engine.device import capabilities
from engine.experiment import run_experiment
from engine.features import extract_features
from engine.models import MODELS, MobileNetV2
from engine.optimizers import make_optimizer
from engine.recipes import OPTIMIZERS, Recipe
from engine.settings import Settings
from engine.stack import Stack
from engine.training import Tally, evaluate, soft_targets, train_one_epoch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
STEPS, BATCH = 50, 64


def networks(name: str, device: str, count: int = 2) -> Stack:
    """Networks side by side as a run makes them, from the same start on every device."""
    able, spec = capabilities(torch.device(device)), MODELS[name]
    found = []
    for seed in range(count):
        torch.manual_seed(seed)
        found.append(spec.build().to(device).to(memory_format=able.memory_format))
    return spec.by_hand(found) if spec.by_hand is not None else Stack(found)


def losses(name: str, device: str, mnist: Mnist) -> list[float]:
    """The loss of each of 50 steps from the same start, in the same order."""
    stack = networks(name, device)
    images = mnist.train_images[: STEPS * BATCH].to(device)
    labels = mnist.train_labels[: STEPS * BATCH].to(device)
    found: list[float] = []

    def watch(step: int, steps: int, tally: Tally) -> None:
        found.append(tally.since_last()[0].loss)

    train_one_epoch(
        stack,
        Samples(images, labels, MODELS[name].prepare),
        make_optimizer(Recipe(), stack.parameters.values(), capabilities(torch.device(device))),
        batch_size=BATCH,
        seeds=[RunSeed(seed, torch.device(device)) for seed in range(stack.size)],
        learning_rate=lambda step: 0.001,
        watch=watch,
    )
    return found


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_losses_over_fifty_steps_are_those_of_the_cpu(name: str, mnist: Mnist) -> None:
    cpu, gpu = losses(name, "cpu", mnist), losses(name, "cuda", mnist)
    assert len(cpu) == len(gpu) == STEPS
    assert gpu[0] == pytest.approx(cpu[0], abs=5e-3)
    assert gpu == pytest.approx(cpu, abs=0.05)
    assert gpu[-1] < gpu[0] / 2


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_evaluation_is_that_of_the_cpu(name: str, mnist: Mnist) -> None:
    found = []
    for device in ("cpu", "cuda"):
        samples = Samples(
            mnist.test_images[:500].to(device),
            mnist.test_labels[:500].to(device),
            MODELS[name].prepare,
        )
        found.append(evaluate(networks(name, device), samples, batch_size=100))
    cpu, gpu = (evaluation.scores[0] for evaluation in found)
    assert gpu.loss == pytest.approx(cpu.loss, abs=5e-3)
    assert gpu.accuracy == pytest.approx(cpu.accuracy, abs=0.01)
    assert found[1].confusion.device.type == "cpu"


def test_features_are_close_to_those_of_the_cpu(pretrained: MobileNetV2, mnist: Mnist) -> None:
    with torch.inference_mode():
        exact = pretrained.extract(prepare_224(mnist.test_images[:32]))
    gpu = torch.device("cuda")
    features = extract_features(
        copy.deepcopy(pretrained).to(gpu),
        mnist.test_images[:32].to(gpu),
        prepare_224,
        capabilities(gpu),
    )
    assert features.device.type == "cuda"
    assert torch.cosine_similarity(features.float().cpu(), exact).min() > 0.95


def test_data_are_on_the_gpu(small_folder: object) -> None:
    mnist = load_mnist("cuda", folder=str(small_folder), validation_split=0.1)
    assert {part.device.type for part in vars(mnist).values()} == {"cuda"}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_recorded_step_is_used(name: str, kind: str, mnist: Mnist) -> None:
    stack, gpu = networks(name, "cuda"), torch.device("cuda")
    samples = Samples(
        mnist.train_images[:1280].to(gpu), mnist.train_labels[:1280].to(gpu), MODELS[name].prepare
    )
    targets = soft_targets(0.0, gpu)
    seeds = [RunSeed(seed, gpu) for seed in range(stack.size)]
    batches = [(inputs, targets[labels]) for inputs, labels in samples.shuffled(BATCH, seeds)]
    recorder = Recorder()
    recipe = Recipe(optimizer=kind)
    optimizer = make_optimizer(recipe, stack.parameters.values(), capabilities(gpu))
    step = recorded_step(stack, optimizer, batches, recorder)
    assert not recorder.events
    assert isinstance(step, CudaGraphStep)


def test_deterministic_experiment_comes_to_the_same_bits_twice(
    small_folder: Path, tmp_path: Path
) -> None:
    settings = Settings(
        models=("mlp", "cnn"),
        epochs=2,
        repeats=2,
        device="cuda",
        deterministic=True,
        data=str(small_folder),
        results=str(tmp_path),
    )
    first, second = run_experiment(settings), run_experiment(settings)
    assert first.status == second.status == "finished"
    for run in first.runs:
        assert len(first.runs[run].epochs) == 2
        losses = [epoch.test_loss for epoch in first.runs[run].epochs]
        assert losses == [epoch.test_loss for epoch in second.runs[run].epochs]
