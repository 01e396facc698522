"""What a chart is given to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.curve import Bucket

Kind = Literal["band", "past", "raw", "train", "test"]
"""A band is all that the repeats came to at each epoch, and the test line with it is their mean; a
past line is another repeat's test line; raw are train values behind a smoothed train curve."""


@dataclass(frozen=True)
class ChartLine:
    """One curve of a model."""

    model: str
    repeat: int
    """Counted from 1; of a band and a mean, the newest of theirs."""
    kind: Kind
    points: tuple[Bucket, ...]
    """x in epochs, y a loss in nats or an accuracy 0–1."""
