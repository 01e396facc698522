"""Real MNIST digits in half-block pixels: what the networks are about to read."""

from __future__ import annotations

import gzip
import zlib
from functools import cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from engine.assets import FOLDER

SIDE = 28
COUNT = 8
ROWS = SIDE // 2
FILE = "MNIST/raw/t10k-images-idx3-ubyte.gz"
INK, PAPER = Color.parse("#56b4e9"), Color.parse("#0f141a")


@cache
def first_digits(count: int) -> tuple[bytes, ...]:
    """The first test images, 28×28 grey bytes each; none if the file cannot be read."""
    try:
        with gzip.open(FOLDER / FILE) as file:
            content = file.read(16 + count * SIDE * SIDE)[16:]
    except (OSError, EOFError, zlib.error):
        return ()
    size = SIDE * SIDE
    return tuple(content[i * size : (i + 1) * size] for i in range(len(content) // size))


class DigitStrip(Widget):
    """As many test digits side by side as fit."""

    def render_line(self, y: int) -> Strip:
        """Two rows of pixels, in half blocks."""
        if y >= ROWS:
            return Strip.blank(self.size.width, self.rich_style)
        digits = first_digits(COUNT)[: self.size.width // SIDE]
        left = (self.size.width - len(digits) * SIDE) // 2
        paper = self.rich_style
        segments = [Segment(" " * left)]
        for digit in digits:
            upper = digit[2 * y * SIDE : (2 * y + 1) * SIDE]
            lower = digit[(2 * y + 1) * SIDE : (2 * y + 2) * SIDE]
            segments += [_cell(above, below) for above, below in zip(upper, lower, strict=True)]
        strip = Strip(segments).adjust_cell_length(self.size.width)
        return strip.apply_style(paper).simplify()


@cache
def _cell(above: int, below: int) -> Segment:
    """Two pixels above each other; blank ones leave the screen's own background."""
    if above < 24 and below < 24:
        return Segment(" ")
    if below < 24:
        return Segment("▀", Style(color=_shade(above)))
    if above < 24:
        return Segment("▄", Style(color=_shade(below)))
    return Segment("▀", Style(color=_shade(above), bgcolor=_shade(below)))


@cache
def _shade(grey: int) -> str:
    # 16 shades: neighbouring cells then share colours, and so bytes on the wire.
    return PAPER.blend(INK, (grey // 16) / 15).hex
