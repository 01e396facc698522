"""Draws curves into terminal cells. The only file that knows plotext.

plotext places the dots and the frame; colours stay ours. Every line is a drawing of its own and the
drawings are laid over one another, because plotext would mix the dots of two lines that share a
cell. It also means that a line which did not change need not be drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.axes import LABEL_WIDTH, Axis
from tui.curve import LARGEST, Bucket, merge
from tui.palette import Ink

SPIKE = 0.4
"""Extremes are drawn where they span more than this share of the axis; less is noise."""
MARKER_CELLS = 3
"""The least distance between two markers of a line."""
AXIS_ROWS = 2
"""Rows that the lower axis and its numbers take."""
SMALLEST_WITH_AXES = (LABEL_WIDTH + 10, AXIS_ROWS + 3)
"""Columns and rows below which a chart is drawn without axes, to leave room for its lines."""
GRID_LINE = "┈"
"""What plotext draws for the style called dotted."""

Cell = tuple[str, str]
"""A character and its colour."""
BLANK: Cell = (" ", "")
Layer = tuple[tuple[int, int, str], ...]
"""A drawing without colours: column, row and character of every cell that is not blank."""


@dataclass(frozen=True)
class PlotLine:
    """One curve as it is to be drawn."""

    points: tuple[Bucket, ...]
    color: str
    """In Rich's notation."""
    marker: str = ""
    """One cell wide, drawn on the points. Only test lines have one, so that they can be told from
    train lines without colour."""
    filled: bool = False
    """Whether it is the area between the lows and the highs."""


def draw_chart(
    lines: Sequence[PlotLine], width: int, height: int, x_axis: Axis, y_axis: Axis, ink: Ink
) -> list[Strip]:
    """Draw the lines, each over those before it, with the axes to their left and below.

    Returns ``height`` strips of ``width`` cells without a background.
    """
    if width < 1 or height < 1:
        return []
    left = below = 0
    if width >= SMALLEST_WITH_AXES[0] and height >= SMALLEST_WITH_AXES[1]:
        left, below = 1 + label_width(y_axis), AXIS_ROWS
        rows = [list(row) for row in axes_cells(width, height, x_axis, y_axis, ink)]
    else:
        rows = [[BLANK] * width for _ in range(height)]
    for line in lines:
        room = (width - left, height - below)
        if line.filled:
            layer = area_layer(line.points, *room, x_axis, y_axis)
        else:
            layer = line_layer(line.points, line.marker, *room, x_axis, y_axis)
        for x, y, character in layer:
            rows[y][left + x] = (character, line.color)
    return [strip_of(tuple(row)) for row in rows]


@lru_cache(maxsize=512)
def strip_of(row: tuple[Cell, ...]) -> Strip:
    """Cells as runs of one colour. Most rows of a chart are as they were at the last drawing."""
    segments = [
        Segment("".join(character for character, _ in run), Style(color=color) if color else None)
        for color, run in groupby(row, key=lambda cell: cell[1])
    ]
    return Strip(segments, len(row))


@lru_cache(maxsize=8)
def axes_cells(
    width: int, height: int, x_axis: Axis, y_axis: Axis, ink: Ink
) -> tuple[tuple[Cell, ...], ...]:
    """The axes in their colours, with nothing between them."""
    left = 1 + label_width(y_axis)
    rows: list[tuple[Cell, ...]] = []
    for y, text in enumerate(axes_rows(width, height, x_axis, y_axis)):
        row = [BLANK] * width
        for x, character in enumerate(text[:width]):
            is_label = x < left - 1 or y == height - 1
            color = ink.label if is_label else ink.grid if character == GRID_LINE else ink.frame
            row[x] = (character, color)
        rows.append(tuple(row))
    return tuple(rows)


def label_width(y_axis: Axis) -> int:
    """Cells that the numbers beside the axis take."""
    return max(LABEL_WIDTH, *(len(tick.label) for tick in y_axis.ticks), 0)


def library() -> Any:
    """plotext, loaded with the first drawing: it takes longer than the program's first frame."""
    import plotext

    return plotext


@lru_cache(maxsize=1)
def unlimited_terminal() -> Any:
    """A plotext terminal of any size, apart from the one that all of plotext shares.

    Figures are cut to their terminal's size, which is not what a widget has to fit in.
    """
    return type(library().terminal)().limit(False, False)


def new_figure(width: int, height: int) -> Any:
    """A figure apart from plotext's global one, whose axes go from 0 to 1 and are not drawn."""
    figure = type(library().figure)(parent=unlimited_terminal())
    figure.plot_size(width, height)
    figure.axes(False)
    for axis, side in (("x", "lower"), ("y", "left")):
        figure.ruler(axis, side).lim(0, 1).ticks([])
    return figure


def rows_of(figure: Any) -> list[str]:
    """The figure's characters."""
    text: str = figure.build().string(colorless=True)
    return text.splitlines()


def read_layer(figure: Any) -> Layer:
    """What is drawn in the figure."""
    return tuple(
        (x, y, character)
        for y, row in enumerate(rows_of(figure))
        for x, character in enumerate(row)
        if character != " "
    )


