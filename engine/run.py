"""One run: one training of one model with one seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from engine.control import SkipRequested, StopRequested
from engine.data import Samples
from engine.device import peak_memory, start_peak_memory, use_threads
from engine.events import (
    EpochFinished,
    EpochResult,
    Notice,
    Phase,
    RunFinished,
    RunId,
    RunStarted,
    RunStatus,
)
from engine.models import MODELS, MobileNetV2, load_imagenet_weights, model_size
from engine.progress import PhaseWatch
from engine.results import save_weights
from engine.settings import Settings
from engine.statistics import macro_f1
from engine.training import Scores, evaluate, train_one_epoch
from engine.workbench import Splits, Workbench, feature_splits, image_splits


def train_run(run: RunId, bench: Workbench) -> RunFinished:
    """Train one model with one seed to the end, or until ``bench.control`` says otherwise.

    Emits RunStarted, Progress and EpochFinished, and saves the weights.

    Returns:
        How it ended; what the last finished epoch came to is in it however it ended.

    Raises:
        Exception: whatever went wrong in the run (out of memory, weights that cannot be had).
    """
    settings, spec = bench.settings, MODELS[run.model]
    seed = settings.seed + run.repeat - 1
    threads = use_threads(settings.threads, spec.trains_little)
    bench.emit(RunStarted(run, seed, settings.epochs, threads))
    if run.model in bench.unusable:
        raise bench.unusable[run.model]
    start_peak_memory(bench.device)
    torch.manual_seed(seed)
    model = spec.build().to(bench.device).to(memory_format=bench.able.memory_format)
    state = _RunState()
    trained: nn.Module = model
    try:
        if isinstance(model, MobileNetV2):
            trained = model.classifier
            load_imagenet_weights(model, settings.mobilenetv2_weights)
            splits, state.features_seconds = feature_splits(run, model, bench)
            bench.control.check_epoch()  # as good a place to stop as the end of an epoch
        else:
            splits = image_splits(bench.mnist, spec.prepare)
        _train(run, trained, splits, seed, state, bench)
    except StopRequested:
        state.status = "stopped"
    except SkipRequested:
        state.status = "skipped"
    return _finish(run, model, trained, state, bench)


def _finish(
    run: RunId, model: nn.Module, trained: nn.Module, state: _RunState, bench: Workbench
) -> RunFinished:
    """Save the weights of the last finished epoch and say what the run came to."""
    if state.training is not None:  # it was stopped within an epoch
        state.seconds += state.training.seconds
    weights = ""
    if state.last is not None:
        # Steps after the last evaluation would make other weights than those it measured.
        trained.load_state_dict(state.weights)
        weights = _save(run, model, bench)
    confusion = tuple(tuple(row) for row in state.confusion)
    return RunFinished(
        run=run,
        size=model_size(run.model, model),
        status=state.status,
        seconds=state.seconds,
        features_seconds=state.features_seconds,
        test_accuracy=state.last.test_accuracy if state.last else None,
        test_loss=state.last.test_loss if state.last else None,
        confusion=confusion,
        macro_f1=macro_f1(confusion) if confusion else None,
        peak_memory_bytes=peak_memory(bench.device),
        weights=weights,
    )


@dataclass
class _RunState:
    status: RunStatus = "finished"
    seconds: float = 0.0
    features_seconds: float = 0.0
    training: PhaseWatch | None = None
    """Of the epoch that is being trained."""
    last: EpochResult | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    """Of what is trained, as they were when ``last`` was measured."""
    confusion: list[list[int]] = field(default_factory=list)


def _train(
    run: RunId, model: nn.Module, splits: Splits, seed: int, state: _RunState, bench: Workbench
) -> None:
    """Train and evaluate epoch by epoch, keeping ``state`` up to date."""
    settings = bench.settings
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = Adam(
        parameters, lr=settings.learning_rate, fused=bench.able.fused_optimizer or None
    )
    steps = settings.epochs * -(-len(splits.train) // settings.batch_size)
    scheduler = make_scheduler(settings, optimizer, steps)
    order = torch.Generator().manual_seed(seed)
    for epoch in range(1, settings.epochs + 1):
        state.training = PhaseWatch(run, "train", epoch, bench.emit, bench.control)
        train = train_one_epoch(
            model,
            splits.train,
            optimizer,
            batch_size=settings.batch_size,
            generator=order,
            scheduler=scheduler,
            watch=state.training.step,
        )
        seconds = state.training.seconds
        state.training = None
        state.seconds += seconds
        validation, validation_seconds = None, 0.0
        if splits.validation is not None:
            watch = _evaluation_watch(run, "validation", epoch, train, seconds, bench)
            validation, _ = _evaluate(model, splits.validation, watch, bench)
            validation_seconds = watch.seconds
        watch = _evaluation_watch(run, "test", epoch, train, seconds + validation_seconds, bench)
        test, confusion = _evaluate(model, splits.test, watch, bench)
        state.confusion = confusion.tolist()
        state.last = EpochResult(
            epoch=epoch,
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            learning_rate=optimizer.param_groups[0]["lr"],
            seconds=seconds,
            images_per_second=len(splits.train) / seconds,
            evaluation_seconds=validation_seconds + watch.seconds,
        )
        state.weights = {name: value.clone() for name, value in model.state_dict().items()}
        bench.emit(EpochFinished(run, state.last))
        if epoch < settings.epochs:
            bench.control.check_epoch()


def _evaluation_watch(
    run: RunId, phase: Phase, epoch: int, train: Scores, before: float, bench: Workbench
) -> PhaseWatch:
    return PhaseWatch(run, phase, epoch, bench.emit, bench.control, trained=train, before=before)


def _evaluate(
    model: nn.Module, samples: Samples, watch: PhaseWatch, bench: Workbench
) -> tuple[Scores, Tensor]:
    return evaluate(model, samples, batch_size=bench.able.evaluation_batch, watch=watch.step)


def make_scheduler(settings: Settings, optimizer: Optimizer, steps: int) -> LRScheduler | None:
    """The schedule that ``settings`` names, over ``steps`` steps; None for a constant rate.

    one-cycle is Smith's "Super-Convergence" (2018) in torch's version; cosine is Loshchilov and
    Hutter's SGDR (2017) without restarts.
    """
    if settings.schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps)
    if settings.schedule == "one-cycle":
        # torch's scheduler divides by its phases' lengths; under four steps one of them is empty.
        return OneCycleLR(optimizer, settings.learning_rate, total_steps=max(steps, 4) + 1)
    return None


def _save(run: RunId, model: nn.Module, bench: Workbench) -> str:
    if not bench.settings.save_weights:
        return ""
    path = bench.folder / f"{run}.pt"
    try:
        save_weights(path, model.state_dict())
    except OSError as error:
        bench.emit(Notice("error", f"{path}: weights not saved: {error.strerror or error}"))
        return ""
    return path.name
