"""Loss and accuracy side by side, drawn as their user wants to see them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.events import RunId
from engine.records import ExperimentRecord
from tui.axes import round_step
from tui.bridge import Bridge
from tui.chart_lines import MEASURES, Measure, chart_lines, newest_epoch
from tui.chart_options import ChartOptions
from tui.curve import Bucket
from tui.memory import recall, remember
from tui.read_out import Reading, readings
from tui.widgets.chart import Chart

LEAST_GROWTH = 0.25
"""Cells along the lower axis that are worth a new drawing."""
LONGEST_WAIT = 2.0
"""Seconds after which it is drawn all the same: a value may have moved up or down."""


class Charts(Horizontal):
    """The two charts; ``options`` are what the user chose."""

    def __init__(self, *, tests_alone: bool = False) -> None:
        """``tests_alone`` leaves the train lines out."""
        super().__init__(id="charts")
        self._tests_alone = tests_alone
        self.options = ChartOptions.of(recall().get("charts"))
        self._record: ExperimentRecord | None = None
        self._drawn: dict[Measure, tuple[float, float, int]] = {}
        """At the last drawing: how far all runs together were, in epochs, when it was, and the
        version of the plan."""
        self._epoch: int | None = None
        """That is read out."""

    def compose(self) -> ComposeResult:
        """One chart a measure."""
        yield Chart("loss", "log", id="chart-loss")
        yield Chart("accuracy", "percent", id="chart-accuracy")

    def on_mount(self) -> None:
        """Begin as they were left last."""
        self.choose(self.options)

    def on_unmount(self) -> None:
        """Keep how they are left."""
        lasting = self.options.lasting()
        if lasting != ChartOptions.of(recall().get("charts")).lasting():
            remember({"charts": lasting})

    def draw(self, measure: Measure, record: ExperimentRecord, bridge: Bridge) -> None:
        """Bring one chart up to date, if there is something to be seen."""
        self._record = record
        points = bridge.train_points(measure)
        options, newest = self.options, newest_epoch(record, points)
        first = options.first_epoch(newest)
        end = max((run.planned_epochs for run in record.runs.values()), default=1)
        if not self._moved(measure, record, points, end - first):
            return
        lines = chart_lines(record, None if self._tests_alone else points, measure, options)
        if options.seconds:
            # A round number above, so that the axis stays while the curves grow.
            latest = max((line.points[-1].x for line in lines if line.points), default=1.0)
            end = math.ceil(round_step(max(latest, 1.0), (1, 1.5, 2, 3, 5, 7)))
        elif options.last:
            end = min(first + options.last, end)
        unit = "s" if options.seconds else "epoch"
        chart = self.query_one(f"#chart-{measure}", Chart)
        chart.show(lines, end, first=first, unit=unit)
        self._read_out(measure)

    def _moved(
        self,
        measure: Measure,
        record: ExperimentRecord,
        points: Mapping[RunId, Sequence[Bucket]],
        epochs: int,
    ) -> bool:
        """Whether the curves have grown by a part of a cell that can be seen, or for a while."""
        reached = sum(len(run.epochs) for run in record.runs.values()) + sum(
            curve[-1].x for curve in points.values() if curve
        )
        before, when, version = self._drawn.get(measure, (-math.inf, -math.inf, 0))
        grown = abs(reached - before) * self.size.width / len(MEASURES) / max(1, epochs)
        recent = time.monotonic() - when < LONGEST_WAIT
        if grown < LEAST_GROWTH and recent and version == record.plan_version:
            return False
        self._drawn[measure] = reached, time.monotonic(), record.plan_version
        return True

    def _read_out(self, measure: Measure) -> None:
        found: tuple[Reading, ...] = ()
        if self._epoch is not None and self._record is not None:
            found = tuple(readings(self._record, measure, self._epoch))
        self.query_one(f"#chart-{measure}", Chart).point_at(self._epoch, found)

    def choose(self, options: ChartOptions) -> None:
        """From now on draw like this."""
        self.options = options
        self._drawn.clear()
        if options.seconds:
            self.point_at(None)
        note = options.words()
        self.query_one("#chart-loss", Chart).look("log" if options.log_loss else "linear", note)
        self.query_one("#chart-accuracy", Chart).look("percent", note)

    @on(Chart.PointedAt)
    def _point(self, event: Chart.PointedAt) -> None:
        self.point_at(event.epoch)

    def point_at(self, epoch: int | None) -> None:
        """Read out all values at an epoch, or none; an axis of seconds has no epochs."""
        if self.options.seconds:
            epoch = None
        self._epoch = epoch
        for measure in MEASURES:
            self._read_out(measure)

    def point_further(self, epochs: int, newest: int) -> None:
        """Read out another epoch; the newest first, and nothing behind it."""
        if self._epoch is None:
            self.point_at(newest if epochs < 0 and newest else None)
        else:
            following = max(1, self._epoch + epochs)
            following = min(following, newest) if epochs < 0 else following
            self.point_at(following if following <= newest else None)

    def enlarge_next(self) -> None:
        """One chart alone, then the other, then the whole screen again."""
        charts = list(self.query(Chart))
        alone = [chart for chart in charts if chart is self.screen.maximized]
        following = charts[charts.index(alone[0]) + 1 :] if alone else charts
        self.screen.minimize()
        if following:
            self.screen.maximize(following[0], container=False)