def axes_rows(width: int, height: int, x_axis: Axis, y_axis: Axis) -> list[str]:
    """The left and lower axis with their numbers, and a line across at each left tick."""
    figure = new_figure(width, height)
    figure.axes(True, axis=["x", "y"], side=0, style="rounded")
    widest = label_width(y_axis)
    for axis, side, drawn, pad in (("x", "lower", x_axis, 0), ("y", "left", y_axis, widest)):
        figure.ruler(axis, side).ticks(
            [drawn.place(tick.value) for tick in drawn.ticks],
            [tick.label.rjust(pad) for tick in drawn.ticks],
        )
    figure.ruler("y", "left").grid(True, style="dotted")
    *rows, numbers = rows_of(figure)
    # The corner is free: the numbers start at the axis.
    return [*rows, x_axis.name.rjust(widest)[:widest] + numbers[widest:]]


@lru_cache(maxsize=128)
def line_layer(
    points: tuple[Bucket, ...], marker: str, width: int, height: int, x_axis: Axis, y_axis: Axis
) -> Layer:
    """Joined braille dots, broken at gaps, with the marker on top of them."""
    shown = in_sight(one_a_cell(finite(points), width, x_axis), y_axis)
    if not shown:
        return ()
    xs = [x_axis.place(point.x) for point in shown]
    ys = [y_axis.place(point.mean) for point in shown]
    figure = new_figure(width, height)
    dots = library().marker("braille")
    curve = figure.signal(xs, ys, marker=dots).lines(True)
    for index, point in enumerate(shown):
        if point.after_gap:
            curve.line(index, False)
    figure.draw(curve)
    for x, point in zip(xs, shown, strict=True):
        low, high = y_axis.place(point.low), y_axis.place(point.high)
        if high - low > SPIKE:
            figure.draw(figure.segment((x, x), (low, high), marker=dots))
    if marker:
        chosen = spaced(xs, (MARKER_CELLS - 0.5) / width)
        marked = [xs[index] for index in chosen], [ys[index] for index in chosen]
        figure.draw(figure.signal(*marked, marker=library().marker(marker)).lines(False))
    return read_layer(figure)


@lru_cache(maxsize=32)
def area_layer(
    points: tuple[Bucket, ...], width: int, height: int, x_axis: Axis, y_axis: Axis
) -> Layer:
    """Braille dots between the lows and the highs, where these are a dot or more apart.

    One line up and down through every column of dots: a drawing for each would take three times
    as long.
    """
    xs: list[float] = []
    ys: list[float] = []
    breaks: list[int] = []
    open_ = True
    for left, right in pairwise(finite(points)):
        start, end = x_axis.place(left.x), x_axis.place(right.x)
        if right.after_gap:
            open_ = True
            continue
        for column in range(math.ceil(start * 2 * width), math.ceil(end * 2 * width)):
            x = column / (2 * width)
            share = (x - start) / (end - start)
            low = y_axis.place(left.low) * (1 - share) + y_axis.place(right.low) * share
            high = y_axis.place(left.high) * (1 - share) + y_axis.place(right.high) * share
            if high - low < 1 / (4 * height):
                open_ = True
                continue
            if open_:
                breaks.append(len(xs))
            open_ = False
            xs += [x, x]
            ys += [low, high] if column % 2 else [high, low]
    if not xs:
        return ()
    figure = new_figure(width, height)
    curve = figure.signal(xs, ys, marker=library().marker("braille")).lines(True)
    for index in breaks:
        curve.line(index, False)
    figure.draw(curve)
    return read_layer(figure)


def finite(points: Sequence[Bucket]) -> list[Bucket]:
    """The points without those that are no number, which plotext would end the process on."""
    kept: list[Bucket] = []
    gap = False
    for point in points:
        if -LARGEST < point.mean < LARGEST:
            kept.append(point._replace(after_gap=True) if gap else point)
            gap = False
        else:
            gap = True
    return kept


def in_sight(points: Sequence[Bucket], y_axis: Axis) -> list[Bucket]:
    """Without what lies under the axis, except where the line crosses its lower edge."""
    under = [y_axis.place(point.high) <= 0 for point in points]
    kept: list[Bucket] = []
    last = -1
    for index, point in enumerate(points):
        if not all(under[max(0, index - 1) : index + 2]):
            left_out = last < index - 1
            kept.append(point._replace(after_gap=True) if left_out else point)
            last = index
    return kept


def one_a_cell(points: Sequence[Bucket], width: int, x_axis: Axis) -> list[Bucket]:
    """Neighbours that fall in the same column of cells as one: calmer, and quicker to draw."""
    shown: list[Bucket] = []
    column = -1
    for point in points:
        previous, column = column, int(x_axis.place(point.x) * width)
        if shown and column == previous and not point.after_gap:
            shown[-1] = merge(shown[-1], point)
        else:
            shown.append(point)
    return shown


def spaced(xs: Sequence[float], distance: float) -> list[int]:
    """Indexes of points at least ``distance`` apart, and of the newest, which always counts."""
    chosen: list[int] = []
    for index, x in enumerate(xs):
        if not chosen or x - xs[chosen[-1]] >= distance:
            chosen.append(index)
    newest = len(xs) - 1
    if chosen and chosen[-1] != newest:
        # Of two that would touch, the newer one; the first stays, as the line begins there.
        chosen = [*(chosen[:-1] if len(chosen) > 1 else chosen), newest]
    return chosen
