"""Axes: which part of the numbers to show, and which round numbers to write beside it.

Pure functions. Limits are chosen apart from ticks because limits must stay put between two looks at
growing data, while ticks only depend on the limits and the space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tui.curve import LARGEST

Scale = Literal["percent", "log", "linear"]

LABEL_WIDTH = 5
"""Cells of a y label. Fixed, so that the curves do not move sideways when the numbers change."""
USED = 0.6
"""Limits are fitted anew when the data needs less than this share of them."""
DECADES = 6
"""A log axis shows at most this many powers of ten; what is smaller lies on its lower edge."""
PERCENT_FLOORS = (0.99, 0.98, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5, 0.0)
PERCENT_OUTLIERS = 0.2
"""The lowest share of all values that need not be in sight on an accuracy axis."""


class Limits(NamedTuple):
    """The smallest and the largest value in sight."""

    low: float
    high: float


EMPTY_LOG = Limits(0.02, 3.0)
"""A loss axis before the first loss; ten equally likely digits start at 2.3."""


class Tick(NamedTuple):
    """A marked value of an axis."""

    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A range of values, drawn from 0 (its lower end) to 1."""

    limits: Limits
    ticks: tuple[Tick, ...]
    log: bool = False
    name: str = ""

    def place(self, value: float) -> float:
        """Where a finite value is drawn, 0–1. What lies outside is drawn on the nearer edge."""
        low, high = self.limits
        if value <= low:
            return 0.0
        if value >= high:
            return 1.0
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


def round_step(smallest: float, mantissas: Sequence[float] = (1, 2, 5)) -> float:
    """The smallest mantissa × 10^n that is at least ``smallest``."""
    power = 10.0 ** math.floor(math.log10(smallest))
    for mantissa in mantissas:
        # The tolerance keeps 0.30000000000000004 from becoming 0.5.
        if mantissa * power >= smallest * (1 - 1e-9):
            return mantissa * power
    return 10 * power


