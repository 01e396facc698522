"""The exact values of all curves at one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tui.axes import Scale
from tui.chart_line import ChartLine


class Reading(NamedTuple):
    """What a model came to at an epoch, in words; empty where nothing did.

    It is the mean of its repeats where they are shown as one, else the newest run that got there.
    """

    model: str
    test: str
    train: str
    spread: str = ""
    """The lowest and the highest of the repeats that the test value is the mean of."""


def readings(lines: Sequence[ChartLine], epoch: int, scale: Scale) -> list[Reading]:
    """The values at the end of an epoch: the test's, and the mean of the last steps before it."""
    newest: dict[str, dict[str, str]] = {}
    for line in sorted(lines, key=lambda line: line.repeat):
        until = [p for p in line.points if epoch - 1 < p.x <= epoch]
        of_model = newest.setdefault(line.model, {})
        if until and line.kind == "band":
            low, high = until[-1].low, until[-1].high
            of_model["spread"] = f"{_number(low, scale, '')}–{_number(high, scale, '')}"
        elif until and line.kind in ("test", "train"):
            of_model[line.kind] = _number(until[-1].mean, scale)
    return [
        Reading(model, found.get("test", ""), found.get("train", ""), found.get("spread", ""))
        for model, found in newest.items()
    ]


def _number(value: float, scale: Scale, unit: str = " %") -> str:
    return f"{value * 100:.2f}{unit}" if scale == "percent" else f"{value:.4f}"
