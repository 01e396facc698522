"""The end of an epoch: the networks are evaluated, and what it came to is kept and told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.calibration import calibration_error
from engine.data import Samples
from engine.device import Capabilities
from engine.events import EpochFinished, EpochResult, Snapshot
from engine.progress import PhaseWatch
from engine.run_under_way import RunUnderWay, fail
from engine.stack import Stack
from engine.training import Evaluation, Scores, evaluate
from engine.workbench import Splits, Workbench


@dataclass(frozen=True)
class TrainedEpoch:
    """What training for an epoch came to, for runs side by side."""

    number: int
    scores: list[Scores]
    """Of each run, on what it trained on."""
    seconds: float
    """Of all together."""
    images: int
    """That each run was trained on."""
    last_rate: float
    """The learning rate of the last step."""


def measure(
    runs: Sequence[RunUnderWay],
    networks: Stack,
    splits: Splits,
    trained: TrainedEpoch,
    bench: Workbench,
) -> None:
    """Evaluate the networks; keep and emit what the epoch came to.

    A run whose test loss is not a finite number has failed, and its epoch does not count.
    """
    validation, seconds = None, 0.0
    if splits.validation is not None:
        validated, seconds = _evaluate(
            runs, "validation", networks, splits.validation, trained, 0.0, bench
        )
        validation = validated.scores
    tested, more = _evaluate(runs, "test", networks, splits.test, trained, seconds, bench)
    labels = splits.test.labels.cpu()
    for index, run in enumerate(runs):
        if run.failed:
            continue
        result = EpochResult(
            epoch=trained.number,
            train_loss=trained.scores[index].loss,
            train_accuracy=trained.scores[index].accuracy,
            test_loss=tested.scores[index].loss,
            test_accuracy=tested.scores[index].accuracy,
            validation_loss=validation[index].loss if validation else None,
            validation_accuracy=validation[index].accuracy if validation else None,
            learning_rate=trained.last_rate,
            seconds=trained.seconds / len(runs),
            images_per_second=trained.images * len(runs) / trained.seconds,
            evaluation_seconds=(seconds + more) / len(runs),
        )
        measured = {"validation": result.validation_loss, "test": result.test_loss}
        wrong = {name: loss for name, loss in measured.items() if not math.isfinite(loss or 0)}
        if wrong:
            told = " and ".join(f"{name} loss is {loss}" for name, loss in wrong.items())
            fail(run, f"{told} after epoch {trained.number}", bench)
            continue
        run.last = result
        run.confusion = tested.confusion[index].tolist()
        right = tested.predicted[index] == labels
        run.misclassified = tuple((~right).nonzero().flatten().tolist())
        run.calibration_error = calibration_error(tested.confidence[index], right)
        run.weights = networks.state(index)
        if validation and validation[index].loss < run.lowest_loss:
            run.lowest_loss, run.epochs_in_vain = validation[index].loss, 0
        else:
            run.epochs_in_vain += 1
        bench.emit(EpochFinished(run.id, result))
        bench.emit(_snapshot(run, trained.number, tested, index))


def _evaluate(
    runs: Sequence[RunUnderWay],
    phase: Literal["validation", "test"],
    networks: Stack,
    samples: Samples,
    trained: TrainedEpoch,
    before: float,
    bench: Workbench,
) -> tuple[Evaluation, float]:
    """What the networks make of the samples, and the seconds it took."""
    ids = [run.id for run in runs]

    def work(able: Capabilities) -> tuple[Evaluation, float]:
        watch = PhaseWatch(
            ids,
            phase,
            trained.number,
            bench.emit,
            bench.control,
            trained=trained.scores,
            before=trained.seconds + before,
        )
        found = evaluate(networks, samples, batch_size=able.evaluation_batch, watch=watch.step)
        return found, watch.seconds

    return bench.within_memory("evaluation_batch", work)


def _snapshot(run: RunUnderWay, epoch: int, tested: Evaluation, index: int) -> Snapshot:
    return Snapshot(
        run.id,
        epoch,
        predicted=tested.predicted[index].numpy().tobytes(),
        confidence=(tested.confidence[index] * 255).round().byte().numpy().tobytes(),
        weights={name: value.cpu() for name, value in run.weights.items()},
    )
