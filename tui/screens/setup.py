"""Before training: which models, how long, where."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Input, Label, Static

from engine.one_line import printable
from engine.recipes import DEFAULT_EPOCHS, without
from engine.rules import SettingsError
from engine.settings import MODEL_NAMES, Settings, expanded
from tui.first_frame import NAME, PURPOSE
from tui.form_words import ALL, best_devices, device_words, plan_words, recipe_words
from tui.screens.sized import SizedScreen
from tui.widgets.choice_select import ChoiceSelect, as_options
from tui.widgets.digit_strip import DigitStrip
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.model_choice import ModelChoice
from tui.widgets.setting_field import SettingField

if TYPE_CHECKING:
    from engine.lock import Owner
    from engine.records import ExperimentRecord

FIELDS = {
    "epochs": "epochs",
    "repeats": "repeats",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "seed": "seed",
    "workers": "workers",
}
LAST = "workers"
"""Of the fields: it stands below the device."""


class SetupScreen(SizedScreen[None]):
    """A form that starts an experiment. Every value is checked where it is typed."""

    HELP = "setup"
    AUTO_FOCUS = "#start"  # under the Enter key from the first moment
    VERTICAL_BREAKPOINTS = [(0, "-short"), (40, "-tall")]  # noqa: RUF012
    # Priority, so that they also work while an input has the focus; no field takes these letters.
    # And so that what is typed behind an arrow, in one burst, goes to where that has led.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", priority=True),
        Binding("r", "resume", "Resume", priority=True, tooltip="Go on with what ended too early"),
        Binding("w", "watch", "Watch", priority=True, tooltip="Watch what another process trains"),
        Binding("h", "results", "Results", priority=True, tooltip="Past experiments"),
        Binding("up", "screen.move(-1)", "Previous", show=False, priority=True),
        Binding("down", "screen.move(1)", "Next", show=False, priority=True),
        Binding("tab", "screen.move(1)", "Next field", priority=True),
        Binding("q", "app.quit", "Quit", priority=True),
        Binding("question_mark", "app.help", "Help", key_display="?", priority=True),
    ]

    class Start(Message):
        """The user wants to train with these settings."""

        def __init__(self, settings: Settings) -> None:
            super().__init__()
            self.settings = settings

    class Resume(Message):
        """The user wants to go on with this experiment."""

        def __init__(self, record: ExperimentRecord) -> None:
            super().__init__()
            self.record = record

    class Results(Message):
        """The user wants to see past experiments."""

    class Watch(Message):
        """The user wants to see this experiment, which that process trains."""

        def __init__(self, record: ExperimentRecord, owner: Owner) -> None:
            super().__init__()
            self.record = record
            self.owner = owner

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._unfinished: ExperimentRecord | None = None
        self._live: tuple[ExperimentRecord, Owner] | None = None
        self._preset = settings.preset
        self._device = settings.devices or settings.device
        self._devices = list(dict.fromkeys(["auto", "cpu", self._device]))
        self._found: list[str] = []
        """By torch, once that has been loaded."""

    def compose(self) -> ComposeResult:
        """Models, settings, Start."""
        yield Static(f"[b]{NAME}[/b]  {PURPOSE}", id="title")
        with VerticalScroll(id="form", can_focus=False):
            with Vertical(id="models", classes="panel") as models:
                models.border_title = "Models"
                models.border_subtitle = "space chooses"
                for name in MODEL_NAMES:
                    chosen = name in self.settings.models
                    yield ModelChoice(name, chosen)
            with Vertical(id="fields", classes="panel") as fields:
                fields.border_title = "Training"
                note, presets = recipe_words(self.settings), list(self.settings.presets)
                yield from self._select("preset", presets, self.settings.preset, note)
                for name, label in FIELDS.items():
                    if name == LAST:
                        note = self._device_words(self._device)
                        yield from self._select("device", self._devices, self._device, note)
                    yield SettingField(name, label, getattr(self.settings, name))
            yield DigitStrip(id="digits", classes="panel")
        with Vertical(id="bottom"):
            yield Label("", id="message", markup=False)
            with Center():
                yield Button("Start", variant="success", id="start")
        yield KeysFooter(palette=True)

    def _select(self, setting: str, choices: list[str], chosen: str, note: str) -> ComposeResult:
        with Vertical(classes="field", id=f"field-{setting}"):
            yield Label(setting, classes="field-name")
            yield ChoiceSelect(setting, choices, chosen)
            yield Label(note, classes="field-note", id=f"{setting}-note", markup=False)

    def on_mount(self) -> None:
        """Say at once what Start would do."""
        self._say_plan()

    def on_screen_resume(self) -> None:
        """An experiment may have ended too early before, or just now."""
        self.run_worker(self._find_unfinished, thread=True, exclusive=True)

    def _find_unfinished(self) -> None:
        """On a thread: reading summaries may take a while."""
        # Imported here so that the form need not wait for it.
        from engine.results import ResultsError
        from engine.results_folder import newest_live, newest_unfinished

        results = expanded(self.settings.results)
        unfinished = live = None
        with suppress(ResultsError):  # nothing to go on with is no fault
            live = newest_live(results)
            unfinished = newest_unfinished(results)
        self.app.call_from_thread(self._offer, unfinished, live)

    def _offer(
        self, unfinished: ExperimentRecord | None, live: tuple[ExperimentRecord, Owner] | None
    ) -> None:
        if (unfinished, live) != (self._unfinished, self._live):
            self._unfinished, self._live = unfinished, live
            self.refresh_bindings()
            self._say_plan()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Resume is there if there is something to go on with; Watch, if somebody trains. An open
        list keeps the arrows.
        """
        if action == "move":
            return not any(select.expanded for select in self.query(ChoiceSelect))
        if action == "watch":
            return self._live is not None
        return self._unfinished is not None if action == "resume" else True

    def action_move(self, step: int) -> None:
        """To another field."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_results(self) -> None:
        """See the experiments that there are."""
        self.post_message(self.Results())

    def action_watch(self) -> None:
        """See what another process trains."""
        if self._live is not None:
            self.post_message(self.Watch(*self._live))

    def action_resume(self) -> None:
        """Go on with the experiment that ended too early."""
        if self._unfinished is not None:
            self.post_message(self.Resume(self._unfinished))

    def show_devices(self, devices: list[str]) -> None:
        """Offer the devices that were found once torch had been loaded."""
        self._found = devices
        select = self.query_one("#device", ChoiceSelect)
        chosen = str(select.value)
        several = [ALL] if len(best_devices(devices)) > 1 else []
        offered = list(dict.fromkeys(["auto", *devices, *several, chosen]))
        if offered != self._devices:
            self._devices = offered
            select.set_options(as_options(offered))
            select.value = chosen
        self._say_device()

    @on(ChoiceSelect.Changed, "#device")
    def _say_device(self) -> None:
        chosen = str(self.query_one("#device", ChoiceSelect).value)
        self.query_one("#device-note", Label).update(self._device_words(chosen))

    def _device_words(self, chosen: str) -> str:
        return device_words(chosen, self._found, self.settings.ray)

    def begin_anew(self) -> None:
        """As at first: Enter starts."""
        self.query_one("#start").focus()

    def show_refusal(self, text: str) -> None:
        """Say why the experiment could not begin."""
        self._say(f"✗ {text}", refused=True)

    @on(ChoiceSelect.Changed, "#preset")
    def _take_epochs(self, event: ChoiceSelect.Changed) -> None:
        """A preset brings its number of epochs."""
        preset = str(event.value)
        if preset != self._preset:
            self._preset = preset
            epochs = self.settings.presets[preset].get("epochs", DEFAULT_EPOCHS)
            self.query_one("#epochs", Input).value = str(epochs)

    @on(ModelChoice.Changed)
    @on(Input.Changed)
    @on(ChoiceSelect.Changed)
    def _say_plan(self) -> None:
        models, refused = self._chosen_models(), self._refused_field()
        self._say_preset(models)
        if not models:
            self._say("✗ choose one or more of the models", refused=True)
            return
        if refused is not None:
            self._say(f"✗ {FIELDS[refused.setting]} is not valid", refused=True)
            return
        try:
            settings = self._asked()
        except SettingsError as error:
            self._say(f"✗ {error}", refused=True)
            return
        owner = self._live[1] if self._live else None
        offered = self._live[0] if self._live else self._unfinished
        self._say(plan_words(settings, offered.id if offered else "", owner.pid if owner else None))

    def _say_preset(self, models: tuple[str, ...]) -> None:
        """How it trains, also while something else is refused."""
        preset = str(self.query_one("#preset", ChoiceSelect).value)
        with suppress(SettingsError):  # which is said below
            settings = replace(
                self._with_rate(), preset=preset, models=models or self.settings.models
            )
            self.query_one("#preset-note", Label).update(recipe_words(settings))

    def _asked(self) -> Settings:
        """What the form says.

        Raises:
            SettingsError: the values do not go together.
        """
        given: dict[str, Any] = {field.setting: field.value for field in self.query(SettingField)}
        given["preset"] = str(self.query_one("#preset", ChoiceSelect).value)
        device = str(self.query_one("#device", ChoiceSelect).value)
        several = device == ALL or "," in device
        given |= {"devices": device} if several else {"device": device, "devices": ""}
        return replace(self._with_rate(), models=self._chosen_models(), **given)

    def _with_rate(self) -> Settings:
        """The settings with the learning rate of the form, which is for all models."""
        rate = self.query_one("#field-learning_rate", SettingField).value
        if rate == self.settings.learning_rate:
            return self.settings
        per_model = without(self.settings.per_model, ["learning_rate"])
        return replace(self.settings, learning_rate=rate, per_model=per_model)

    def _say(self, text: str, *, refused: bool = False) -> None:
        message = self.query_one("#message", Label)
        message.update(printable(text))
        message.set_class(refused, "-refused")

    def _chosen_models(self) -> tuple[str, ...]:
        """In the order of the settings, if they name these; else in that of the form."""
        boxes = [(name, self.query_one(f"#model-{name}", ModelChoice)) for name in MODEL_NAMES]
        chosen = tuple(name for name, box in boxes if box.value)
        asked = self.settings.models
        return asked if set(asked) == set(chosen) else chosen

    def _refused_field(self) -> SettingField | None:
        return next((f for f in self.query(SettingField) if f.refused), None)

    @on(Button.Pressed, "#start")
    @on(Input.Submitted)
    def action_start(self) -> None:
        """Start, unless something is refused; then go there."""
        # Keys that came before it, in one burst, are still on their way to their fields; or the
        # form is not there yet.
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        refused = self._refused_field()
        if refused is not None:
            refused.input.focus()
        elif not self._chosen_models():
            self.query_one(f"#model-{MODEL_NAMES[0]}").focus()
        else:
            try:
                self.settings = self._asked()
            except SettingsError as error:
                self._say(f"✗ {error}", refused=True)
                return
            self.post_message(self.Start(self.settings))
