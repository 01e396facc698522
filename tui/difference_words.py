"""Whether two models differ by more than chance, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.compare import LEVEL, Comparison, Difference, Discordance
from engine.events import RunId

FEW = 5
"""Repeats below which a difference is easily missed."""

WHAT_THEY_ASK = (
    "The t-test asks whether trainings like these differ in their mean accuracy, McNemar's test "
    "whether two networks do on these test images."
)


def difference_words(comparison: Comparison, baseline: str, other: str) -> Iterator[str]:
    """A line on the accuracies of the repeats, and one on the two networks.

    Args:
        comparison: what was found.
        baseline: what the baseline is called.
        other: what is compared with it.
    """
    repeats = len(comparison.baseline.runs), len(comparison.other.runs)
    if comparison.difference is None:
        without = baseline if repeats[0] == 0 else other
        yield f"{other} against {baseline}: {without} has no finished run"
        return
    if _are_alike(comparison):
        yield f"{other} against {baseline}: run by run the same; it may be the same training twice"
        return
    shown = _difference(comparison.difference, min(repeats))
    yield f"{other} against {baseline}: test accuracy {shown}"
    if comparison.discordance is None:
        yield f"no McNemar test: {comparison.reason}"
    else:
        yield _discordance(comparison.discordance, baseline, other, min(repeats))


def _are_alike(comparison: Comparison) -> bool:
    """Whether all accuracies are the same, and the misread images, as far as they are known."""
    baseline, other = comparison.baseline, comparison.other
    found = comparison.discordance
    differs = found is not None and (found.baseline_alone or found.other_alone)
    return baseline.accuracies == other.accuracies and not differs


def adjustment_words(comparisons: Sequence[Comparison]) -> str:
    """For how many tests the p-values were adjusted; nothing where no test was made twice."""
    t_tests = sum(
        one.difference is not None and one.difference.p is not None for one in comparisons
    )
    mcnemars = sum(one.discordance is not None for one in comparisons)
    made = ((t_tests, "t-tests"), (mcnemars, "McNemar tests"))
    counts = [f"for {number} {name}" for number, name in made if number > 1]
    if not counts:
        return ""
    alone = "; each interval stands alone" if t_tests > 1 else ""
    return f"The p-values are adjusted {' and '.join(counts)} (Holm){alone}."


def verdict(p: float) -> str:
    """What a p-value says at the usual level."""
    return f"{'' if p < LEVEL else 'not '}significant at {LEVEL * 100:g} %"


def p_value(p: float) -> str:
    """A p-value in two figures: "p = 0.031"."""
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


def _difference(found: Difference, repeats: int) -> str:
    words = f"{_points(found.mean)} points"
    if found.interval is None or found.p is None or found.adjusted is None:
        if repeats == 1:
            return f"{words}; 1 repeat: no interval and no t-test; run more repeats"
        return f"{words}; all repeats of a side are alike: no interval and no t-test"
    low, high = found.interval
    more = (
        "" if found.adjusted < LEVEL or repeats >= FEW else "; more repeats may show a difference"
    )
    return (
        f"{words}, 95 % interval {_points(low)} to {_points(high)}; "
        f"Welch's t-test {p_value(found.adjusted)}: {verdict(found.adjusted)}{more}"
    )


def _discordance(found: Discordance, baseline: str, other: str, repeats: int) -> str:
    runs = f"{_run(found.other.id, other)} and {_run(found.baseline.id, baseline)}"
    # A run that is the only one, or was named, was not chosen by its accuracy.
    which = f"runs of median accuracy, {runs}," if repeats > 1 else f"runs {runs}"
    return (
        f"McNemar's exact test of the {which} on {found.images:,} test images: "
        f"{found.other_alone:,} are misread by {other} alone, "
        f"{found.baseline_alone:,} by {baseline} alone; "
        f"{p_value(found.adjusted)}: {verdict(found.adjusted)}"
    )


def _run(run: RunId, owner: str) -> str:
    """Whose run it is, where its name does not say so."""
    return str(run) if owner in (run.model, str(run)) else f"{run} of {owner}"


def _points(fraction: float) -> str:
    """A difference of accuracies in percentage points, with its sign."""
    text = f"{abs(fraction) * 100:.2f}"
    return f"{'−' if fraction < 0 and float(text) else '+'}{text}"
