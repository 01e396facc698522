"""The curves of an experiment as the charts take them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from operator import attrgetter
from statistics import fmean
from typing import Literal

from engine.events import RunId
from engine.records import ExperimentRecord, RunRecord
from tui.chart_line import ChartLine, Kind
from tui.chart_options import ChartOptions, smoothed
from tui.curve import Bucket

Measure = Literal["loss", "accuracy"]
MEASURES: tuple[Measure, ...] = ("loss", "accuracy")
USUAL = ChartOptions()
BACK_TO_FRONT: tuple[Kind, ...] = ("band", "past", "raw", "train", "test")


MOST = 128
"""Test points of a line, as in the train curves. Beyond, neighbouring epochs become
one, with their extremes, so that a thousand epochs are drawn as quickly as ten."""


def reached(run: RunRecord, train: Mapping[RunId, tuple[Bucket, ...]]) -> float:
    """How far a run is, in epochs; 0.0 before the first step."""
    points = train.get(run.id)
    return max(float(len(run.epochs)), points[-1].x if points else 0.0)


def newest_epoch(record: ExperimentRecord, train: Mapping[RunId, tuple[Bucket, ...]]) -> float:
    """How far the run is that has come furthest."""
    return max((reached(run, train) for run in record.runs.values()), default=0.0)


def chart_lines(
    record: ExperimentRecord,
    train: Mapping[RunId, tuple[Bucket, ...]] | None,
    measure: Measure,
    options: ChartOptions = USUAL,
) -> list[ChartLine]:
    """The lines of every model with a run that has begun, those that lie behind others first.

    Args:
        record: gives the test points, one at the end of each epoch.
        train: the train points within the epochs, of runs that have any; epochs without have one
            point, their mean. None for no train lines.
        measure: which of the two.
        options: how their user wants to see them.
    """
    view = _View(record, train, measure, options)
    models = [view.lines_of(model) for model in record.model_names]
    return sorted(chain(*models), key=lambda line: BACK_TO_FRONT.index(line.kind))


class _View:
    """What all lines have in common."""

    def __init__(
        self,
        record: ExperimentRecord,
        train: Mapping[RunId, tuple[Bucket, ...]] | None,
        measure: Measure,
        options: ChartOptions,
    ) -> None:
        self._record, self._options = record, options
        self._train, self._tests_alone = train or {}, train is None
        self._value = attrgetter(f"test_{measure}")
        self._train_value = attrgetter(f"train_{measure}")
        self._first = options.first_epoch(newest_epoch(record, self._train))
        longest = max((len(run.epochs) for run in record.runs.values()), default=0)
        self._stride = 1
        while (longest - self._first) / self._stride > MOST:
            self._stride *= 2  # so that a bucket stays one while others follow

    def lines_of(self, model: str) -> list[ChartLine]:
        """Of a model's newest run also the training: many trainings at once are mud. While another
        has come further, that one's, faintly.
        """
        runs = self._record.runs_of(model)
        begun = [run for run in runs if run.epochs or self._train.get(run.id)]
        tested = [run for run in begun if run.epochs]
        if not begun:
            return []
        if self._options.band and not self._options.seconds and len(tested) > 1:
            lines = self._band(tested)
        else:
            lines = [_line(run.id, "past", self._tests(run)) for run in tested[:-1]]
            lines += [_line(run.id, "test", self._tests(run)) for run in tested[-1:]]
        return lines if self._tests_alone else [*lines, *self._trainings(begun)]

    def _trainings(self, begun: Sequence[RunRecord]) -> list[ChartLine]:
        newest = self._training(begun[-1])
        # In whole epochs: those side by side are never at quite the same point.
        whole = [int(reached(run, self._train)) for run in begun]
        if whole[-1] == max(whole):
            return newest
        furthest = self._training(begun[whole.index(max(whole))])[-1:]
        return [*(replace(line, kind="raw") for line in furthest), *newest]

    def _train_points(self, run: RunRecord) -> tuple[Bucket, ...]:
        """Within the epochs; of those that were trained before anybody looked, the means."""
        seen = self._train.get(run.id, ())
        unseen = run.epochs[: int(seen[0].x)] if seen else run.epochs
        xs = [epoch.epoch - 0.5 for epoch in unseen]
        return (*self._thinned(xs, [self._train_value(epoch) for epoch in unseen]), *seen)

    def _training(self, run: RunRecord) -> list[ChartLine]:
        points = self._train_points(run)
        if self._options.seconds:
            points = in_seconds(points, run)
        points = tuple(point for point in points if point.x >= self._first)
        if not points:
            return []
        if not self._options.smoothing:
            return [_line(run.id, "train", points)]
        smooth = smoothed(points, self._options.smoothing)
        return [_line(run.id, "raw", points), _line(run.id, "train", smooth)]

    def _tests(self, run: RunRecord) -> tuple[Bucket, ...]:
        """A point for each finished epoch, or for some together."""
        shown = run.epochs[max(0, self._first - 1) :]
        xs: Sequence[float] = [epoch.epoch for epoch in shown]
        if self._options.seconds:
            xs = list(accumulate(epoch.seconds for epoch in run.epochs))
        values: list[float] = [self._value(epoch) for epoch in shown]
        return self._thinned(xs, values)

    def _thinned(self, xs: Sequence[float], values: Sequence[float]) -> tuple[Bucket, ...]:
        return tuple(
            _bucket(xs[start : start + self._stride], values[start : start + self._stride])
            for start in range(0, len(values), self._stride)
        )

    def _band(self, tested: Sequence[RunRecord]) -> list[ChartLine]:
        """The mean of all runs that came to an epoch, and between which values they lie; without
        those that diverged there.

        The newest gets a line of its own while another is further: the mean does not show where it
        is.
        """
        tests = [self._tests(run) for run in tested]
        longest = max(tests, key=len)
        spans = []
        for place, point in enumerate(longest):
            at = [points[place] for points in tests if place < len(points)]
            sound = [p for p in at if math.isfinite(p.mean)] or at
            low, high = min(p.low for p in sound), max(p.high for p in sound)
            spans.append(Bucket(point.x, low, high, fmean(p.mean for p in sound)))
        newest = tested[-1].id
        behind = len(tested[-1].epochs) < max(len(run.epochs) for run in tested)
        return [
            _line(newest, "band", tuple(spans)),
            *([_line(newest, "past", tests[-1])] if behind else []),
            _line(newest, "test", tuple(Bucket(p.x, p.mean, p.mean, p.mean) for p in spans)),
        ]


def _line(run: RunId, kind: Kind, points: tuple[Bucket, ...]) -> ChartLine:
    return ChartLine(run.model, run.repeat, kind, points)


def _bucket(xs: Sequence[float], values: Sequence[float]) -> Bucket:
    mean = sum(values) / len(values)
    return Bucket(sum(xs) / len(xs), min(values), max(values), mean)


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
