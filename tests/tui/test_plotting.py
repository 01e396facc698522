"""Charts show their lines in the exact colours, at any size, whatever the data."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence

import plotext
import pytest
from textual.strip import Strip

from tui.axes import Axis, Limits, epoch_axis, value_axis
from tui.curve import Bucket, Curve
from tui.plotting import Ink, PlotLine, draw_chart, in_sight

INK = Ink(frame="#111111", label="#222222", grid="#333333")
X = epoch_axis(10, 54)
Y = value_axis(Limits(0.0, 1.0), "linear", 13)


def points(values: Sequence[tuple[float, float]]) -> tuple[Bucket, ...]:
    curve = Curve()
    for x, y in values:
        curve.append(x, y)
    return curve.points()


def chart(*lines: PlotLine, width: int = 60, height: int = 15) -> list[Strip]:
    return draw_chart(lines, width, height, X, Y, INK)


def colors(strips: list[Strip]) -> set[str]:
    return {
        segment.style.color.name
        for strip in strips
        for segment in strip
        if segment.style and segment.style.color
    }


def cells(strips: list[Strip], color: str) -> list[tuple[int, int, str]]:
    """Column, row and character of everything drawn in a colour."""
    found = []
    for y, strip in enumerate(strips):
        x = 0
        for segment in strip:
            if segment.style and segment.style.color and segment.style.color.name == color:
                found += [(x + dx, y, character) for dx, character in enumerate(segment.text)]
            x += len(segment.text)
    return found


def text(strips: list[Strip]) -> str:
    return "\n".join(strip.text for strip in strips)


FALLING = points([(x / 4, 1 - x / 20) for x in range(20)])
RISING = points([(x / 4, x / 20) for x in range(20)])


@pytest.mark.parametrize("width,height", [(60, 15), (38, 8), (20, 5), (10, 3), (3, 2), (1, 1)])
def test_any_size_is_filled_exactly(width: int, height: int) -> None:
    strips = chart(PlotLine(FALLING, "#56b4e9", "●"), width=width, height=height)
    assert len(strips) == height
    assert {strip.cell_length for strip in strips} == {width}
    assert all(len(strip.text) == width for strip in strips)


def test_no_room_is_no_error() -> None:
    assert chart(PlotLine(FALLING, "#56b4e9"), width=0, height=5) == []
    assert chart(PlotLine(FALLING, "#56b4e9"), width=5, height=0) == []


def test_size_is_not_limited_by_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((20, 5)))
    strips = chart(PlotLine(FALLING, "#56b4e9"), width=300, height=80)
    assert max(y for _, y, _ in cells(strips, "#56b4e9")) > 30


def test_exactly_the_colours_asked_for_come_out() -> None:
    strips = chart(PlotLine(FALLING, "#56b4e9"), PlotLine(RISING, "#e69f01", "◆"))
    assert colors(strips) == {"#56b4e9", "#e69f01", "#111111", "#222222", "#333333"}


def test_the_background_is_left_to_the_widget() -> None:
    strips = chart(PlotLine(FALLING, "#56b4e9"))
    assert all(s.style is None or s.style.bgcolor is None for strip in strips for s in strip)


def test_train_and_test_lines_differ_without_colour() -> None:
    train = text(chart(PlotLine(FALLING, "#56b4e9")))
    test = text(chart(PlotLine(FALLING, "#56b4e9", "●")))
    assert "●" in test and "●" not in train


def test_later_lines_are_on_top() -> None:
    first, second = PlotLine(FALLING, "#aaaaaa"), PlotLine(FALLING, "#bbbbbb")
    assert "#aaaaaa" not in colors(chart(first, second))
    assert "#bbbbbb" not in colors(chart(second, first))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_nan_is_a_gap_not_a_crash(bad: float) -> None:
    joined = chart(PlotLine(points([(1, 0.5), (9, 0.5)]), "#56b4e9"))
    broken = chart(PlotLine(points([(1, 0.5), (5, bad), (9, 0.5)]), "#56b4e9"))
    assert len(cells(joined, "#56b4e9")) > 30
    assert len(cells(broken, "#56b4e9")) == 2


def test_a_bucket_made_of_nan_never_reaches_plotext() -> None:
    bad = Bucket(2.0, math.nan, math.nan, math.nan)
    assert cells(chart(PlotLine((bad,), "#56b4e9", "●")), "#56b4e9") == []


def test_a_line_is_broken_at_a_bucket_made_of_nan() -> None:
    bad = Bucket(5.0, math.nan, math.nan, math.nan)
    line = (Bucket(1.0, 0.5, 0.5, 0.5), bad, Bucket(9.0, 0.5, 0.5, 0.5))
    assert len(cells(chart(PlotLine(line, "#56b4e9")), "#56b4e9")) == 2


def test_a_spike_inside_a_bucket_is_seen() -> None:
    calm = Bucket(5.0, 0.1, 0.1, 0.1)
    spiky = Bucket(5.0, 0.1, 0.9, 0.1)
    assert len(cells(chart(PlotLine((calm,), "#56b4e9")), "#56b4e9")) == 1
    assert len(cells(chart(PlotLine((spiky,), "#56b4e9")), "#56b4e9")) > 6


def test_points_are_drawn_where_the_axes_say() -> None:
    strips = chart(PlotLine(points([(0, 0), (5, 0.5), (10, 1)]), "#56b4e9", "●"))
    marks = [(x, y) for x, y, character in cells(strips, "#56b4e9") if character == "●"]
    assert strips[-1].text.index("5") == sorted(marks)[1][0]
    low, high = min(marks), max(marks)
    assert strips[low[1]].text.split("┼")[0].strip() == "0.0"
    assert strips[high[1]].text.split("┼")[0].strip() == "1.0"


def test_markers_never_touch_however_many_epochs() -> None:
    strips = chart(PlotLine(points([(x / 100, 0.5) for x in range(1001)]), "#56b4e9", "●"))
    assert "●●" not in text(strips)
    assert text(strips).count("●") > 5


def test_axes_are_labelled() -> None:
    drawn = text(chart())
    assert "epoch" in drawn and "10" in drawn and "0.6" in drawn


def test_plotexts_shared_figure_is_left_alone() -> None:
    before = plotext.figure.size()
    chart(PlotLine(FALLING, "#56b4e9"), width=33, height=11)
    assert plotext.figure.size() == before


def test_plotext_is_loaded_with_the_first_drawing_not_before() -> None:
    code = "import sys, tui.widgets.chart; sys.exit('plotext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_line_under_the_axis_is_not_drawn_along_its_edge() -> None:
    points = tuple(Bucket(x / 10, y, y, y) for x, y in enumerate([0.1, 0.2, 0.3, 0.85, 0.95, 0.96]))
    axis = Axis(Limits(0.8, 1.0), ())
    kept = in_sight(points, axis)
    assert [point.mean for point in kept] == [0.3, 0.85, 0.95, 0.96]


def band(spread: float) -> tuple[Bucket, ...]:
    return tuple(Bucket(float(x), 0.5 - spread, 0.5 + spread, 0.5) for x in (2, 4, 6))


def test_a_band_fills_what_lies_between_its_lows_and_highs_and_nothing_else() -> None:
    drawn = cells(chart(PlotLine(band(0.25), "#00ff00", filled=True)), "#00ff00")
    columns, rows = {x for x, _, _ in drawn}, {y for _, y, _ in drawn}
    # 54 columns for ten epochs right of the labels, 13 rows from 1 down to 0.
    assert len(columns) == pytest.approx(54 * 0.4, abs=2)
    assert min(columns) == pytest.approx(6 + 54 * 0.2, abs=1)
    assert (min(rows), max(rows)) == (3, 9)
    assert {(x, y) for x, y, _ in drawn} == {(x, y) for x in columns for y in rows}


def test_a_band_thinner_than_a_dot_is_left_to_its_mean() -> None:
    assert not cells(chart(PlotLine(band(0.001), "#00ff00", filled=True)), "#00ff00")


def test_a_band_of_one_epoch_or_of_none_that_is_a_number_is_no_crash() -> None:
    broken = (Bucket(1.0, math.nan, math.nan, math.nan),)
    for few in (band(0.2)[:1], broken, ()):
        assert not cells(chart(PlotLine(few, "#00ff00", filled=True)), "#00ff00")
