"""Whether two trainings, or two networks, differ by more than chance. Nothing here imports torch.

Welch's t-test looks at the accuracies of the repeats: would another training come out the same?
McNemar's exact test looks at the test images that one of two networks alone misreads: do these two
networks differ? Both are SciPy's.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

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
    adjusted: float | None = None
    """``p``, adjusted for how many comparisons are made together."""


@dataclass(frozen=True)
class Discordance:
    """The test images that one of two networks misreads and the other reads rightly."""

    baseline: RunRecord
    other: RunRecord
    baseline_alone: int
    """Images that the baseline alone misreads."""
    other_alone: int
    """Images that the other alone misreads."""
    images: int
    """Test images."""
    p: float
    """Of McNemar's exact two-sided test."""
    adjusted: float
    """``p``, adjusted for how many comparisons are made together."""


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


def compared(pairs: Sequence[tuple[Contender, Contender]]) -> list[Comparison]:
    """Each baseline and other by the test accuracies and predictions of their finished runs.

    The p-values of each of the two tests are adjusted for all of them together.
    """
    found = [_compared(*pair) for pair in pairs]
    t_tests = iter(holm([d.p for one in found if (d := one.difference) and d.p is not None]))
    mcnemars = iter(holm([m.p for one in found if (m := one.discordance)]))
    adjusted = []
    for one in found:
        difference, discordance = one.difference, one.discordance
        if difference is not None and difference.p is not None:
            difference = replace(difference, adjusted=next(t_tests))
        if discordance is not None:
            discordance = replace(discordance, adjusted=next(mcnemars))
        adjusted.append(replace(one, difference=difference, discordance=discordance))
    return adjusted


def _compared(baseline: Contender, other: Contender) -> Comparison:
    if not (baseline.runs and other.runs):
        return Comparison(baseline, other, None, None, "a side has no finished run")
    difference = welch(other.accuracies, baseline.accuracies)
    first, second = median_run(baseline.runs), median_run(other.runs)
    found = _discordance(first, second)
    if isinstance(found, str):
        return Comparison(baseline, other, difference, None, found)
    return Comparison(baseline, other, difference, found)


def _discordance(baseline: RunRecord, other: RunRecord) -> Discordance | str:
    """How two networks differ in what they misread, or why that is not known, in words."""
    wrong, others_wrong = _misread(baseline), _misread(other)
    if wrong is None or others_wrong is None:
        return "a summary does not say which test images were misread, as those of old versions"
    tested, others_tested = _digits_tested(baseline), _digits_tested(other)
    images = sum(tested)
    if tested != others_tested:
        return f"the test images differ: {images:,} of the one, {sum(others_tested):,} of the other"
    alone, other_alone = len(wrong - others_wrong), len(others_wrong - wrong)
    p = mcnemar(alone, other_alone)
    return Discordance(baseline, other, alone, other_alone, images, p, p)


def welch(values: Sequence[float], baseline: Sequence[float]) -> Difference:
    """The difference of two means, without the assumption that both vary alike (Welch 1947)."""
    mean = statistics.fmean(values) - statistics.fmean(baseline)
    varies = len(set(values)) > 1 or len(set(baseline)) > 1
    if min(len(values), len(baseline)) < 2 or not varies:
        return Difference(mean, None, None)
    from scipy.stats import ttest_ind  # late: it takes half a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a side whose repeats are all alike
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


def _misread(run: RunRecord) -> set[int] | None:
    known = run.finished.misclassified if run.finished else None
    return None if known is None else set(known)


def _digits_tested(run: RunRecord) -> list[int]:
    """How many test images there were of each digit: other images hardly have the same numbers."""
    return [sum(row) for row in run.finished.confusion] if run.finished else []
