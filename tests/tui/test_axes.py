"""Axes carry round numbers, hold what has to be seen and do not jump about."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tui.axes import PERCENT_FLOORS, Limits, Scale, epoch_axis, extent, fit, settle, value_axis

SCALES: tuple[Scale, ...] = ("percent", "log", "linear")


def is_round(value: float) -> bool:
    mantissa = float(f"{value:e}".split("e")[0])
    return any(math.isclose(mantissa, m) for m in (0, 1, 2, 5))


@pytest.mark.parametrize("width", [10, 30, 52, 200])
@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 7, 10, 37, 100, 999, 1000])
def test_ticks_are_round_for_any_number_of_epochs(epochs: int, width: int) -> None:
    ticks = epoch_axis(epochs, width).ticks
    values = [tick.value for tick in ticks]
    assert values[0] == 0 and values[-1] == epochs
    steps = [after - before for before, after in pairwise(values)]
    assert all(step == steps[0] and is_round(step) for step in steps[:-1])
    assert steps[-1] > 0.5 * steps[0]


@pytest.mark.parametrize("epochs", [1, 3, 10, 37, 1000])
def test_epoch_labels_do_not_touch(epochs: int) -> None:
    axis = epoch_axis(epochs, 52)
    ends = [(axis.place(t.value) * 51 + s * len(t.label) / 2) for t in axis.ticks for s in (-1, 1)]
    assert all(left + 1 <= right for left, right in zip(ends[1::2], ends[2::2], strict=False))


def test_the_epoch_axis_spans_all_epochs_from_the_first_step_on() -> None:
    assert epoch_axis(10, 50).limits == (0, 10)
    assert [tick.label for tick in epoch_axis(1, 50).ticks] == ["0", "0.5", "1"]
    assert [tick.label for tick in epoch_axis(3, 50).ticks] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("rows", [1, 2, 5, 12, 50])
@pytest.mark.parametrize(
    "values", [[], [0.0], [0.5], [1e-9, 1e-9], [0.03, 2.3], [0.9, 1.0], [1e29]]
)
def test_any_data_gives_an_axis_with_ticks_in_sight(
    values: list[float], rows: int, scale: Scale
) -> None:
    axis = value_axis(settle(None, extent(values, values, scale), scale), scale, rows)
    assert axis.limits.low < axis.limits.high
    assert 1 <= len(axis.ticks) <= max(2, rows)
    assert all(0 <= axis.place(tick.value) <= 1 for tick in axis.ticks)
    assert all(len(tick.label) <= 7 for tick in axis.ticks)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_every_loss_is_within_the_limits(scale: Scale) -> None:
    values = [2.31, 0.4, 0.0123, 0.05]
    limits = fit(extent(values, [], scale), scale)
    assert limits.low <= min(values) and limits.high >= max(values)


def test_one_huge_first_loss_leaves_room_for_the_small_ones() -> None:
    values = [2.3, 0.08, 0.05, 0.03]
    axis = value_axis(fit(extent(values, [], "log"), "log"), "log", 12)
    assert axis.place(0.08) - axis.place(0.03) > 0.15


def test_loss_ticks_are_powers_of_ten_or_few_parts_of_them() -> None:
    labels = [tick.label for tick in value_axis(Limits(0.01, 10), "log", 6).ticks]
    assert labels == ["0.01", "0.1", "1", "10"]


def test_a_loss_of_zero_does_not_break_the_log_axis() -> None:
    axis = value_axis(fit(extent([0.0, 0.5], [], "log"), "log"), "log", 12)
    assert axis.place(0.0) == 0


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_not_finite_does_not_move_an_axis(scale: Scale) -> None:
    clean = extent([0.5, 0.9], [0.5], scale)
    assert extent([math.nan, 0.5, math.inf, 0.9, math.nan], [math.nan, 0.5], scale) == clean
    assert extent([math.nan], [math.nan], scale) is None


def test_accuracy_opens_up_the_end_that_matters() -> None:
    training = [0.1, 0.5, 0.8] + [0.96 + n / 4000 for n in range(100)]
    limits = fit(extent(training, [0.965, 0.975], "percent"), "percent")
    assert limits == (0.95, 1)


def test_a_poor_test_result_is_never_out_of_sight() -> None:
    limits = fit(extent([0.99] * 100 + [0.3], [0.3], "percent"), "percent")
    assert limits.low <= 0.3


def test_accuracy_is_written_in_percent_and_ends_at_100() -> None:
    for floor in (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99):
        axis = value_axis(Limits(floor, 1.0), "percent", 12)
        assert axis.ticks[-1].label == "100%"
        assert axis.limits.high == 1


@pytest.mark.parametrize("scale", SCALES)
def test_limits_hold_still_while_the_data_stays_inside(scale: Scale) -> None:
    settled = settle(None, extent([0.62, 0.99], [0.62], scale), scale)
    for low in (0.63, 0.7, 0.62, 0.65):
        assert settle(settled, extent([low, 0.99], [low], scale), scale) == settled


@pytest.mark.parametrize("scale", SCALES)
def test_limits_widen_at_once(scale: Scale) -> None:
    settled = settle(None, Limits(0.96, 0.99), scale)
    wider = settle(settled, extent([0.02, 0.99], [0.02], scale), scale)
    assert wider.low <= 0.02


def test_limits_far_too_wide_are_fitted_anew() -> None:
    assert settle(Limits(0, 100), Limits(0, 1.9), "linear").high == 2


def test_what_lies_outside_is_drawn_on_the_edge() -> None:
    axis = value_axis(Limits(0.9, 1.0), "percent", 10)
    assert (axis.place(0.1), axis.place(1.5)) == (0, 1)


@pytest.mark.parametrize("floor", PERCENT_FLOORS)
@pytest.mark.parametrize("rows", [4, 6, 9, 30])
def test_both_ends_of_an_accuracy_axis_are_marked(floor: float, rows: int) -> None:
    ticks = value_axis(Limits(floor, 1.0), "percent", rows).ticks
    assert (ticks[0].value, ticks[-1].value) == pytest.approx((floor, 1.0))
