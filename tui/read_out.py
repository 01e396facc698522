"""The exact values of all models at one epoch."""

from __future__ import annotations

import math
from statistics import fmean
from typing import NamedTuple

from engine.records import ExperimentRecord
from tui.chart_lines import Measure


class Reading(NamedTuple):
    """What a model came to at an epoch, in words; empty where nothing did."""

    model: str
    test: str
    """The mean of the runs that got there, without those that diverged."""
    train: str
    """Over the whole epoch, as it was trained; the mean of the same runs."""
    spread: str = ""
    """The lowest and the highest test value, where there are several."""


def readings(record: ExperimentRecord, measure: Measure, epoch: int) -> list[Reading]:
    """The values of every model with a run that has begun, at the end of an epoch from 1 on."""
    found = []
    for model in record.model_names:
        runs = record.runs_of(model)
        if all(run.status == "queued" for run in runs):
            continue
        results = [run.epochs[epoch - 1] for run in runs if len(run.epochs) >= epoch]
        if not results:
            found.append(Reading(model, "", ""))
            continue
        results = [r for r in results if math.isfinite(getattr(r, f"test_{measure}"))] or results
        tests = [getattr(result, f"test_{measure}") for result in results]
        train = fmean(getattr(result, f"train_{measure}") for result in results)
        spread = ""
        if len(tests) > 1:
            spread = f"{_number(min(tests), measure)}–{_number(max(tests), measure)}"
        unit = " %" if measure == "accuracy" else ""
        words = [_number(value, measure) + unit for value in (fmean(tests), train)]
        found.append(Reading(model, words[0], words[1], spread))
    return found


def _number(value: float, measure: Measure) -> str:
    return f"{value * 100:.2f}" if measure == "accuracy" else f"{value:.4f}"
