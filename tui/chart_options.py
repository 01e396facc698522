"""How a user wants to see the curves: on which scale, how smooth, how far back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tui.curve import Bucket
from tui.turns import next_in_turn

SMOOTHINGS = (0.0, 0.6, 0.9)
CLOSEST = 3
"""Epochs of the closest zoom."""
ZOOMS = (0, 10, CLOSEST)


@dataclass(frozen=True)
class ChartOptions:
    """Of all charts of a screen."""

    log_loss: bool = True
    """Whether the loss axis is logarithmic."""
    smoothing: float = 0.0
    """Weight of the past in train curves, 0–1; 0 for the curves as they are."""
    last: int = 0
    """So many last epochs are shown; 0 for all."""
    seconds: bool = False
    """Whether the lower axis is in seconds of training instead of epochs; all of them then."""
    band: bool = True
    """Whether repeats are shown as their mean and what lies between them, or as a line each. Over
    seconds it is always lines, as no two runs take the same time."""

    def next_band(self) -> ChartOptions:
        """The other way to show repeats."""
        return replace(self, band=not self.band)

    def next_unit(self) -> ChartOptions:
        """The other lower axis."""
        return replace(self, seconds=not self.seconds)

    def next_scale(self) -> ChartOptions:
        """The other loss axis."""
        return replace(self, log_loss=not self.log_loss)

    def next_smoothing(self) -> ChartOptions:
        """One step smoother, and from the smoothest back to the curves as they are."""
        return replace(self, smoothing=next_in_turn(SMOOTHINGS, self.smoothing))

    def next_zoom(self, newest: int) -> ChartOptions:
        """One step closer that leaves out some of ``newest`` epochs; from the closest to all."""
        closer = [last for last in ZOOMS if last < newest or not last]
        return replace(self, last=next_in_turn(closer, self.last))

    def first_epoch(self, newest: float) -> int:
        """Where the x axis begins, if the newest point is at epoch ``newest``."""
        return max(0, math.ceil(newest) - self.last) if self.last and not self.seconds else 0

    @classmethod
    def of(cls, table: object) -> ChartOptions:
        """From what ``lasting`` gave; the usual for what it does not say."""
        usual = cls().lasting()
        found: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
        kept = {
            name: found[name] if type(found.get(name)) is type(default) else default
            for name, default in usual.items()
        }
        options = cls(**kept)
        return options if options.smoothing in SMOOTHINGS else replace(options, smoothing=0.0)

    def lasting(self) -> dict[str, Any]:
        """What a user likes, by name; a zoom is but a look."""
        return {name: value for name, value in asdict(self).items() if name != "last"}

    def words(self) -> str:
        """What differs from the usual, to be read beside a chart's title; empty for nothing."""
        parts = [] if self.band else ["a line each"]
        if self.smoothing:
            parts.append(f"smooth {self.smoothing:g}")
        if self.last and not self.seconds:
            parts.append(f"last {self.last}")
        return ", ".join(parts)


def smoothed(points: Sequence[Bucket], weight: float) -> tuple[Bucket, ...]:
    """The exponential moving average, without the pull of its start towards zero.

    As Adam's moments are corrected (Kingma and Ba 2014, section 3): after n points the average is
    divided by 1 − weightⁿ. Points keep their x and their gaps; what is not finite is left out.
    """
    total, count = 0.0, 0
    result = []
    for point in points:
        if not math.isfinite(point.mean):
            continue
        total = weight * total + (1 - weight) * point.mean
        count += 1
        mean = total / (1 - weight**count)
        result.append(Bucket(point.x, mean, mean, mean, point.after_gap))
    return tuple(result)
