"""The curves of an experiment as the charts take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Literal

from engine.events import RunId
from engine.records import ExperimentRecord, RunRecord
from tui.chart_line import ChartLine
from tui.chart_options import smoothed
from tui.curve import Bucket

Measure = Literal["loss", "accuracy"]


def chart_lines(
    record: ExperimentRecord,
    train: Mapping[RunId, tuple[Bucket, ...]],
    measure: Measure,
    smoothing: float = 0.0,
    *,
    seconds: bool = False,
) -> list[ChartLine]:
    """A train and a test line per run that has begun, earlier runs first.

    Args:
        record: gives the test points, one at the end of each epoch.
        train: the train points within the epochs, of runs that have any.
        measure: which of the two.
        smoothing: of train lines; they then get a raw line each as well.
        seconds: whether x is the run's own seconds of training instead of epochs.
    """
    lines = []
    for run in record.runs.values():
        model, repeat = run.id.model, run.id.repeat
        points = train.get(run.id, ())
        if points and smoothing:
            lines.append(ChartLine(model, repeat, "raw", points))
            points = smoothed(points, smoothing)
        if points:
            lines.append(ChartLine(model, repeat, "train", points))
        if run.epochs:
            lines.append(ChartLine(model, repeat, "test", test_points(run, measure)))
    if not seconds:
        return lines
    return [
        replace(line, points=in_seconds(line.points, record.runs[RunId(line.model, line.repeat)]))
        for line in lines
    ]


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
