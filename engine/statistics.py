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


def macro_f1(confusion: Sequence[Sequence[int]]) -> float:
    """Return the unweighted mean of the classes' F1 scores.

    Args:
        confusion: square, rows are true classes, columns predicted ones. A class that neither
            occurs nor is predicted counts as 0.
    """
    scores = []
    for digit, row in enumerate(confusion):
        predicted = sum(other[digit] for other in confusion)
        together = sum(row) + predicted
        scores.append(2 * row[digit] / together if together else 0.0)
    return statistics.fmean(scores)
