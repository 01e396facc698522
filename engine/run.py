"""Runs of one model, side by side: each with its own seed, its own order of images, its own curve.

What they share is the computation; one run alone is a group of one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice

import torch

from engine.assets import AssetError
from engine.control import SkipRequested, StopRequested
from engine.cuda_graph import COMPARED_STEPS, recorded_step
from engine.data import RunSeed, Samples
from engine.device import (
    free_cache,
    is_out_of_memory,
    peak_memory,
    start_peak_memory,
    use_threads,
)
from engine.events import RunFailed, RunFinished, RunId, RunStarted, RunStatus
from engine.load import energy_meter
from engine.measuring import TrainedEpoch, measure
from engine.models import (
    MODELS,
    MobileNetV2,
    WeightsError,
    load_imagenet_weights,
    model_size,
    trained_part,
)
from engine.optimizers import Optimizer, make_optimizer
from engine.progress import Diverged, PhaseWatch
from engine.recipes import Recipe
from engine.results import ResultsError
from engine.run_under_way import RunUnderWay, add_training, fail, go_on, keep, save
from engine.schedules import learning_rate
from engine.stack import Stack
from engine.statistics import macro_f1
from engine.training import Step, soft_targets, train_one_epoch, train_step
from engine.workbench import Splits, Workbench, feature_splits, image_splits

log = logging.getLogger("mnist_tui")


def train_runs(ids: Sequence[RunId], bench: Workbench) -> RunStatus:
    """Train runs of one model to the end, or until ``bench.control`` says otherwise.

    Emits RunStarted, Progress and EpochFinished of each, then RunFinished or RunFailed; saves the
    weights of the last finished epoch, however a run ends.

    Returns:
        How they ended: those that did not fail, if there are any.

    Raises:
        ResultsError: the checkpoint to go on from does not fit; nothing is written over it.
    """
    _tell_start(ids, bench)
    runs: list[RunUnderWay] = []
    status: RunStatus = "finished"
    features_seconds = 0.0
    reason = ""
    try:
        if ids[0].model in bench.unusable:
            raise bench.unusable[ids[0].model]
        runs += [_build(id_, bench) for id_ in ids]
        splits, features_seconds = _load_splits(runs, bench)
        _train(runs, splits, bench)
    except StopRequested:
        status = "stopped"
    except SkipRequested:
        status = "skipped"
    except ResultsError:
        raise
    except Exception as error:  # one run's end must not be the others'
        status, reason = "failed", _reason(error, ids, bench)
    bench.control.plan.end_group(ids[0])
    if status == "failed":
        free_cache(bench.device)  # not before: the error held on to what was being computed
        for id_ in ids[len(runs) :]:  # that could not be built
            bench.emit(RunFailed(id_, reason))
        for run in _going(runs):
            bench.emit(RunFailed(run.id, reason, save(run, bench)))
        return status
    for run in _going(runs):
        bench.emit(_end(run, status, features_seconds, bench))
        features_seconds = 0.0
    return status


def _tell_start(ids: Sequence[RunId], bench: Workbench) -> None:
    settings, spec = bench.settings, MODELS[ids[0].model]
    threads = use_threads(
        min(settings.threads, bench.cores or settings.threads),
        len(ids) if spec.trains_little else 0,
        bench.cores,
    )
    start_peak_memory(bench.device)
    precision = "bf16" if _uses_bf16(ids[0], bench) else "fp32"
    for id_ in ids:
        epochs = bench.control.plan.epochs_of(id_)
        seed = settings.seed_of(id_.repeat)
        bench.emit(RunStarted(id_, seed, epochs, threads, precision, bench.place))


def _reason(error: Exception, ids: Sequence[RunId], bench: Workbench) -> str:
    """Log what went wrong; return it as a line that is not too long."""
    names = ", ".join(map(str, ids))
    if isinstance(error, AssetError | WeightsError):
        bench.unusable[ids[0].model] = error
        log.error("%s failed: %s", names, error)
        return str(error)
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if len(text) <= 300 else f"{text[:299]}…"
    log.exception("%s failed: %s", names, text)
    return text


def _build(id_: RunId, bench: Workbench) -> RunUnderWay:
    seed = bench.settings.seed_of(id_.repeat)
    torch.manual_seed(seed)
    model = MODELS[id_.model].build().to(bench.device).to(memory_format=bench.able.memory_format)
    if isinstance(model, MobileNetV2):
        load_imagenet_weights(model, bench.settings.mobilenetv2_weights)
    return RunUnderWay(id_, seed, model)


def _load_splits(runs: Sequence[RunUnderWay], bench: Workbench) -> tuple[Splits, float]:
    """What the runs train and test on, and the seconds it took to compute it."""
    model, name = runs[0].model, runs[0].id.model
    if isinstance(model, MobileNetV2):
        splits, seconds = feature_splits([run.id for run in runs], model, bench)
        bench.control.check_epoch()  # as good a place to stop as the end of an epoch
        return splits, seconds
    pixels = bench.settings.recipe(name).shift
    return image_splits(bench.mnist, MODELS[name].prepare, pixels), 0.0


def _going(runs: Sequence[RunUnderWay]) -> list[RunUnderWay]:
    return [run for run in runs if not run.failed]


def _train(runs: Sequence[RunUnderWay], splits: Splits, bench: Workbench) -> None:
    """Train and evaluate epoch by epoch, keeping the runs up to date."""
    while left := _going(runs):
        if _train_together(left, splits, bench):
            break


def _train_together(runs: Sequence[RunUnderWay], splits: Splits, bench: Workbench) -> bool:
    """Train until all runs are at their end, or some have failed; return whether all are.

    ``bench.checkpoint`` is then where the others can go on.
    """
    settings = bench.settings
    recipe = settings.recipe(runs[0].id.model)
    networks = _stack(runs, bench)
    optimizer = make_optimizer(recipe, networks.parameters.values(), bench.able)
    seeds = [RunSeed(run.seed, bench.device) for run in runs]
    step = _step(networks, optimizer, splits.train, recipe, bench)
    done = go_on(runs, networks, optimizer, seeds, bench.checkpoint)
    for epoch in count(done + 1):
        if _in_vain(runs, settings.patience):
            return True
        epochs = bench.control.plan.begin_epoch(runs[0].id, epoch)
        if not epochs:
            return True
        if epoch > done + 1:
            bench.control.check_epoch()
        trained = _train_epoch(
            runs, networks, splits.train, optimizer, seeds, step, epoch, epochs, bench
        )
        if trained is not None:
            measure(runs, networks, splits, trained, bench)
        checkpoint = keep(runs, networks, optimizer, seeds, bench)
        if len(_going(runs)) < len(runs):
            bench.checkpoint = checkpoint
            return False
    raise AssertionError("count() does not end")


def _train_epoch(
    runs: Sequence[RunUnderWay],
    networks: Stack,
    samples: Samples,
    optimizer: Optimizer,
    seeds: Sequence[RunSeed],
    step: Step,
    epoch: int,
    epochs: int,
    bench: Workbench,
) -> TrainedEpoch | None:
    """Train for one epoch; runs whose loss is no longer a finite number have failed then.

    Returns:
        None if that is all of them.
    """
    settings, recipe = bench.settings, bench.settings.recipe(runs[0].id.model)
    steps = -(-len(samples) // settings.batch_size)
    rate = partial(_rate, recipe=recipe, before=(epoch - 1) * steps, total=epochs * steps)
    clean = recipe.shift and epoch > epochs - recipe.clean_epochs
    watch = PhaseWatch([run.id for run in runs], "train", epoch, bench.emit, bench.control)
    scores = None
    joules = energy_meter(str(bench.device))
    try:
        scores = train_one_epoch(
            networks,
            replace(samples, augment=None) if clean else samples,
            optimizer,
            batch_size=settings.batch_size,
            seeds=seeds,
            learning_rate=rate,
            label_smoothing=recipe.label_smoothing,
            watch=watch.step,
            step=step,
        )
    except Diverged:
        pass
    except Exception as error:
        if is_out_of_memory(error):
            what = f"{len(runs)} side by side, batches of {settings.batch_size}"
            raise RuntimeError(f"out of memory on {bench.device} ({what}): {error}") from error
        raise
    finally:  # the steps of an epoch that was stopped took their time, too
        seconds = watch.seconds
        add_training(runs, seconds, joules())
    for run in runs:
        if run.id in watch.diverged:
            fail(run, watch.diverged[run.id], bench)
    if scores is None:
        return None
    return TrainedEpoch(epoch, scores, seconds, len(samples), rate(steps - 1))


def _in_vain(runs: Sequence[RunUnderWay], patience: int) -> bool:
    """Whether patience is at its end; 0 is patience without one."""
    return patience > 0 and all(run.epochs_in_vain >= patience for run in runs)


def _rate(step: int, *, recipe: Recipe, before: int, total: int) -> float:
    return learning_rate(recipe.schedule, recipe.learning_rate, before + step, total)


def _uses_bf16(id_: RunId, bench: Workbench) -> bool:
    precision = bench.settings.recipe(id_.model).precision
    gains = MODELS[id_.model].gains_from_bf16 and bench.able.fast_bf16
    return precision == "bf16" or (precision == "auto" and gains)


def _stack(runs: Sequence[RunUnderWay], bench: Workbench) -> Stack:
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


def _end(
    run: RunUnderWay, status: RunStatus, features_seconds: float, bench: Workbench
) -> RunFinished:
    """Save the weights of the last finished epoch and say what the run came to."""
    weights = save(run, bench)
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
        misclassified=run.misclassified,
        calibration_error=run.calibration_error,
        energy_joules=run.joules,
    )
