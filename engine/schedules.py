"""How the learning rate changes over a run."""

from __future__ import annotations

import math

WARM_UP = 0.2
"""Part of the steps in which the one-cycle schedule rises; torch's 0.3 did a little worse on the
held-out images."""
START_DIVISOR, END_DIVISOR = 25.0, 25e4
"""The one-cycle schedule starts at its peak over the first and ends at its peak over the second."""


def learning_rate(schedule: str, peak: float, step: int, steps: int) -> float:
    """The learning rate of a step.

    Args:
        schedule: "constant"; "cosine", from the peak to zero (Loshchilov and Hutter, SGDR, 2016,
            without restarts); "one-cycle", up to the peak and down again, both along a cosine
            (Smith, Super-Convergence, 2018, with the divisors of torch's ``OneCycleLR``).
        peak: the highest rate.
        step: counted from 0.
        steps: of the whole run.
    """
    if schedule == "cosine":
        return _along_cosine(peak, 0.0, step / steps)
    if schedule == "one-cycle":
        summit = WARM_UP * steps
        if step < summit:
            return _along_cosine(peak / START_DIVISOR, peak, step / summit)
        return _along_cosine(peak, peak / END_DIVISOR, (step - summit) / (steps - summit))
    return peak


def _along_cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
