"""The curves of an experiment as the charts take them."""

from __future__ import annotations

from collections.abc import Mapping
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
) -> list[ChartLine]:
    """A train and a test line per run that has begun, earlier runs first.

    Args:
        record: gives the test points, one at the end of each epoch.
        train: the train points within the epochs, of runs that have any.
        measure: which of the two.
        smoothing: of train lines; they then get a raw line each as well.
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
    return lines


def test_points(run: RunRecord, measure: Measure) -> tuple[Bucket, ...]:
    """A point per finished epoch."""
    values = [
        (epoch.epoch, epoch.test_loss if measure == "loss" else epoch.test_accuracy)
        for epoch in run.epochs
    ]
    return tuple(Bucket(x, y, y, y) for x, y in values)
