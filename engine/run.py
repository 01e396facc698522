"""Runs of one model, side by side: each with its own seed, its own order of images, its own curve.

What they share is the computation; one run alone is a group of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, islice

import torch
from torch import Tensor, nn

from engine.checkpoint import FILE_NAME, Progressed, checkpoint_of, save_checkpoint
from engine.control import SkipRequested, StopRequested
from engine.cuda_graph import COMPARED_STEPS, recorded_step
from engine.data import RunSeed, Samples
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
    Snapshot,
)
from engine.models import MODELS, MobileNetV2, load_imagenet_weights, model_size, trained_part
from engine.optimizers import Optimizer, make_optimizer
from engine.progress import PhaseWatch
from engine.recipes import Recipe
from engine.results import save_weights
from engine.schedules import learning_rate
from engine.stack import Stack
from engine.statistics import macro_f1
from engine.training import (
    Evaluation,
    Scores,
    Step,
    evaluate,
    soft_targets,
    train_one_epoch,
    train_step,
)
from engine.workbench import Splits, Workbench, feature_splits, image_splits


@dataclass
class _Run:
    """One run, as far as it got."""

    id: RunId
    seed: int
    model: nn.Module
    last: EpochResult | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    """Of what trains, as they were when ``last`` was measured."""
    confusion: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0
    lowest_loss: float = float("inf")
    """On the validation images."""
    epochs_in_vain: int = 0
    """Since then."""


def train_runs(ids: Sequence[RunId], bench: Workbench) -> list[RunFinished]:
    """Train runs of one model to the end, or until ``bench.control`` says otherwise.

    Emits RunStarted, Progress and EpochFinished of each, and saves their weights.

    Returns:
        How each ended; what its last finished epoch came to is in it however it ended.

    Raises:
        Exception: whatever went wrong (out of memory, weights that cannot be had).
    """
    settings, spec = bench.settings, MODELS[ids[0].model]
    threads = use_threads(settings.threads, len(ids) if spec.trains_little else 0)
    for id_ in ids:
        seed = settings.seed_of(id_.repeat)
        precision = "bf16" if _uses_bf16(id_, bench) else "fp32"
        epochs = bench.control.plan.epochs_of(id_)
        bench.emit(RunStarted(id_, seed, epochs, threads, precision))
    if ids[0].model in bench.unusable:
        raise bench.unusable[ids[0].model]
    start_peak_memory(bench.device)
    runs = [_build(id_, bench) for id_ in ids]
    status: RunStatus = "finished"
    features_seconds = 0.0
    try:
        splits, features_seconds = _load_splits(runs, bench)
        _train(runs, splits, bench)
    except StopRequested:
        status = "stopped"
    except SkipRequested:
        status = "skipped"
    bench.control.plan.end_group()
    return [
        _finish(run, status, features_seconds if run is runs[0] else 0.0, bench) for run in runs
    ]


def _build(id_: RunId, bench: Workbench) -> _Run:
    seed = bench.settings.seed_of(id_.repeat)
    torch.manual_seed(seed)
    model = MODELS[id_.model].build().to(bench.device).to(memory_format=bench.able.memory_format)
    if isinstance(model, MobileNetV2):
        load_imagenet_weights(model, bench.settings.mobilenetv2_weights)
    return _Run(id_, seed, model)


def _load_splits(runs: list[_Run], bench: Workbench) -> tuple[Splits, float]:
    """What the runs train and test on, and the seconds it took to compute it."""
    model, name = runs[0].model, runs[0].id.model
    if isinstance(model, MobileNetV2):
        splits, seconds = feature_splits([run.id for run in runs], model, bench)
        bench.control.check_epoch()  # as good a place to stop as the end of an epoch
        return splits, seconds
    pixels = bench.settings.recipe(name).shift
    return image_splits(bench.mnist, MODELS[name].prepare, pixels), 0.0


def _train(runs: list[_Run], splits: Splits, bench: Workbench) -> None:
    """Train and evaluate epoch by epoch, keeping the runs up to date."""
    settings = bench.settings
    recipe = settings.recipe(runs[0].id.model)
    networks = _stack(runs, bench)
    optimizer = make_optimizer(recipe, networks.parameters.values(), bench.able)
    seeds = [RunSeed(run.seed, bench.device) for run in runs]
    step = _step(networks, optimizer, splits.train, recipe, bench)
    steps = -(-len(splits.train) // settings.batch_size)
    done = _go_on(runs, networks, optimizer, seeds, bench)
    if _in_vain(runs, settings.patience):
        return
    for epoch in count(done + 1):
        epochs = bench.control.plan.begin_epoch(epoch)
        if not epochs:
            return
        if epoch > done + 1:
            bench.control.check_epoch()
        rate = partial(_rate, recipe=recipe, before=(epoch - 1) * steps, total=epochs * steps)
        clean = recipe.shift and epoch > epochs - recipe.clean_epochs
        watch = _watch(runs, "train", epoch, bench)
        try:
            trained = train_one_epoch(
                networks,
                replace(splits.train, augment=None) if clean else splits.train,
                optimizer,
                batch_size=settings.batch_size,
                seeds=seeds,
                learning_rate=rate,
                label_smoothing=recipe.label_smoothing,
                watch=watch.step,
                step=step,
            )
        finally:  # the steps of an epoch that was stopped took their time, too
            seconds = watch.seconds
            for run in runs:
                run.seconds += seconds / len(runs)
        _measure(runs, networks, splits, epoch, trained, seconds, rate(steps - 1), bench)
        _keep(runs, networks, optimizer, seeds, bench)
        if _in_vain(runs, settings.patience):
            return


def _in_vain(runs: list[_Run], patience: int) -> bool:
    """Whether patience is at its end; 0 is patience without one."""
    return patience > 0 and all(run.epochs_in_vain >= patience for run in runs)


def _go_on(
    runs: list[_Run],
    networks: Stack,
    optimizer: Optimizer,
    seeds: list[RunSeed],
    bench: Workbench,
) -> int:
    """Bring everything to where the checkpoint was made; return its epoch, 0 without one."""
    checkpoint = bench.checkpoint
    if checkpoint is None or checkpoint.ids != tuple(run.id for run in runs):
        return 0
    checkpoint.restore(networks, optimizer, seeds)
    for index, (run, progressed) in enumerate(zip(runs, checkpoint.runs, strict=True)):
        run.last, run.seconds = progressed.last, progressed.seconds
        run.lowest_loss = progressed.lowest_loss
        run.epochs_in_vain = progressed.epochs_in_vain
        run.confusion = checkpoint.confusion[index].tolist()
        run.weights = networks.state(index)
    return checkpoint.epoch


def _keep(
    runs: list[_Run],
    networks: Stack,
    optimizer: Optimizer,
    seeds: list[RunSeed],
    bench: Workbench,
) -> None:
    """Write the checkpoint. A disk that refuses is reported once; every epoch tries again."""
    progressed = [
        Progressed(run.id, run.last, run.seconds, run.lowest_loss, run.epochs_in_vain)
        for run in runs
        if run.last is not None
    ]
    confusion = torch.tensor([run.confusion for run in runs])
    checkpoint = checkpoint_of(progressed, networks, optimizer, seeds, confusion)
    try:
        save_checkpoint(bench.folder, checkpoint)
    except OSError as error:
        if bench.checkpoint_saved:
            reason = error.strerror or error
            text = f"{bench.folder / FILE_NAME}: not saved: {reason}; saving is tried every epoch"
            bench.emit(Notice("error", text))
        bench.checkpoint_saved = False
    else:
        bench.checkpoint_saved = True


def _rate(step: int, *, recipe: Recipe, before: int, total: int) -> float:
    return learning_rate(recipe.schedule, recipe.learning_rate, before + step, total)


def _uses_bf16(id_: RunId, bench: Workbench) -> bool:
    precision = bench.settings.recipe(id_.model).precision
    gains = MODELS[id_.model].gains_from_bf16 and bench.able.fast_bf16
    return precision == "bf16" or (precision == "auto" and gains)


def _stack(runs: list[_Run], bench: Workbench) -> Stack:
    spec = MODELS[runs[0].id.model]
    networks = [trained_part(run.model) for run in runs]
    bf16 = _uses_bf16(runs[0].id, bench)
    if spec.by_hand is not None and not bf16:
        return spec.by_hand(networks)
    return Stack(networks, bf16=bf16)


def _step(
    networks: Stack, optimizer: Optimizer, samples: Samples, recipe: Recipe, bench: Workbench
) -> Step:
    """The fastest form of a training step that the device has and that comes to the same."""
    if not bench.able.cuda_graphs or bench.settings.cuda_graphs == "off":
        return train_step
    # Seeds of its own, so that the runs' orders are the same with and without.
    seeds = [RunSeed(0, bench.device) for _ in range(networks.size)]
    targets = soft_targets(recipe.label_smoothing, bench.device)
    batches = samples.shuffled(min(bench.settings.batch_size, len(samples)), seeds)
    compared = [(inputs, targets[labels]) for inputs, labels in islice(batches, COMPARED_STEPS)]
    same_shape = [batch for batch in compared if batch[0].shape == compared[0][0].shape]
    return recorded_step(networks, optimizer, same_shape, bench.emit)


def _measure(
    runs: list[_Run],
    networks: Stack,
    splits: Splits,
    epoch: int,
    trained: list[Scores],
    seconds: float,
    last_rate: float,
    bench: Workbench,
) -> None:
    """Evaluate the networks; keep and emit what the epoch came to."""
    watch = _watch(runs, "validation", epoch, bench, trained, seconds)
    validation = None
    if splits.validation is not None:
        validation = _evaluate(networks, splits.validation, watch, bench).scores
    evaluation_seconds = watch.seconds if validation else 0.0
    watch = _watch(runs, "test", epoch, bench, trained, seconds + evaluation_seconds)
    tested = _evaluate(networks, splits.test, watch, bench)
    evaluation_seconds += watch.seconds
    for index, run in enumerate(runs):
        run.last = EpochResult(
            epoch=epoch,
            train_loss=trained[index].loss,
            train_accuracy=trained[index].accuracy,
            test_loss=tested.scores[index].loss,
            test_accuracy=tested.scores[index].accuracy,
            validation_loss=validation[index].loss if validation else None,
            validation_accuracy=validation[index].accuracy if validation else None,
            learning_rate=last_rate,
            seconds=seconds / len(runs),
            images_per_second=len(splits.train) * len(runs) / seconds,
            evaluation_seconds=evaluation_seconds / len(runs),
        )
        run.confusion = tested.confusion[index].tolist()
        run.weights = networks.state(index)
        if validation and validation[index].loss < run.lowest_loss:
            run.lowest_loss, run.epochs_in_vain = validation[index].loss, 0
        else:
            run.epochs_in_vain += 1
        bench.emit(EpochFinished(run.id, run.last))
        bench.emit(_snapshot(run.id, epoch, tested, index, run.weights))


def _snapshot(
    id_: RunId, epoch: int, tested: Evaluation, index: int, weights: dict[str, Tensor]
) -> Snapshot:
    return Snapshot(
        id_,
        epoch,
        predicted=tested.predicted[index].numpy().tobytes(),
        confidence=(tested.confidence[index] * 255).round().byte().numpy().tobytes(),
        weights={name: value.cpu() for name, value in weights.items()},
    )


def _watch(
    runs: list[_Run],
    phase: Phase,
    epoch: int,
    bench: Workbench,
    trained: list[Scores] | None = None,
    before: float = 0.0,
) -> PhaseWatch:
    ids = [run.id for run in runs]
    return PhaseWatch(ids, phase, epoch, bench.emit, bench.control, trained=trained, before=before)


def _evaluate(networks: Stack, samples: Samples, watch: PhaseWatch, bench: Workbench) -> Evaluation:
    return evaluate(networks, samples, batch_size=bench.able.evaluation_batch, watch=watch.step)


def _finish(run: _Run, status: RunStatus, features_seconds: float, bench: Workbench) -> RunFinished:
    """Save the weights of the last finished epoch and say what the run came to."""
    weights = ""
    if run.last is not None:
        # Steps after the last evaluation would make other weights than those it measured.
        trained_part(run.model).load_state_dict(run.weights)
        weights = _save(run, bench)
    confusion = tuple(tuple(row) for row in run.confusion)
    return RunFinished(
        run=run.id,
        size=model_size(run.id.model, run.model),
        status=status,
        seconds=run.seconds,
        features_seconds=features_seconds,
        test_accuracy=run.last.test_accuracy if run.last else None,
        test_loss=run.last.test_loss if run.last else None,
        confusion=confusion,
        macro_f1=macro_f1(confusion) if confusion else None,
        peak_memory_bytes=peak_memory(bench.device),
        weights=weights,
    )


def _save(run: _Run, bench: Workbench) -> str:
    if not bench.settings.save_weights:
        return ""
    path = bench.folder / f"{run.id}.pt"
    try:
        save_weights(path, run.model.state_dict())
    except OSError as error:
        bench.emit(Notice("error", f"{path}: weights not saved: {error.strerror or error}"))
        return ""
    return path.name
