"""Statistics over repeats and over a confusion matrix, on plain numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Statistics:
    """What a handful of repeats came to."""

    count: int
    mean: float
    std: float | None
    """Sample standard deviation (n−1); None for one value."""
    ci95: float | None
    """Half-width of the 95 % confidence interval of the mean (Student t); None for one value."""
    min: float
    max: float


def describe(values: Sequence[float]) -> Statistics:
    """Describe one or more values.

    A value that is not finite, as the loss of a training that went astray, makes the statistics so.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("no values to describe")
    count = len(values)
    mean = statistics.fmean(values)
    std = ci95 = None
    if count > 1:
        # Imported here: SciPy takes a moment, and one repeat needs no interval.
        from scipy.special import stdtrit

        finite = all(map(math.isfinite, values))
        std = statistics.stdev(values) if finite else math.nan  # stdev raises on them
        ci95 = float(stdtrit(count - 1, 0.975)) * std / math.sqrt(count)
    return Statistics(count, mean, std, ci95, min(values), max(values))


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told from the others, fractions 0–1. What has nothing to be a fraction
    of is 0: the recall of a class that does not occur, the precision of one never predicted.
    """

    precision: float
    """Of the samples taken for the class, those of the class."""
    recall: float
    """Of the samples of the class, those taken for it."""
    f1: float
    """Their harmonic mean."""
    support: int
    """Samples of the class."""


def class_scores(confusion: Sequence[Sequence[int]]) -> list[ClassScores]:
    """Return the scores of every class.

    Args:
        confusion: square, rows are true classes, columns predicted ones.
    """
    scores = []
    for digit, row in enumerate(confusion):
        hits, support = row[digit], sum(row)
        predicted = sum(other[digit] for other in confusion)
        precision = hits / predicted if predicted else 0.0
        recall = hits / support if support else 0.0
        f1 = 2 * hits / (support + predicted) if support + predicted else 0.0
        scores.append(ClassScores(precision, recall, f1, support))
    return scores


def macro_f1(confusion: Sequence[Sequence[int]]) -> float:
    """Return the unweighted mean of the classes' F1 scores, those of absent classes included; the
    argument is as for ``class_scores``.
    """
    return statistics.fmean(scores.f1 for scores in class_scores(confusion))


def most_confused(confusion: Sequence[Sequence[int]], most: int = 5) -> list[tuple[int, int, int]]:
    """Return the pairs of classes that are mistaken most often, as (true, predicted, count), the
    most frequent first, of equals those of the smaller classes; the argument is as above.
    """
    pairs = [
        (true, predicted, count)
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def added(matrices: Sequence[Sequence[Sequence[int]]]) -> list[list[int]]:
    """Return the sum of matrices of one size."""
    return [
        [sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)
    ]
