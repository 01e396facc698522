"""Whether two trainings, or two networks, differ by more than chance. Nothing here imports torch.

Welch's t-test looks at the accuracies of the repeats: would another training come out the same?
McNemar's exact test looks at the test images that one of two networks alone misreads: do these two
networks differ? Both are SciPy's.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.contenders import Contender
from engine.records import RunRecord

LEVEL = 0.05
"""Of significance; the intervals are of 95 %."""


@dataclass(frozen=True)
class Difference:
    """How much higher the mean test accuracy of one model is than that of its baseline."""

    mean: float
    """A fraction."""
    interval: tuple[float, float] | None
    """95 % confidence interval of the mean difference (Welch); None for fewer than two repeats on
    a side, or where no repeat differs from another."""
    p: float | None
    """Of Welch's two-sided t-test; None as the interval."""


@dataclass(frozen=True)
class Discordance:
    """The test images that one of two networks misreads and the other reads rightly."""

    baseline_run: RunRecord
    run: RunRecord
    baseline_alone: int
    """Images that the baseline alone misreads."""
    alone: int
    """Images that the other alone misreads."""
    images: int
    """Test images."""
    p: float
    """Of McNemar's exact two-sided test."""


@dataclass(frozen=True)
class Comparison:
    """A model against its baseline."""

    baseline: Contender
    other: Contender
    difference: Difference | None
    """None where a side has no finished run."""
    discordance: Discordance | None
    reason: str = ""
    """Why there is no discordance, in words."""


def compared(baseline: Contender, other: Contender) -> Comparison:
    """A model against its baseline, by the test accuracies and predictions of finished runs."""
    if not (baseline.runs and other.runs):
        return Comparison(baseline, other, None, None, "a side has no finished run")
    difference = welch(other.accuracies, baseline.accuracies)
    first, second = median_run(baseline.runs), median_run(other.runs)
    reason = _not_comparable(first, second)
    if reason:
        return Comparison(baseline, other, difference, None, reason)
    first_wrong, second_wrong = _misread(first) or (), _misread(second) or ()
    discordance = Discordance(
        first,
        second,
        baseline_alone := len(set(first_wrong) - set(second_wrong)),
        alone := len(set(second_wrong) - set(first_wrong)),
        sum(_digits_tested(first)),
        mcnemar(baseline_alone, alone),
    )
    return Comparison(baseline, other, difference, discordance)


def welch(values: Sequence[float], baseline: Sequence[float]) -> Difference:
    """The difference of two means, without the assumption that both vary alike (Welch 1947)."""
    mean = statistics.fmean(values) - statistics.fmean(baseline)
    varies = len(set(values)) > 1 or len(set(baseline)) > 1
    if min(len(values), len(baseline)) < 2 or not varies:
        return Difference(mean, None, None)
    from scipy.stats import ttest_ind  # late: it takes half a second

    test = ttest_ind(values, baseline, equal_var=False)
    low, high = test.confidence_interval(1 - LEVEL)
    return Difference(mean, (float(low), float(high)), float(test.pvalue))


def mcnemar(first_alone: int, second_alone: int) -> float:
    """The two-sided p-value of McNemar's exact test (McNemar 1947): were the images that one of
    two networks alone misreads as likely the one's as the other's?
    """
    if first_alone + second_alone == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(first_alone, first_alone + second_alone).pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values adjusted for being several (Holm 1979), in the order given."""
    adjusted = list(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def median_run(runs: Collection[RunRecord]) -> RunRecord:
    """The run of median test accuracy, of an even number the lower of the two in the middle.

    Not the best: that would be chosen by the very images that it is then judged on.
    """
    return sorted(runs, key=lambda run: run.epochs[-1].test_accuracy)[(len(runs) - 1) // 2]


def _not_comparable(first: RunRecord, second: RunRecord) -> str:
    """Why the predictions of two networks cannot be compared; empty if they can."""
    if _misread(first) is None or _misread(second) is None:
        return "a summary does not say which test images were misread, as those of old versions"
    tested, other = _digits_tested(first), _digits_tested(second)
    if tested != other:
        return f"the test images differ: {sum(tested):,} of one, {sum(other):,} of the other"
    return ""


def _misread(run: RunRecord) -> tuple[int, ...] | None:
    return run.finished.misclassified if run.finished else None


def _digits_tested(run: RunRecord) -> list[int]:
    """How many test images there were of each digit: other images hardly have the same numbers."""
    return [sum(row) for row in run.finished.confusion] if run.finished else []
