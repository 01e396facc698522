"""A bounded series of points that keeps its shape however long it grows."""

from __future__ import annotations

from typing import NamedTuple

LARGEST = 1e30
"""Beyond this a value is a diverged network's and no axis can show it; it counts as non-finite."""


class Bucket(NamedTuple):
    """Some neighbouring points of a curve as one."""

    x: float
    """Mean of the points' x."""
    low: float
    high: float
    mean: float
    after_gap: bool = False
    """A non-finite value lies between this bucket and the one before: no line joins them."""


def merge(left: Bucket, right: Bucket) -> Bucket:
    """Two neighbours of equal weight as one. A gap between them moves in front of both."""
    return Bucket(
        (left.x + right.x) / 2,
        min(left.low, right.low),
        max(left.high, right.high),
        (left.mean + right.mean) / 2,
        left.after_gap or right.after_gap,
    )


class Curve:
    """Points (x, y) in the order of x, thinned to at most ``capacity`` buckets.

    When the buckets are full, neighbours merge in pairs and from then on each bucket takes twice as
    many points. Extremes are kept, so a single spike survives any number of merges.
    """

    def __init__(self, capacity: int = 128) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"capacity must be even and at least 2, not {capacity}")
        self.capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget every point."""
        self._full: list[Bucket] = []
        self._stride = 1
        """How many points a full bucket stands for."""
        self._gap = False
        self._open_bucket()

    def _open_bucket(self) -> None:
        self._count = 0
        self._sum_x = self._sum_y = 0.0
        self._low = float("inf")
        self._high = float("-inf")
        self._after_gap = False

    def __len__(self) -> int:
        """How many buckets ``points`` gives, never more than ``capacity``."""
        return len(self._full) + (self._count > 0)

    def append(self, x: float, y: float) -> None:
        """Add a point; x is never smaller than the last one. A non-finite y is kept as a gap."""
        # NaN compares false with everything, so this one test also catches it.
        if not -LARGEST < y < LARGEST:
            self._gap = True
            return
        if self._gap:
            self._gap = False
            self._after_gap = True
        self._count += 1
        self._sum_x += x
        self._sum_y += y
        if y < self._low:
            self._low = y
        if y > self._high:
            self._high = y
        if self._count == self._stride:
            self._full.append(self._current())
            self._open_bucket()
            if len(self._full) == self.capacity:
                pairs = zip(self._full[::2], self._full[1::2], strict=True)
                self._full = [merge(left, right) for left, right in pairs]
                self._stride *= 2

    def _current(self) -> Bucket:
        """The bucket being filled; it has at least one point."""
        return Bucket(
            self._sum_x / self._count,
            self._low,
            self._high,
            self._sum_y / self._count,
            self._after_gap,
        )

    def points(self) -> tuple[Bucket, ...]:
        """The buckets in the order of x, the last one possibly lighter than the others."""
        if self._count:
            return (*self._full, self._current())
        return tuple(self._full)
