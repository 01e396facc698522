"""What a chart is given to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.curve import Bucket

Kind = Literal["raw", "train", "test"]
"""Raw are train values behind a smoothed train curve."""


@dataclass(frozen=True)
class ChartLine:
    """One curve of one run."""

    model: str
    repeat: int
    """Counted from 1. Only a model's highest repeat is drawn in full."""
    kind: Kind
    points: tuple[Bucket, ...]
    """x in epochs, y a loss in nats or an accuracy 0–1."""
