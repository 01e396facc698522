"""A curve stays small, keeps its shape and never holds a number that cannot be drawn."""

from __future__ import annotations

import math

import pytest

from tui.curve import Curve


def filled(values: list[float], capacity: int = 128) -> Curve:
    curve = Curve(capacity)
    for x, y in enumerate(values):
        curve.append(x, y)
    return curve


def test_few_points_are_kept_as_they_are() -> None:
    points = filled([3.0, 1.0, 2.0]).points()
    assert [(p.x, p.low, p.high, p.mean) for p in points] == [
        (0, 3, 3, 3),
        (1, 1, 1, 1),
        (2, 2, 2, 2),
    ]


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 1_000, 100_003])
def test_never_more_buckets_than_the_capacity(count: int) -> None:
    curve = filled([1.0] * count)
    assert len(curve) == len(curve.points()) <= 128
    assert (len(curve) == 0) == (count == 0)


def test_spikes_survive_thinning() -> None:
    values = [1.0] * 50_000
    values[12_345], values[40_000] = 99.0, -7.0
    points = filled(values).points()
    assert max(p.high for p in points) == 99
    assert min(p.low for p in points) == -7


def test_thinning_keeps_the_mean_and_the_order() -> None:
    points = filled([float(x) for x in range(4096)]).points()
    xs = [p.x for p in points]
    assert xs == sorted(xs)
    assert [p.mean for p in points] == pytest.approx(xs)
    assert all(p.low <= p.mean <= p.high for p in points)


def test_the_newest_point_is_always_part_of_the_curve() -> None:
    curve = filled([0.0] * 1000)
    curve.append(1000, 5.0)
    assert curve.points()[-1].high == 5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_a_value_that_cannot_be_drawn_is_a_gap(bad: float) -> None:
    points = filled([1.0, bad, bad, 2.0]).points()
    assert [(p.mean, p.after_gap) for p in points] == [(1, False), (2, True)]


def test_a_gap_survives_thinning_without_spoiling_the_means() -> None:
    values = [1.0] * 10_000
    values[5_000] = math.nan
    points = filled(values).points()
    assert sum(p.after_gap for p in points) == 1
    assert all(p.mean == 1 for p in points)


def test_a_curve_that_only_diverged_has_no_points() -> None:
    assert filled([math.nan] * 10).points() == ()


def test_clear_forgets_everything() -> None:
    curve = filled([1.0] * 1000 + [math.nan])
    curve.clear()
    assert curve.points() == ()
    curve.append(0, 2.0)
    assert [(p.x, p.mean, p.after_gap) for p in curve.points()] == [(0, 2, False)]


@pytest.mark.parametrize("capacity", [-2, 0, 1, 7])
def test_a_capacity_that_cannot_be_halved_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        Curve(capacity)
