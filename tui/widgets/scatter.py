"""Test accuracy against training time: a point for each epoch of each run, large at its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from textual.strip import Strip

from engine.records import RunRecord
from tui.axes import LABEL_WIDTH, extent, fit, value_axis
from tui.curve import Bucket
from tui.palette import chart_ink, look, model_shades
from tui.plotting import AXIS_ROWS, PlotLine, draw_chart
from tui.widgets.chart import with_text
from tui.widgets.strip_widget import StripWidget

TICK_CELLS = 5
"""Per tick of the lower axis, as ``value_axis`` counts rows."""


class Scatter(StripWidget):
    """The path of each run, and where it has come to."""

    def __init__(self) -> None:
        super().__init__(id="scatter", classes="panel")
        self.border_title = "Test accuracy against training time, seconds on a log axis"
        self._paths: list[tuple[str, tuple[Bucket, ...]]] = []

    def show(self, runs: Sequence[RunRecord]) -> None:
        """Bring it up to date."""
        paths = [(run.id.model, path(run)) for run in runs if run.epochs]
        if paths != self._paths:
            self._paths = paths
            self.redraw()

    def draw(self) -> list[Strip]:
        """Paths first, so that no end is hidden."""
        width, height = self.size
        every = [point for _, points in self._paths for point in points]
        times = fit(extent([point.x for point in every], (), "log"), "log")
        results = [point.mean for point in every]
        scores = fit(extent(results, results, "percent"), "percent")
        x_axis = value_axis(times, "log", max(1, (width - LABEL_WIDTH) // TICK_CELLS))
        y_axis = value_axis(scores, "percent", max(1, height - AXIS_ROWS))
        lines = []
        for model, points in self._paths:
            shades = model_shades(model, self.colors[2])
            lines.append(PlotLine(points, shades.past))
        for model, points in self._paths:
            shades = model_shades(model, self.colors[2])
            lines.append(PlotLine(points[-1:], shades.full, look(model).marker))
        paper = chart_ink(*self.colors[2:])
        strips = draw_chart(lines, width, height, x_axis, y_axis, paper)
        if not every:
            strips = with_text(strips, "waiting for the first epoch", width, paper.label)
        return strips


def path(run: RunRecord) -> tuple[Bucket, ...]:
    """The test accuracy after each epoch, over the run's own seconds of training until then."""
    seconds = accumulate(epoch.seconds for epoch in run.epochs)
    return tuple(
        Bucket(x, epoch.test_accuracy, epoch.test_accuracy, epoch.test_accuracy)
        for x, epoch in zip(seconds, run.epochs, strict=True)
    )
