"""The models of an experiment side by side: what is compared, and which is best in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from engine.records import ACCURACY_GOALS, ModelSummary
from engine.statistics import Statistics
from tui.wording import (
    accuracy,
    count,
    gibibytes,
    known,
    milliseconds,
    short_duration,
    spread,
)

NOTEBOOK = {"mlp": 0.9744, "cnn": 0.9897, "mobilenetv2": 0.9589}
"""Mean test accuracies that the notebook published, for the preset of that name."""


@dataclass(frozen=True)
class Column:
    """One quantity that models are compared in."""

    name: str
    width: int
    value: Callable[[ModelSummary], float | None]
    """Of a model; None where nothing is known yet."""
    shown: Callable[[ModelSummary], str]
    highest_is_best: bool | None = True
    """None where neither end is better."""


def _mean(statistics: Statistics | None) -> float | None:
    return statistics.mean if statistics is not None else None


def _seconds(model: ModelSummary) -> str:
    return short_duration(model.seconds.mean) if model.seconds else "–"


def _seconds_to(goal: str, model: ModelSummary) -> float | None:
    return model.seconds_to.get(goal)


def _seconds_to_words(goal: str, model: ModelSummary) -> str:
    return known(_seconds_to(goal, model), short_duration)


def _decimals(value: float | None) -> str:
    return known(value, lambda number: f"{number:.4f}")


def _parameters(model: ModelSummary) -> float | None:
    return float(model.size.trainable_parameters) if model.size else None


COLUMNS = (
    Column("test accuracy", 18, lambda m: _mean(m.test_accuracy), spread),
    Column(
        "best run",
        10,
        lambda m: m.test_accuracy.max if m.test_accuracy else None,
        lambda m: accuracy(m.test_accuracy.max) if m.test_accuracy else "–",
    ),
    Column("time/run", 10, lambda m: _mean(m.seconds), _seconds, highest_is_best=False),
    Column("runs", 6, lambda m: float(m.runs), lambda m: str(m.runs), highest_is_best=None),
    Column(
        "test loss",
        11,
        lambda m: _mean(m.test_loss),
        lambda m: _decimals(_mean(m.test_loss)),
        highest_is_best=False,
    ),
    Column("macro F1", 10, lambda m: _mean(m.macro_f1), lambda m: _decimals(_mean(m.macro_f1))),
    Column(
        "images/s",
        11,
        lambda m: _mean(m.images_per_second),
        lambda m: count(m.images_per_second.mean) if m.images_per_second else "–",
    ),
    Column(
        "trained",
        10,
        _parameters,
        lambda m: f"{m.size.trainable_parameters:,}" if m.size else "–",
        highest_is_best=False,
    ),
    *(
        Column(
            f"to {goal} %",
            10,
            partial(_seconds_to, goal),
            partial(_seconds_to_words, goal),
            highest_is_best=False,
        )
        for goal in (f"{goal * 100:.0f}" for goal in ACCURACY_GOALS)
    ),
    Column(
        "one image",
        11,
        lambda m: m.cost.latency_seconds,
        lambda m: milliseconds(m.cost.latency_seconds),
        highest_is_best=False,
    ),
    Column(
        "reads/s",
        11,
        lambda m: m.cost.inference_images_per_second,
        lambda m: known(m.cost.inference_images_per_second, count),
    ),
    Column(
        "MFLOPs",
        10,
        lambda m: m.cost.flops_per_image,
        lambda m: known(m.cost.flops_per_image, lambda flops: f"{flops / 1e6:,.2f}"),
        highest_is_best=False,
    ),
    Column(
        "memory",
        10,
        lambda m: float(m.peak_memory_bytes) or None,
        lambda m: known(m.peak_memory_bytes or None, gibibytes),
        highest_is_best=False,
    ),
    Column(
        "energy",
        10,
        lambda m: _mean(m.energy_joules),
        lambda m: known(_mean(m.energy_joules), lambda joules: f"{joules:,.0f} J", "unknown"),
        highest_is_best=False,
    ),
    Column(
        "calibration",
        14,
        lambda m: _mean(m.calibration_error),
        lambda m: known(_mean(m.calibration_error), accuracy),
        highest_is_best=False,
    ),
)


def _known(column: Column, model: ModelSummary) -> float | None:
    """The value, if it is a number: the loss of a training that went astray is none."""
    value = column.value(model)
    return value if value is not None and math.isfinite(value) else None


def best(models: Sequence[ModelSummary], column: Column) -> list[ModelSummary]:
    """The models with the best value of a column; none where there is nothing to choose between.

    Those that are equal in what is shown are equally good.
    """
    known = [model for model in models if _known(column, model) is not None]
    if len(known) < 2 or column.highest_is_best is None:
        return []
    first = column.shown(ranked(known, column, reverse=False)[0])
    return [model for model in known if column.shown(model) == first]


def ranked(models: Sequence[ModelSummary], column: Column, *, reverse: bool) -> list[ModelSummary]:
    """Best first, or last with ``reverse``; models that are not known yet at the end."""
    known = [model for model in models if _known(column, model) is not None]
    unknown = [model for model in models if _known(column, model) is None]
    highest_first = column.highest_is_best is not False
    known.sort(key=lambda model: column.value(model) or 0.0, reverse=highest_first != reverse)
    return known + unknown
