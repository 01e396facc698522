"""Statistics over repeats and over a confusion matrix."""

from __future__ import annotations

import math
import random

import pytest
from engine_support import f1_by_hand
from scipy import stats

from engine.statistics import (
    ClassScores,
    Statistics,
    class_scores,
    describe,
    macro_f1,
    most_confused,
)

CASES = [
    [0.9744, 0.9751, 0.9739, 0.9760, 0.9748],
    [1.0, 2.0],
    [random.Random(7).gauss(0.97, 0.01) for _ in range(40)],
]


@pytest.mark.parametrize("values", CASES)
def test_describe_equals_scipy(values: list[float]) -> None:
    found = describe(values)
    low, high = stats.t.interval(
        0.95, df=len(values) - 1, loc=stats.tmean(values), scale=stats.sem(values)
    )
    assert found.count == len(values)
    assert found.mean == pytest.approx(stats.tmean(values))
    assert found.std == pytest.approx(stats.tstd(values), abs=1e-15)
    assert found.ci95 == pytest.approx((high - low) / 2)
    assert (found.min, found.max) == (min(values), max(values))


def test_describe_gives_the_textbook_interval() -> None:
    # Of 1…5: s = √2.5, t(4, 97.5 %) = 2.776.
    found = describe([1, 2, 3, 4, 5])
    assert (found.mean, found.min, found.max) == (3.0, 1, 5)
    assert found.std == pytest.approx(math.sqrt(2.5))
    assert found.ci95 == pytest.approx(2.776 * math.sqrt(2.5) / math.sqrt(5), abs=2e-3)


def test_equal_values_have_no_spread() -> None:
    found = describe([0.5, 0.5, 0.5])
    assert (found.std, found.ci95) == (0.0, 0.0)


def test_one_value_has_no_spread_to_tell() -> None:
    assert describe([0.97]) == Statistics(1, 0.97, None, None, 0.97, 0.97)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        describe([])


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_value_that_is_not_finite_makes_the_statistics_so(odd: float) -> None:
    found = describe([0.5, odd])
    assert not math.isfinite(found.mean)
    assert found.std is not None
    assert math.isnan(found.std)
    assert found.ci95 is not None
    assert math.isnan(found.ci95)


def test_macro_f1_of_a_perfect_matrix_is_one() -> None:
    assert macro_f1([[5, 0], [0, 7]]) == 1.0


def test_macro_f1_equals_a_value_worked_out_on_paper() -> None:
    # Class 0: precision 4/6, recall 4/5, F1 8/11. Class 1: precision 3/4, recall 3/5, F1 2/3.
    assert macro_f1([[4, 1], [2, 3]]) == pytest.approx((8 / 11 + 2 / 3) / 2)


def test_macro_f1_equals_precision_and_recall_class_by_class() -> None:
    draw = random.Random(3)
    true = [draw.randrange(10) for _ in range(300)]
    predicted = [digit if draw.random() < 0.7 else draw.randrange(10) for digit in true]
    confusion = [[0] * 10 for _ in range(10)]
    for row, column in zip(true, predicted, strict=True):
        confusion[row][column] += 1
    assert macro_f1(confusion) == pytest.approx(f1_by_hand(true, predicted, 10))


def test_macro_f1_counts_an_absent_class_as_zero() -> None:
    assert macro_f1([[3, 0, 0], [0, 3, 0], [0, 0, 0]]) == pytest.approx(2 / 3)


def test_scores_of_a_class_are_those_worked_out_on_paper() -> None:
    first, second = class_scores([[4, 1], [2, 3]])
    assert (first.precision, first.recall, first.support) == (4 / 6, 4 / 5, 5)
    assert (second.precision, second.recall, second.support) == (3 / 4, 3 / 5, 5)
    assert first.f1 == pytest.approx(2 / (6 / 4 + 5 / 4))


def test_scores_with_nothing_to_be_a_fraction_of_are_zero() -> None:
    _, never_predicted, absent = class_scores([[3, 0, 1], [2, 0, 0], [0, 0, 0]])
    assert never_predicted == ClassScores(0.0, 0.0, 0.0, 2)
    assert absent == ClassScores(0.0, 0.0, 0.0, 0)


def test_most_confused_are_the_most_frequent_mistakes_first() -> None:
    confusion = [[9, 1, 3], [0, 9, 3], [7, 0, 9]]
    assert most_confused(confusion) == [(2, 0, 7), (0, 2, 3), (1, 2, 3), (0, 1, 1)]
    assert most_confused(confusion, 2) == [(2, 0, 7), (0, 2, 3)]
    assert most_confused([[5, 0], [0, 7]]) == []
