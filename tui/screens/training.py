"""While it trains, and after: cards, charts, a table of runs, device and log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.events import Key
from textual.widgets import Static

from engine.events import (
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    RunFinished,
    RunStarted,
)
from engine.records import ExperimentRecord
from engine.rules import SettingsError
from engine.settings import Settings
from tui.bridge import Refused
from tui.chart_lines import MEASURES
from tui.experiment_view import ExperimentView
from tui.follower import Follower
from tui.pace import Pace
from tui.questions import ANSWERS, QUESTIONS
from tui.screens.charted import ChartedScreen
from tui.screens.sized import SizedScreen, side_keys
from tui.side_by_side import skip_words
from tui.trainer import Trainer
from tui.widgets.charts import Charts
from tui.widgets.device_panel import DevicePanel
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
UNHEARD = ("pause", "resume", "stop", "stop_after_epoch", "skip", "new", "add")
"""Actions that a question holds off: they would act unseen behind it."""


class TrainingScreen(ChartedScreen[str | None]):
    """One experiment from Start to its result; dismissed with the reason if it was refused."""

    CSS_PATH = "training.tcss"
    HELP = "training"
    AFTERWARDS = "n begins a new experiment"
    SIDES: ClassVar[tuple[str, ...]] = ("inspect", "draw", "compare")
    """The other screens that there is something for."""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-very-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall"), (45, "-very-tall")]  # noqa: RUF012
    ALLOW_IN_MAXIMIZED_VIEW = "Footer, StatusLine"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("p", "resume", "Resume"),
        Binding("x", "stop", "Stop"),
        Binding("e", "stop_after_epoch", "Last epoch", tooltip="Stop after this epoch"),
        Binding("k", "skip", "Skip", tooltip="Skip the run under way"),
        Binding("n", "new", "New", tooltip="New experiment"),
        *side_keys(),
        Binding("q", "quit", "Quit"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("a", "add", "Add a run", show=False),
    ]

    def __init__(
        self,
        settings: Settings,
        trainer: Trainer | Follower,
        take_log: Callable[[], list[tuple[str, str]]],
        folder: Path | None = None,
    ) -> None:
        """``folder`` is that of an experiment to go on with; without it a new one begins."""
        super().__init__()
        self._folder = folder
        self._settings = settings
        self._trainer = trainer
        self._take_log = take_log
        self._quitting = False
        self._keys = (True, False)
        """Whether it trains and whether it is paused, as the footer shows it."""
        self.view = ExperimentView()
        self.bridge = trainer.bridge
        self._looks = 0
        self._pace = Pace(settings.refresh_rate)
        self._wait = 1 / settings.refresh_rate
        """Seconds between this look and the last."""

    @property
    def record(self) -> ExperimentRecord | None:
        """The experiment, once it has begun."""
        return self.view.record

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
        yield self.footer()

    def on_mount(self) -> None:
        """Start, and look at what comes of it."""
        self._trainer.start(self._settings, self._folder)
        self.query_one(PlanTable).focus()
        self._look()

    def _look(self) -> None:
        """At the numbers, and at the charts."""
        self._pull()
        if self.is_attached:  # it is not if the experiment was refused
            self._looks += 1
            for number, measure in enumerate(MEASURES):
                # In turns, so that a key never waits for both; together where looks are rare, and
                # at the first, which may show what has been there for long.
                together = self._wait > 1 / RARE or self._looks == 1
                if together or self._looks % len(MEASURES) == number:
                    self.draw_chart(measure)
            self._wait = self._pace.wait(self.view.elapsed)
            self.set_timer(self._wait, self._look)

    def on_resize(self) -> None:
        """The status line's bar depends on the width; where it is too small, say so."""
        width, height = self.app.size
        self.set_class(width < WIDTH or height < HEIGHT, "-cramped")
        self.set_class(height < LEAST_WITH_CHARTS, "-flat")
        self.query_one("#cramped", Static).update(
            f"small: {width}×{height}; all is shown from {WIDTH}×{HEIGHT}"
        )
        self._show()

    def _pull(self) -> None:
        """Take what the training thread has left, and show it."""
        for level, text in self._take_log():
            self.query_one(LogPane).add(level, text)
        delivery = self.bridge.take()
        self.view.apply(delivery)
        self._heed_control()
        for event in delivery.events:
            match event:
                case ExperimentStarted():
                    self.query_one(DevicePanel).show_environment(event.environment)
                    self.query_one(LogPane).add("INFO", f"experiment {event.id}")
                    self._mount_cards()
                case ExperimentResumed():
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
        self._refresh_keys()
        if self.view.ended is None or delivery.events:
            self._show()

    def _mount_cards(self) -> None:
        """A card for each model that has none: its runs were added."""
        assert self.view.record is not None
        shown = {card.model for card in self.query(ModelCard)}
        missing = [name for name in self.view.record.model_names if name not in shown]
        self.query_one("#cards").mount(*(ModelCard(name) for name in missing))

    def _heed_control(self) -> None:
        control = self._trainer.control
        self.view.paused, self.view.stopping = control.paused, control.stopping

    def _show(self) -> None:
        self.query_one(StatusLine).show(self.state, self.view)
        threads = sum(group[0].threads for group in self.view.under_way)
        self.query_one(DevicePanel).show_threads(threads)
        for card in self.query(ModelCard):
            card.show(self.view)
        self.query_one(PlanTable).show(self.view)

    def side(self, name: str) -> SizedScreen[None]:
        """A screen that looks at this experiment."""
        # Imported here because these need torch.
        from tui.screens.compare import CompareScreen
        from tui.screens.draw import DrawScreen
        from tui.screens.inspect import InspectScreen

        if name == "draw":
            return DrawScreen(self.bridge, self._settings, self.view)
        if name == "compare":
            return CompareScreen(self.view)
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
        self.query_one(LogPane).add("INFO", f"{self.view.record.status}; {self.AFTERWARDS}")

    def _refuse(self, text: str) -> None:
        if self._quitting:
            self.app.exit()
            return
        while self.app.screen is not self:  # help or the palette may be open above
            self.app.pop_screen()
        self.dismiss(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys are shown and work now."""
        if self.has_class("-asking") and action in UNHEARD:
            return False
        training = self.view.ended is None
        match action:
            case "pause":
                return training and not self._trainer.control.paused
            case "resume":
                return training and self._trainer.control.paused
            case "stop" | "stop_after_epoch" | "skip":
                return training
            case "add":
                return self.view.record is not None
            case "new":
                return not training
            case _:
                return True

    def action_pause(self) -> None:
        """Hold the training before its next step."""
        self._trainer.control.pause()
        self._commanded()

    def action_resume(self) -> None:
        """Go on."""
        self._trainer.control.resume()
        self._commanded()

    def action_skip(self) -> None:
        """End the chosen run, and those beside it; where nothing else is under way, that."""
        groups, chosen = self.view.under_way, self.query_one(PlanTable).chosen
        skipped = [group for group in groups if chosen in [run.id for run in group]]
        if len(groups) == 1:
            skipped = groups
        for group in skipped:
            self._trainer.control.skip_run(group[0].id)
        self.query_one(LogPane).add("INFO", skip_words(groups, skipped))
        self._commanded()

    def action_stop_after_epoch(self) -> None:
        """End the experiment when this epoch has been evaluated; once more takes that back."""
        control = self._trainer.control
        if control.stopping_after_epoch:
            control.keep_on()
            self._quitting = False
        else:
            control.stop_after_epoch()
        self._commanded()

    async def action_stop(self) -> None:
        """End the experiment now, once confirmed."""
        await self._ask("stop")

    async def action_add(self) -> None:
        """Queue another run, once it is said of which model."""
        if self.view.ended is None:
            await self._ask("add")
        else:
            self.notify(f"the experiment has ended; {self.AFTERWARDS}", timeout=3)

    def _add(self, model: str) -> None:
        assert self.view.record is not None
        try:  # some settings are not allowed with some models
            replace(self._settings, models=tuple({*self.view.record.model_names, model}))
        except SettingsError as error:
            self.query_one(LogPane).add("ERROR", str(error))
            return
        run = self._trainer.control.plan.add(model, self._settings.epochs)
        if run is not None and not self.query(f"#card-{model}"):
            self.query_one("#cards").mount(ModelCard(model))
        words = f"{run} added" if run else "the last run has ended: nothing can be added"
        self.query_one(PlanTable).tell(words)

    @on(PlanTable.Changed)
    def _plan_changed(self, event: PlanTable.Changed) -> None:
        self.query_one(LogPane).add("INFO", event.text)
        self._show()

    async def action_quit(self) -> None:
        """Leave; while it trains, ask what shall become of it."""
        if self.view.ended is not None and not self._trainer.busy:
            self.app.exit()
        else:
            await self._ask("quit")

    async def _ask(self, question: str) -> None:
        if self.maximized is not None:
            self.minimize()
        self.add_class("-asking")
        self.refresh_bindings()
        strip = self.query_one(QuestionStrip)
        await strip.ask(question, QUESTIONS[question], ANSWERS[question])

    def action_new(self) -> None:
        """Back to the form."""
        if not self._trainer.busy:
            self.dismiss(None)

    def on_key(self, event: Key) -> None:
        """A question's keys come before the screen's."""
        if self.has_class("-asking") and self.query_one(QuestionStrip).take_key(event.key):
            event.stop()
            event.prevent_default()

    @on(QuestionStrip.Answered)
    def _answered(self, event: QuestionStrip.Answered) -> None:
        self.remove_class("-asking")
        self.refresh_bindings()
        self.query_one(PlanTable).focus()
        if event.question == "add":
            if event.answer != "stay":
                self._add(event.answer)
            return
        if event.answer == "stay":  # what e has said stays said
            self._quitting = False
            return
        self._quitting = self._quitting or event.question == "quit"
        if self.view.ended is not None:
            self.app.exit()
        elif event.answer == "stop":
            self._trainer.control.stop()
        else:
            self._trainer.control.stop_after_epoch()
        self._commanded()

    def _commanded(self) -> None:
        """Show at once that a command was heard."""
        self._heed_control()
        self._refresh_keys()
        self._show()

    def _refresh_keys(self) -> None:
        """Draw the footer anew if other keys work now than before."""
        keys = (self.view.ended is None, self.view.paused)
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()
