"""A screen whose keys command the training, and the questions that some of them ask first."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.events import Key

from engine.past_experiment import is_unfinished
from engine.records import ExperimentRecord
from engine.rules import SettingsError
from engine.settings import Settings
from tui.experiment_view import ExperimentView
from tui.follower import Follower
from tui.questions import ANSWERS, QUESTIONS
from tui.screens.charted import ChartedScreen
from tui.side_by_side import skip_words
from tui.trainer import Trainer
from tui.widgets.log_pane import LogPane
from tui.widgets.plan_table import PlanTable
from tui.widgets.question_strip import QuestionStrip

UNHEARD = ("pause", "resume", "stop", "stop_after_epoch", "keep_on", "skip", "new", "add")
"""Actions that a question holds off: they would act unseen behind it."""
COMMANDS = (*"pxekar", "plus", "minus", "left_square_bracket", "right_square_bracket")
"""Keys that command the training."""


class CommandedScreen(ChartedScreen[str | None]):
    """Has a ``PlanTable``, a ``LogPane`` and a ``QuestionStrip``; shows ``view``."""

    # Those that ask a question have priority: its answer may come in the same burst.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("p", "resume", "Resume"),
        Binding("x", "stop", "Stop", priority=True),
        Binding("e", "stop_after_epoch", "Last epoch", tooltip="Stop after this epoch"),
        Binding("e", "keep_on", "Go on", tooltip="Do not stop after this epoch"),
        Binding("k", "skip", "Skip", tooltip="Skip the run under way"),
        Binding("n", "new", "New", tooltip="New experiment"),
        Binding("a", "add", "Add a run", show=False, priority=True),
    ]

    def __init__(self, settings: Settings, trainer: Trainer | Follower) -> None:
        super().__init__()
        self._settings = settings
        self._trainer = trainer
        self._quitting = False
        """Whether the program ends with the experiment."""
        self._keys = (True, False, False)
        """Whether it trains, is paused, and is in its last epoch, as the footer shows it."""
        self.view = ExperimentView()
        self.bridge = trainer.bridge

    @property
    def record(self) -> ExperimentRecord | None:
        """The experiment, once it has begun."""
        return self.view.record

    def show(self) -> None:
        """Bring the numbers up to date."""
        raise NotImplementedError

    def show_model(self, model: str) -> None:
        """Make room for a model that takes part from now on."""
        raise NotImplementedError

    @property
    def unheard_because(self) -> str:
        """Why commands are not heard; empty if they are."""
        ended = self.view.ended is not None
        return f"the experiment has ended; {self.afterwards}" if ended else ""

    @property
    def afterwards(self) -> str:
        """What there is to do once the experiment has ended."""
        record = self.view.record
        trained = record is not None and any(run.epochs for run in record.runs.values())
        if record is not None and trained and is_unfinished(record):
            return "n leads to the form, where r goes on with it"
        return "n begins a new experiment"

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
            case "stop_after_epoch":
                return training and not self._trainer.control.stopping_after_epoch
            case "keep_on":
                return training and self._trainer.control.stopping_after_epoch
            case "stop" | "skip":
                return training
            case "add":
                return training and self.view.record is not None
            case "new":
                return not training
            case _:
                return True

    def on_key(self, event: Key) -> None:
        """A question's keys come before the screen's; one that commands in vain is told so."""
        if self.has_class("-asking"):
            if self.query_one(QuestionStrip).take_key(event.key):
                event.stop()
                event.prevent_default()
        elif self.unheard_because and event.key in COMMANDS:
            self._tell(self.unheard_because)

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
        """End the experiment when this epoch has been evaluated."""
        self._trainer.control.stop_after_epoch()
        self._commanded()

    def action_keep_on(self) -> None:
        """Take that back."""
        self._trainer.control.keep_on()
        self._quitting = False
        self._commanded()

    async def action_stop(self) -> None:
        """End the experiment now, once confirmed."""
        await self._ask("stop")

    async def action_add(self) -> None:
        """Queue another run, once it is said of which model."""
        await self._ask("add")

    async def action_quit(self) -> None:
        """Leave; while it trains, ask what shall become of it."""
        if self.view.ended is not None and not self._trainer.busy:
            self.app.exit()
        else:
            await self._ask("quit")

    def action_new(self) -> None:
        """Back to the form."""
        if not self._trainer.busy:
            self.dismiss(None)

    async def _ask(self, question: str) -> None:
        if self.maximized is not None:
            self.minimize()
        self.add_class("-asking")
        self.refresh_bindings()
        strip = self.query_one(QuestionStrip)
        await strip.ask(question, QUESTIONS[question], ANSWERS[question])

    @on(QuestionStrip.Answered)
    def _answered(self, event: QuestionStrip.Answered) -> None:
        self.remove_class("-asking")
        self.refresh_bindings()
        self.query_one(PlanTable).focus()
        if event.question == "add":
            if event.answer != "stay":
                self._add(event.answer)
        elif event.answer == "stay":  # what e has said stays said
            self._quitting = False
        else:
            self._leave_off(event.answer, quitting=event.question == "quit")

    def _leave_off(self, when: str, *, quitting: bool) -> None:
        self._quitting = self._quitting or quitting
        if self.view.ended is not None:
            self.app.exit()
        elif when == "stop":
            self._trainer.control.stop()
        else:
            self._trainer.control.stop_after_epoch()
        self._commanded()

    def _add(self, model: str) -> None:
        assert self.view.record is not None
        try:  # some settings are not allowed with some models
            replace(self._settings, models=tuple({*self.view.record.model_names, model}))
        except SettingsError as error:
            self.query_one(LogPane).add("ERROR", str(error))
            return
        run = self._trainer.control.plan.add(model, self._settings.epochs)
        if run is not None:
            self.show_model(model)
        words = f"{run} added" if run else "the last run has ended: nothing can be added"
        self.query_one(PlanTable).tell(words)

    @on(PlanTable.Changed)
    def _plan_changed(self, event: PlanTable.Changed) -> None:
        self.query_one(LogPane).add("INFO", event.text)
        self.show()

    def _commanded(self) -> None:
        """Show at once that a command was heard."""
        self.heed_control()
        self.show()

    def heed_control(self) -> None:
        """Show what the training was told, and draw the footer anew if other keys work now."""
        control = self._trainer.control
        self.view.paused, self.view.stopping = control.paused, control.stopping
        self.view.last_epoch = control.stopping_after_epoch
        keys = (self.view.ended is None, self.view.paused, self.view.last_epoch)
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()
