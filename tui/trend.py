"""A row of numbers as a row of bars."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.-~=+*#"


def trend(
    values: Sequence[float], low: float, high: float, width: int, *, ascii: bool = False
) -> str:
    """Values from ``low`` to ``high``, a bar each; where not all fit, neighbours as their mean."""
    if not values or width < 1:
        return ""
    levels = ASCII_LEVELS if ascii else LEVELS
    cells = min(width, len(values))
    edges = [len(values) * cell // cells for cell in range(cells + 1)]
    means = [fmean(values[edges[cell] : edges[cell + 1]]) for cell in range(cells)]
    top = len(levels) - 1
    span = high - low
    return "".join(
        levels[round(min(1.0, max(0.0, (mean - low) / span)) * top)] if span > 0 else levels[top]
        for mean in means
    )
