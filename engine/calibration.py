"""Whether a network is as often right as it is certain."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15


def calibration_error(confidence: Tensor, right: Tensor) -> float:
    """Return the expected calibration error, a fraction 0–1: how far the probability that is given
    for an answer lies from the fraction of such answers that are right (Guo et al., "On
    Calibration of Modern Neural Networks", 2017, equation 3; 15 bins of equal width).

    Args:
        confidence: of N answers, float [N], above 0 and at most 1.
        right: whether each of them is, bool [N].
    """
    exact = confidence.double()
    bins = (exact * BINS).ceil().long().clamp(1, BINS) - 1  # a bin has its upper edge
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, exact - right.double())
    return min(1.0, float(gaps.abs().sum()) / len(right))  # rounded, it could be more
