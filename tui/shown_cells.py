"""What the terminal shows, so that only other cells are sent to it.

Textual sends whole regions: a screen that is opened costs several times its size, and so does every
layout of what lies below it. Over a slow link that is seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

Cell = tuple[str | Strip, Style | None] | None
"""What begins there and its style; empty where what is before it goes on, None if unknown."""

GAP = 8
"""Equal cells between two others that are sent with them: moving the cursor costs as many bytes."""


class ShownCells:
    """The cells of a terminal, by line, as they were sent."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Cell]] = {}
        self._size = Size(0, 0)

    def forget(self, size: Size) -> None:
        """Take nothing for granted: the terminal is of another size, or was somebody else's."""
        self._lines.clear()
        self._size = size

    def take(self, x: int, y: int, strip: Strip) -> Iterator[tuple[int, Strip]]:
        """Remember what is sent to line ``y`` from column ``x`` on; the pieces that differ there.

        What lies beyond the size is left out: the terminal would put it elsewhere.
        """
        strip = strip.crop(0, max(self._size.width - x, 0))
        if y >= self._size.height or not strip.cell_length:
            return
        line = self._lines.setdefault(y, [None] * self._size.width)
        cells = cells_of(strip)
        stop = x + len(cells)
        for start, end in differing(line[x:stop], cells):
            yield x + start, strip.crop(start, end)
        line[x:stop] = cells


class Changed(CompositorUpdate):
    """Of an update of Textual's, what the terminal does not show."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, shown: ShownCells) -> None:
        self.update = update
        self._shown = shown

    def render_segments(self, console: Console) -> str:
        """The terminal sequences that paint it; from then on it counts as shown."""
        sequences: list[str] = []
        for x, y, strip in _strips(self.update):
            for column, piece in self._shown.take(x, y, strip):
                sequences.append(Control.move_to(column, y).segment.text)
                sequences.append(piece.render(console))
        return "".join(sequences)


def _strips(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Column, line and strip of all that an update covers."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield update.region.x, y, Strip.join(strips)
        return
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            start, stop = max(x, first), min(end, last)
            if strip is not None and start < stop:
                yield start, y, strip.crop(start - x, stop - x)


def cells_of(strip: Strip) -> list[Cell]:
    """A cell for each column; a strip with wide or combining characters stays in one piece."""
    if all(_is_narrow(text) for text, _, _ in strip):
        return [(character, style) for text, style, _ in strip for character in text]
    return [(strip, None), *[("", None)] * (strip.cell_length - 1)]


@lru_cache(4096)
def _is_narrow(text: str) -> bool:
    return all(cell_len(character) == 1 for character in text)


def differing(before: list[Cell], after: list[Cell]) -> Iterator[tuple[int, int]]:
    """Where ``after`` is another than ``before``: start and end of each stretch, pieces whole."""
    if before == after:
        return
    starts = [index for index, cell in enumerate(after) if cell is None or cell[0]]
    ends = [*starts[1:], len(after)]
    stretch: tuple[int, int] | None = None
    for start, end in zip(starts, ends, strict=True):
        if before[start:end] == after[start:end]:
            continue
        if stretch and start - stretch[1] <= GAP:
            stretch = stretch[0], end
            continue
        if stretch:
            yield stretch
        stretch = start, end
    if stretch:
        yield stretch
