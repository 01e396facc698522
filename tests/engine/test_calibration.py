"""The expected calibration error, against its formula worked out answer by answer."""

from __future__ import annotations

import random

import pytest
import torch

from engine.calibration import calibration_error


def by_hand(answers: list[tuple[float, bool]], bins: int = 15) -> float:
    """Guo et al. 2017, equation 3: a bin holds what is above its lower edge, up to its upper."""
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [(sure, right) for sure, right in answers if low < sure <= high]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(sure for sure, _ in inside) / len(inside)
            error += len(inside) / len(answers) * abs(accuracy - confidence)
    return error


def of(answers: list[tuple[float, bool]]) -> float:
    sure, right = zip(*answers, strict=True)
    return calibration_error(torch.tensor(sure), torch.tensor(right))


def test_equals_the_formula() -> None:
    draw = random.Random(5)
    answers = [(sure := draw.uniform(0.1, 1), draw.random() < sure**2) for _ in range(2000)]
    assert of(answers) == pytest.approx(by_hand(answers), abs=1e-6)
    assert of(answers) > 0.05


def test_of_who_is_always_sure_is_the_fraction_of_mistakes() -> None:
    assert of([(1.0, True)] * 9 + [(1.0, False)]) == pytest.approx(0.1)


def test_gaps_of_a_bin_make_up_for_each_other_and_those_of_bins_do_not() -> None:
    assert of([(0.7, True), (0.7, True), (0.7, False)]) == pytest.approx(0.7 - 2 / 3)
    assert of([(0.5, True), (0.9, False)]) == pytest.approx((0.5 + 0.9) / 2)
