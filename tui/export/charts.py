"""An experiment as a picture: loss and accuracy over the epochs, drawn by Matplotlib.

The test curves of each model are the mean of its repeats, within the span that these lie in; thin
lines are the means of the train values.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from textual.color import Color

from engine.events import EpochResult
from engine.records import ExperimentRecord, RunRecord
from tui.export.library import missing
from tui.output_lines import inert
from tui.palette import look, model_shades
from tui.wording import limits, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER = Color(255, 255, 255)
INCHES = (10.0, 4.5)
DOTS_PER_INCH = 150
MARKERS = {"●": "o", "◆": "D", "■": "s", "▲": "^"}
"""Matplotlib's names of the dashboard's markers."""
STYLE: Any = {
    "text.parse_math": False,  # a name may hold any character
    "svg.hashsalt": "mnist-tui",  # the same experiment, the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e0e0e0",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def charts(record: ExperimentRecord, format: str) -> bytes:
    """The picture as "svg" or "png".

    Raises:
        ResultsError: Matplotlib is not installed.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # fonts and folders concern nobody here
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing("matplotlib") from error

    file = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that no font has
        figure = Figure(figsize=INCHES, layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        figure.suptitle("  ".join([inert(record.id), limits(record.settings)]).strip())
        for axes, measure, factor in ((loss, "loss", 1.0), (accuracy, "accuracy", 100.0)):
            for model in record.model_names:
                _draw(axes, record, model, measure, factor)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        loss.set_ylabel("loss (cross-entropy)")
        accuracy.set_ylabel("accuracy (%)")
        _legend(accuracy)
        # Without the time of the drawing, for the same reason as the salt.
        metadata = {"Date": None} if format == "svg" else {"Software": None}
        figure.savefig(file, format=format, dpi=DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()


def _draw(axes: Axes, record: ExperimentRecord, model: str, measure: str, factor: float) -> None:
    runs = [run for run in record.runs_of(model) if run.epochs]
    if not runs:
        return
    colors = model_shades(model, PAPER)
    test, train = (_columns(runs, f"{part}_{measure}", factor) for part in ("test", "train"))
    epochs = range(1, len(test) + 1)
    axes.plot(epochs, [_mean(values) for values in train], color=colors.train, linewidth=0.9)
    axes.plot(
        epochs,
        [_mean(values) for values in test],
        color=colors.full,
        label=f"{model}  {spread(record.summary_of(model))}",
        linewidth=1.8,
        marker=MARKERS[look(model).marker],
        markersize=5,
        markevery=max(1, math.ceil(len(test) / 20)),
    )
    if len(runs) > 1:
        low, high = ([end(values) for values in test] for end in (min, max))
        axes.fill_between(epochs, low, high, color=colors.full, alpha=0.2, linewidth=0)


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    lines, labels = axes.get_legend_handles_labels()
    grey = [Line2D([], [], color="#808080", linewidth=0.9)]
    if lines:
        axes.legend([*lines, *grey], [*labels, "thin: while training"], loc="lower right")


def _columns(runs: Sequence[RunRecord], field: str, factor: float) -> list[list[float]]:
    """The values of all runs that got so far, epoch by epoch; NaN where none is a number."""
    longest = max(len(run.epochs) for run in runs)
    return [
        [_value(run.epochs[place], field) * factor for run in runs if place < len(run.epochs)]
        for place in range(longest)
    ]


def _value(epoch: EpochResult, field: str) -> float:
    value: Any = getattr(epoch, field)
    return float(value) if math.isfinite(value) else math.nan


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers: one training that went astray leaves the others to be seen."""
    known = [value for value in values if math.isfinite(value)]
    return fmean(known) if known else math.nan
