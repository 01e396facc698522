"""The exact values of all curves at one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tui.axes import Scale
from tui.chart_line import ChartLine


class Reading(NamedTuple):
    """What a model came to at an epoch, in words: its newest run that got there; empty if none."""

    model: str
    test: str
    train: str


def readings(lines: Sequence[ChartLine], epoch: int, scale: Scale) -> list[Reading]:
    """The values at the end of an epoch: the test's, and the mean of the last steps before it."""
    newest: dict[str, dict[str, str]] = {}
    for line in sorted(lines, key=lambda line: line.repeat):
        until = [p for p in line.points if epoch - 1 < p.x <= epoch]
        if line.kind != "raw":
            of_model = newest.setdefault(line.model, {})
            if until:
                of_model[line.kind] = _number(until[-1].mean, scale)
    return [Reading(model, v.get("test", ""), v.get("train", "")) for model, v in newest.items()]


def _number(value: float, scale: Scale) -> str:
    return f"{value * 100:.2f} %" if scale == "percent" else f"{value:.4f}"
