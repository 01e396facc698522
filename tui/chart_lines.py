"""The curves of an experiment as the charts take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from statistics import fmean
from typing import Literal

from engine.events import RunId
from engine.records import ExperimentRecord, RunRecord
from tui.chart_line import ChartLine, Kind
from tui.chart_options import ChartOptions, smoothed
from tui.curve import Bucket

Measure = Literal["loss", "accuracy"]
USUAL = ChartOptions()
BACK_TO_FRONT: tuple[Kind, ...] = ("band", "past", "raw", "train", "test")


def chart_lines(
    record: ExperimentRecord,
    train: Mapping[RunId, tuple[Bucket, ...]],
    measure: Measure,
    options: ChartOptions = USUAL,
) -> list[ChartLine]:
    """The lines of every model with a run that has begun, those that lie behind others first.

    Args:
        record: gives the test points, one at the end of each epoch.
        train: the train points within the epochs, of runs that have any.
        measure: which of the two.
        options: how their user wants to see them.
    """
    models = [
        _model_lines(
            [run for run in record.runs.values() if run.id.model == model], train, measure, options
        )
        for model in record.model_names
    ]
    return sorted(chain(*models), key=lambda line: BACK_TO_FRONT.index(line.kind))


def _model_lines(
    runs: Sequence[RunRecord],
    train: Mapping[RunId, tuple[Bucket, ...]],
    measure: Measure,
    options: ChartOptions,
) -> list[ChartLine]:
    """Train lines of the newest run alone: many trainings at once are mud."""
    begun = [run for run in runs if run.epochs or train.get(run.id)]
    if not begun:
        return []
    tested = [run for run in begun if run.epochs]
    if options.seconds:
        train = {run.id: in_seconds(train.get(run.id, ()), run) for run in begun}
    tests = {run.id: test_points(run, measure) for run in tested}
    if options.seconds:
        tests = {run.id: in_seconds(tests[run.id], run) for run in tested}
    newest = begun[-1].id
    if options.band and not options.seconds and len(tested) > 1:
        lines = _band(tested, list(tests.values()))
    else:
        lines = [_line(run.id, "past", tests[run.id]) for run in tested[:-1]]
        lines += [_line(run.id, "test", tests[run.id]) for run in tested[-1:]]
    return [*lines, *_train_lines(newest, train.get(newest, ()), options.smoothing)]


def _line(run: RunId, kind: Kind, points: tuple[Bucket, ...]) -> ChartLine:
    return ChartLine(run.model, run.repeat, kind, points)


def _train_lines(run: RunId, points: tuple[Bucket, ...], smoothing: float) -> list[ChartLine]:
    if not points:
        return []
    if not smoothing:
        return [_line(run, "train", points)]
    return [_line(run, "raw", points), _line(run, "train", smoothed(points, smoothing))]


def _band(tested: Sequence[RunRecord], tests: Sequence[tuple[Bucket, ...]]) -> list[ChartLine]:
    """The mean of all runs that came to an epoch, and between which values they lie.

    A run that is not as far as another gets a line of its own: the mean does not show where it is.
    """
    longest = max(len(points) for points in tests)
    epochs = [[p[epoch] for p in tests if epoch < len(p)] for epoch in range(longest)]
    means = [(at[0].x, fmean(point.mean for point in at)) for at in epochs]
    spans = tuple(
        Bucket(x, min(p.mean for p in at), max(p.mean for p in at), mean)
        for at, (x, mean) in zip(epochs, means, strict=True)
    )
    newest = tested[-1].id
    lines = [
        _line(newest, "band", spans),
        _line(newest, "test", tuple(Bucket(x, mean, mean, mean) for x, mean in means)),
    ]
    if len(tests[-1]) < longest:
        lines.insert(1, _line(newest, "past", tests[-1]))
    return lines


def in_seconds(points: Sequence[Bucket], run: RunRecord) -> tuple[Bucket, ...]:
    """Points over seconds of training instead of epochs.

    Those of the epoch under way are left out: how long it takes is known at its end.
    """
    ends = [0.0, *accumulate(epoch.seconds for epoch in run.epochs)]
    moved = []
    for point in points:
        epoch = min(int(point.x), len(ends) - 2)
        if epoch >= 0 and point.x <= len(ends) - 1:
            share = point.x - epoch
            moved.append(point._replace(x=ends[epoch] + share * (ends[epoch + 1] - ends[epoch])))
    return tuple(moved)


def test_points(run: RunRecord, measure: Measure) -> tuple[Bucket, ...]:
    """A point per finished epoch."""
    values = [
        (epoch.epoch, epoch.test_loss if measure == "loss" else epoch.test_accuracy)
        for epoch in run.epochs
    ]
    return tuple(Bucket(x, y, y, y) for x, y in values)
