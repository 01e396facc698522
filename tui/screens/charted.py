"""A screen with the two charts, and the keys that say how they are drawn."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.records import ExperimentRecord
from tui.bridge import Bridge
from tui.chart_lines import MEASURES, Measure
from tui.chart_options import CLOSEST, ChartOptions
from tui.screens.sized import Result, SizedScreen
from tui.widgets.charts import Charts
from tui.widgets.keys_footer import CHARTS


class ChartedScreen(SizedScreen[Result]):
    """Its charts show ``record``, and within the epochs what ``bridge`` knows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "enlarge", "Enlarge a chart", show=False, group=CHARTS),
        Binding("l", "scale", "Loss axis log or linear", show=False, group=CHARTS),
        Binding("o", "smooth", "Smooth the train curves", show=False, group=CHARTS),
        Binding("u", "unit", "Below the charts: epochs or seconds", show=False, group=CHARTS),
        Binding("b", "band", "Repeats as a band or as lines", show=False, group=CHARTS),
        Binding("z", "zoom", "Zoom to the last epochs", show=False, group=CHARTS),
        Binding("left", "read_out(-1)", "Read out an earlier epoch", show=False, group=CHARTS),
        Binding("right", "read_out(1)", "Read out a later epoch", show=False, group=CHARTS),
    ]
    bridge: Bridge

    @property
    def record(self) -> ExperimentRecord | None:
        """What there is to draw."""
        raise NotImplementedError

    def draw_chart(self, measure: Measure) -> None:
        """Bring one chart up to date."""
        if self.record is not None:
            self.query_one(Charts).draw(measure, self.record, self.bridge)

    def _choose(self, options: ChartOptions) -> None:
        self.query_one(Charts).choose(options)
        for measure in MEASURES:
            self.draw_chart(measure)

    def action_scale(self) -> None:
        """A logarithmic loss axis, or a linear one."""
        self._choose(self.query_one(Charts).options.next_scale())

    def action_unit(self) -> None:
        """Curves over epochs, or over seconds of training."""
        self._choose(self.query_one(Charts).options.next_unit())

    def action_band(self) -> None:
        """Repeats as their mean and what lies between them, or as a line each."""
        self._choose(self.query_one(Charts).options.next_band())

    def action_smooth(self) -> None:
        """Smoother train curves."""
        self._choose(self.query_one(Charts).options.next_smoothing())

    def action_zoom(self) -> None:
        """Fewer epochs, and all again."""
        options, newest = self.query_one(Charts).options, self._newest()
        closer = options.next_zoom(newest)
        if closer == options:
            self._tell(f"there is nothing to leave out: zoom shows the last {CLOSEST} epochs")
        else:
            self._choose(closer)

    def action_read_out(self, epochs: int) -> None:
        """The exact values of another epoch."""
        charts = self.query_one(Charts)
        if charts.options.seconds:
            self._tell("values are read out at epochs, not at seconds: press u")
        charts.point_further(epochs, self._newest())

    def _tell(self, text: str) -> None:
        """In the place of what was told before: one is enough."""
        self.app.clear_notifications()
        self.notify(text, timeout=3)

    def _newest(self) -> int:
        """How many epochs the run that is furthest has done."""
        runs = self.record.runs.values() if self.record else ()
        return max((len(run.epochs) for run in runs), default=0)

    def action_enlarge(self) -> None:
        """One chart alone, then the other, then everything."""
        self.query_one(Charts).enlarge_next()
