"""Textual sends a changed line from the left edge of its widget; here, from the first changed cell.

A widget may say which cells are to be repainted, but Textual's ``ChopsUpdate.render_segments`` uses
only where they end. For a table as wide as the screen that is several times as many bytes.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate


def render_segments(update: ChopsUpdate, console: Console) -> str:
    """The terminal sequences that paint the spans of ``update``, and no cell beside them."""
    sequences: list[str] = []
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            start, stop = max(x, first), min(end, last)
            if strip is not None and start < stop:
                sequences.append(Control.move_to(start, y).segment.text)
                sequences.append(strip.crop(start - x, stop - x).render(console))
    return "".join(sequences)


def install() -> None:
    """Let every Textual app of this process send its updates like this."""
    setattr(ChopsUpdate, "render_segments", render_segments)  # noqa: B010  # it is not ours