def multiples(step: float, limits: Limits) -> list[float]:
    """The multiples of ``step`` within the limits, both ends included."""
    first = math.ceil(limits.low / step - 1e-9)
    last = math.floor(limits.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def decimals(step: float) -> int:
    """How many decimals tell the multiples of ``step`` apart."""
    for places in range(9):
        if math.isclose(round(step, places), step, rel_tol=1e-6):
            return places
    return 9


def short_number(value: float, places: int | None = None) -> str:
    """A number with as few decimals as it needs, or as many as asked for, and never long."""
    plain = f"{value:g}" if places is None else f"{value:.{places}f}"
    if len(plain) <= LABEL_WIDTH + 2 and "e" not in plain:
        return plain
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def epoch_axis(epochs: int, width: int, first: int = 0, name: str = "epoch") -> Axis:
    """From ``first`` to the last epoch there will be, on ``width`` cells, with round numbers."""
    epochs = max(first + 1, epochs)
    shown = epochs - first
    limits = Limits(float(first), float(epochs))
    end = str(epochs)
    # Two blanks between labels; half an epoch is worth a tick only where there is one epoch.
    room = max(1, width // (len(end) + 3))
    smallest = shown / room
    step = max(round_step(smallest), 0.5 if shown == 1 else 1.0)
    values = [value for value in multiples(step, limits) if epochs - value >= 0.6 * step]
    labels = [Tick(value, f"{value:g}") for value in values]
    return Axis(limits, (*labels, Tick(float(epochs), end)), name=name)


def extent(values: Iterable[float], results: Iterable[float], scale: Scale) -> Limits | None:
    """The part of the numbers that has to be in sight; None where there is nothing to see yet.

    ``values`` are all of them; what is not finite does not count. ``results`` are those among them
    that must be in sight whatever the scale: a test after an epoch is a result, the first steps of
    a training are not.
    """
    smallest = 0.0 if scale == "log" else -LARGEST
    ordered = sorted(value for value in values if smallest < value < LARGEST)
    if not ordered:
        return None
    if scale == "percent":
        # Accuracies crowd near 1 while every training starts near 0.1 and is soon away from there.
        lowest = ordered[int(PERCENT_OUTLIERS * len(ordered))]
        return Limits(min([lowest, 1.0, *(r for r in results if math.isfinite(r))]), 1.0)
    if scale == "log":
        return Limits(max(ordered[0], ordered[-1] * 10.0**-DECADES), ordered[-1])
    return Limits(min(ordered[0], 0.0), max(ordered[-1], 0.0))


def fit(needed: Limits | None, scale: Scale) -> Limits:
    """Round limits around the needed part."""
    if scale == "percent":
        low = 0.0 if needed is None else needed.low
        # A tenth of the range stays free below the lowest value.
        return Limits(next((f for f in PERCENT_FLOORS if low >= f + 0.1 * (1 - f)), 0.0), 1.0)
    if needed is None:
        return EMPTY_LOG if scale == "log" else Limits(0.0, 1.0)
    if scale == "log":
        high = round_step(needed.high, (1, 2, 3, 5))
        # A tenth below the lowest value, or the curve lies in the frame; then down to a round
        # number, which is the mirror image of rounding up.
        low = 1 / round_step(1 / (0.9 * needed.low), (1, 2, 3, 5))
        return Limits(min(low, high / 10), high)
    step = round_step(max((needed.high - needed.low) / 5, 1e-9), (1, 2, 2.5, 5))
    lowest, highest = math.floor(needed.low / step + 1e-9), math.ceil(needed.high / step - 1e-9)
    return Limits(lowest * step, max(highest, 1) * step)


def settle(previous: Limits | None, needed: Limits | None, scale: Scale) -> Limits:
    """The previous limits as long as they hold what is needed and are not far too wide for it."""
    fitted = fit(needed, scale)
    if previous is None or needed is None:
        return fitted
    if needed.low < previous.low or needed.high > previous.high:
        return fitted
    span = log_span if scale == "log" else linear_span
    return fitted if span(fitted) < USED * span(previous) else previous


def linear_span(limits: Limits) -> float:
    """Length of a linear axis."""
    return limits.high - limits.low


def log_span(limits: Limits) -> float:
    """Length of a log axis in powers of ten."""
    return math.log10(limits.high / limits.low)


def value_axis(limits: Limits, scale: Scale, rows: int) -> Axis:
    """The limits with ticks for ``rows`` rows of curve."""
    if scale == "log":
        return Axis(limits, log_ticks(limits, rows), log=True)
    if scale == "percent":
        # Accuracies are fractions; the reader sees percentages.
        inner = linear_ticks(Limits(limits.low * 100, limits.high * 100), rows)
        return Axis(limits, tuple(Tick(value / 100, f"{value:g}%") for value, _ in inner))
    return Axis(limits, linear_ticks(limits, rows))


def linear_ticks(limits: Limits, rows: int) -> tuple[Tick, ...]:
    """Round numbers at least two rows apart that divide the limits evenly, where there are any."""
    most = max(1, (rows - 1) // 2)
    span = linear_span(limits)
    step = round_step(span / most, (1, 2, 2.5, 5))
    while not math.isclose(span / step, round(span / step), abs_tol=1e-6) and step < span:
        step = round_step(step * 1.01, (1, 2, 2.5, 5))
    places = decimals(min(step, span))
    values = list(limits) if step >= span else multiples(step, limits)
    return tuple(Tick(value, short_number(value, places)) for value in values)


def log_ticks(limits: Limits, rows: int) -> tuple[Tick, ...]:
    """Powers of ten; where there is room also multiples, and where there is none not each power."""
    first, last = math.floor(math.log10(limits.low)), math.ceil(math.log10(limits.high))
    rows_each = max(1, rows - 1) / log_span(limits)
    mantissas: tuple[int, ...] = (1,)
    if rows_each >= 5:
        # The closest two of 1, 2, 5 and 10 are log10(2) = 0.3 apart, here one row and a half.
        mantissas = (1, 2, 5)
    elif rows_each >= 4:
        mantissas = (1, 3)
    values = [m * 10.0**power for power in range(first, last + 1) for m in mantissas]
    inside = [value for value in values if is_inside(value, limits)]
    # Limits span a power of ten or more, so there is always one to keep.
    kept = inside[:: max(1, math.ceil(1.5 / rows_each))]
    return tuple(Tick(value, short_number(value)) for value in kept)


def is_inside(value: float, limits: Limits) -> bool:
    """Whether the limits hold the value, give or take a rounding error."""
    return limits.low * (1 - 1e-9) <= value <= limits.high * (1 + 1e-9)
