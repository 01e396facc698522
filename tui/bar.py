"""A progress bar as text."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

DONE = "━╸"
"""What the part that is done is drawn with."""


def bar_words(fraction: float, width: int) -> tuple[str, str]:
    """``fraction`` (0–1) of ``width`` cells, in half-cell steps: what is done and what is to do,
    which differ in shape.
    """
    halves = round(min(1.0, max(0.0, fraction)) * width * 2)
    full, half = divmod(halves, 2)
    done = DONE[0] * full + DONE[1] * half
    return done, "─" * (width - len(done))


def bar(fraction: float, width: int, style: str = "bold") -> Text:
    """The same in colour."""
    done, left = bar_words(fraction, width)
    return Text.assemble((done, style), (left, "dim"))


LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[float | None], highest: float, width: int) -> Text:
    """The newest values, of 0 to ``highest``, a cell each, at the right of ``width`` cells.

    What is not known is a blank, as is what was not measured yet.
    """
    cells = [
        " " if value is None else LEVELS[round(min(1.0, max(0.0, value / highest)) * 7)]
        for value in values
    ][-width:]
    return Text("".join(cells).rjust(width))
