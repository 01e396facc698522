"""While it trains, and after: cards, charts, a table of runs, device and log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Static

from engine.events import (
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    RunFinished,
    RunStarted,
)
from engine.settings import Settings
from tui.bridge import Refused
from tui.chart_lines import MEASURES
from tui.drawing import Drawing
from tui.follower import Follower
from tui.pace import Pace
from tui.screens.commanded import CommandedScreen
from tui.screens.compare import CompareScreen
from tui.screens.confusion import ConfusionScreen
from tui.screens.sized import SizedScreen, side_keys
from tui.trainer import Trainer
from tui.widgets.charts import Charts
from tui.widgets.device_panel import DevicePanel
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.log_pane import LogPane
from tui.widgets.model_card import ModelCard
from tui.widgets.plan_table import PlanTable
from tui.widgets.question_strip import QuestionStrip
from tui.widgets.status_line import StatusLine
from tui.widgets.summary_panel import SummaryPanel
from tui.wording import run_line

RARE = 2.0
"""Looks a second, below which loss and accuracy would be of different moments for too long."""
WIDTH, HEIGHT = 80, 24
"""Cells from which all is shown."""
LEAST_WITH_CHARTS = 18
"""Rows below which numbers alone are shown."""


class TrainingScreen(CommandedScreen):
    """One experiment from Start to its result; dismissed with the reason if it was refused."""

    CSS_PATH = "training.tcss"
    HELP = "training"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-very-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall"), (45, "-very-tall")]  # noqa: RUF012
    ALLOW_IN_MAXIMIZED_VIEW = "Footer, StatusLine"
    WITH_TORCH: ClassVar[tuple[str, ...]] = ("inspect", "draw")
    """The side screens that need it."""
    NO_NETWORK = "Networks answer after their first epoch."
    """Said where one draws while there is none."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *side_keys(),
        Binding("q", "quit", "Quit", priority=True),
        Binding("question_mark", "app.help", "Help", key_display="?"),
    ]

    def __init__(
        self,
        settings: Settings,
        trainer: Trainer | Follower,
        take_log: Callable[[], list[tuple[str, str]]],
        folder: Path | None = None,
    ) -> None:
        """``folder`` is that of an experiment to go on with; without it a new one begins."""
        super().__init__(settings, trainer)
        self._folder = folder
        self._take_log = take_log
        self._drawing = Drawing()
        """Stays when one looks elsewhere in between."""
        self._in_sight = True
        """Whether the terminal is the program's: in the background nobody looks."""
        self._looks = 0
        """At a training that has begun."""
        self._drawn = dict.fromkeys(MEASURES, 0)
        """The look at which each chart was drawn last."""
        self._pace = Pace(settings.refresh_rate)
        self._wait = 1 / settings.refresh_rate
        """Seconds between this look and the last."""

    def compose(self) -> ComposeResult:
        """Top to bottom: what matters most first."""
        yield StatusLine()
        yield QuestionStrip()
        yield Static(id="cramped")
        with Horizontal(id="cards"):
            for model in self._settings.models:
                yield ModelCard(model)
        yield SummaryPanel()
        yield Charts()
        with Container(id="below"):
            yield PlanTable(lambda: self._trainer.control.plan)
            with Container(id="machine"):
                yield DevicePanel()
                yield LogPane()
        yield KeysFooter()

    def on_mount(self) -> None:
        """Start, and look at what comes of it."""
        self._trainer.start(self._settings, self._folder)
        self.query_one(LogPane).timed = self._folder is None
        self.app.app_suspend_signal.subscribe(self, lambda _: self._be_in_sight(False))
        self.app.app_resume_signal.subscribe(self, lambda _: self._be_in_sight(True))
        self.query_one(PlanTable).focus()
        self._look()

    def _look(self) -> None:
        """At the numbers, and at the charts."""
        self._pull()
        if self.is_attached:  # it is not if the experiment was refused
            if self._in_sight:
                self._draw_charts()
                self._looks += bool(self.view.progress)
            self._wait = self._pace.wait(self.view.elapsed)
            self.set_timer(self._wait, self._look)

    def _be_in_sight(self, in_sight: bool) -> None:
        self._in_sight = in_sight
        self.show()

    def _draw_charts(self) -> None:
        """Each at every second look: curves move little. Both at the first."""
        # In turns, so that a key never waits for both; together where looks are rare, as they would
        # be of different moments for too long.
        due = sorted(MEASURES, key=self._drawn.__getitem__)
        if self._looks > 0:
            due = [one for one in due if self._looks - self._drawn[one] >= len(MEASURES)]
            if self._wait <= 1 / RARE:
                due = due[:1]
            elif due:
                due = [*MEASURES]
        for measure in due:
            self._drawn[measure] = self._looks
            self.draw_chart(measure)

    def on_resize(self) -> None:
        """The status line's bar depends on the width; where it is too small, say so."""
        width, height = self.app.size
        self.set_class(width < WIDTH or height < HEIGHT, "-cramped")
        self.set_class(height < LEAST_WITH_CHARTS, "-flat")
        self.query_one("#cramped", Static).update(
            f"small: {width}×{height}; all is shown from {WIDTH}×{HEIGHT}"
        )
        self.show()

    def _pull(self) -> None:
        """Take what the training thread has left, and show it."""
        for level, text in self._take_log():
            self.query_one(LogPane).add(level, text)
        delivery = self.bridge.take()
        self.view.apply(delivery)
        for event in delivery.events:
            match event:
                case ExperimentStarted():
                    self.query_one(DevicePanel).show_environment(event.environment)
                    self.query_one(LogPane).add("INFO", f"experiment {event.id}")
                    assert self.view.record is not None
                    for model in self.view.record.model_names:
                        self.show_model(model)  # some were added before it was interrupted
                case ExperimentResumed():
                    self._begin_times()
                    self.query_one(LogPane).add("INFO", f"goes on; {event.epochs} epochs are kept")
                case RunFinished():
                    self.query_one(LogPane).add("INFO", run_line(event))
                case RunStarted() if event.place:
                    self.query_one(LogPane).add("INFO", f"{event.run} begins on {event.place}")
                case ExperimentFinished():
                    self._end()
                case Refused():
                    self._refuse(event.text)
                    return
                case _:
                    pass
        self.heed_control()
        if self.view.ended is None or delivery.events:
            self.show()

    def _begin_times(self) -> None:
        """What came before was told by what is on disk."""
        self.query_one(LogPane).timed = True

    def show_model(self, model: str) -> None:
        """A card, if it has none yet."""
        if not self.query(f"#card-{model}"):
            self.query_one("#cards").mount(ModelCard(model))

    def show(self) -> None:
        """Everything but the charts, which are drawn where they have changed."""
        if not self._in_sight:
            return
        self.query_one(StatusLine).show(self.state, self.view)
        threads = sum(group[0].threads for group in self.view.under_way)
        self.query_one(DevicePanel).show_threads(threads)
        for card in self.query(ModelCard):
            taken_out = self.view.record and not self.view.record.runs_of(card.model)
            card.set_class(bool(taken_out), "-taken-out")
            card.show(self.view)
        self.query_one(PlanTable).show(self.view)

    def side(self, name: str) -> SizedScreen[None]:
        """A screen that looks at this experiment."""
        if name == "compare":
            return CompareScreen(self.view)
        if name == "inspect" and self.record is not None and not self.bridge.snapshots():
            confused = ConfusionScreen(self.record)
            if confused.has_runs:  # of before a resume
                return confused
        # Imported here because these need torch.
        from tui.screens.draw import DrawScreen
        from tui.screens.inspect import InspectScreen

        if name == "draw":
            return DrawScreen(
                self.bridge, self._settings, self.view, self._drawing, self.NO_NETWORK
            )
        return InspectScreen(self.bridge, self._settings)

    @property
    def state(self) -> str:
        """What the experiment does, in a word."""
        return self.view.state

    def _end(self) -> None:
        if self._quitting:
            self.app.exit()
            return
        assert self.view.record is not None
        self.remove_class("-asking")
        self.refresh_bindings()
        self.query_one(SummaryPanel).show(self.view.record)
        self.add_class("-ended")
        self.query_one(LogPane).add("INFO", f"{self.view.record.status}; {self.afterwards}")

    def _refuse(self, text: str) -> None:
        if self._quitting:
            self.app.exit()
            return
        while self.app.screen is not self:  # help or the palette may be open above
            self.app.pop_screen()
        self.dismiss(text)
