"""Pictures in terminal cells: two pixels above each other in one half block.

Where there are no colours, or no half blocks, a cell is a character as dark as its two pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

SHADES = 16
"""Neighbouring cells then share colours, and so bytes on the wire."""
CHARACTERS = " .:-=+*#%@"
NEGATIVE = "#d55e00"
POSITIVE = "#56b4e9"
MARGIN = 4
"""Pixels that MNIST's digits leave free on each side."""
BLANK_BELOW = 24
"""So dark a grey is left out, so that the screen's own background is seen."""


class Paper(NamedTuple):
    """What pictures are drawn on, and with, in Rich's notation."""

    background: str
    ink: str


BLACKBOARD = Paper("#0f141a", "#d5dde6")
"""Where nothing else is known: on the terminal's own colours, which cannot be mixed."""


def paper_of(background: Color, foreground: Color) -> Paper:
    """Pictures in the colour of the text: as MNIST's digits are, and as no model is."""
    if background.ansi is not None or foreground.ansi is not None:
        return BLACKBOARD
    ink = background.blend(foreground, foreground.a).hex6
    return Paper(background.hex6.lower(), ink.lower())


Rows = Sequence[Sequence[int]]
"""Grey values 0–255."""


def rows_of(pixels: bytes, width: int) -> list[bytes]:
    """A picture's rows."""
    return [pixels[start : start + width] for start in range(0, len(pixels), width)]


def cropped(rows: Rows, margin: int) -> list[Sequence[int]]:
    """Without ``margin`` pixels on each side."""
    return [row[margin : len(row) - margin] for row in rows[margin : len(rows) - margin]]


def enlarged(rows: Rows, factor: int) -> list[list[int]]:
    """Every pixel as a square of so many."""
    return [[pixel for pixel in row for _ in range(factor)] for row in rows for _ in range(factor)]


def picture(rows: Rows, paper: Paper | None, *, signed: bool = False) -> list[Strip]:
    """A strip for every two rows.

    Args:
        rows: of one length; an odd last one is drawn above nothing.
        paper: None for characters instead of colours.
        signed: 128 is zero, less is drawn in one colour, more in another.
    """
    empty = [128 if signed else 0] * (len(rows[0]) if rows else 0)
    cell = partial(_signed_cell if signed else _grey_cell, paper) if paper else _plain_cell
    return [
        Strip(_cells(rows[y], rows[y + 1] if y + 1 < len(rows) else empty, cell))
        for y in range(0, len(rows), 2)
    ]


def _cells(
    upper: Sequence[int], lower: Sequence[int], cell: Callable[[int, int], Segment]
) -> list[Segment]:
    return [cell(above, below) for above, below in zip(upper, lower, strict=True)]


@cache
def _plain_cell(above: int, below: int) -> Segment:
    return Segment(CHARACTERS[(above + below) * (len(CHARACTERS) - 1) // 510])


@cache
def _grey_cell(paper: Paper, above: int, below: int) -> Segment:
    if above < BLANK_BELOW and below < BLANK_BELOW:
        return Segment(" ")
    if below < BLANK_BELOW:
        return Segment("▀", Style(color=_shade(paper, above)))
    if above < BLANK_BELOW:
        return Segment("▄", Style(color=_shade(paper, below)))
    return Segment("▀", Style(color=_shade(paper, above), bgcolor=_shade(paper, below)))


@cache
def _signed_cell(paper: Paper, above: int, below: int) -> Segment:
    colors = _signed_shade(paper, above), _signed_shade(paper, below)
    return Segment("▀", Style(color=colors[0], bgcolor=colors[1]))


@cache
def _shade(paper: Paper, grey: int) -> str:
    return _mixed(paper.background, paper.ink, grey * SHADES // 256 / (SHADES - 1))


@cache
def _signed_shade(paper: Paper, value: int) -> str:
    share = abs(value - 128) * SHADES // 129 / (SHADES - 1)
    return _mixed(paper.background, NEGATIVE if value < 128 else POSITIVE, share)


def _mixed(background: str, color: str, share: float) -> str:
    return Color.parse(background).blend(Color.parse(color), share).hex6
