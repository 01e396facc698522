"""What the networks of an experiment that has ended confuse, as its summary says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from engine.events import RunFinished
from engine.records import ExperimentRecord
from engine.statistics import added
from tui.palette import look, model_shades
from tui.screens.sized import SizedScreen, side_bindings
from tui.turns import next_in_turn
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.digit_scores import DigitScores
from tui.widgets.keys_footer import KeysFooter
from tui.wording import accuracy

NOTHING = "No run has come to a confusion matrix."


class ConfusionScreen(SizedScreen[None]):
    """One model at a time, its repeats added up or one of them."""

    CSS_PATH = "confusion.tcss"
    HELP = "confusion"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (120, "-roomy")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "model", "Network"),
        Binding("v", "view", "View"),
        Binding("left", "run(-1)", "Run", key_display="← →"),
        Binding("right", "run(1)", "Run", show=False),
        *side_bindings("inspect"),
    ]

    def __init__(self, record: ExperimentRecord) -> None:
        super().__init__()
        self._runs: dict[str, list[RunFinished]] = {}
        """By model, those with a confusion matrix."""
        for run in record.runs.values():
            if run.finished is not None and run.finished.confusion:
                self._runs.setdefault(run.id.model, []).append(run.finished)
        self._model = next(iter(self._runs), "")
        self._place = 0
        """Of the chosen run among the model's, from 1; 0 for all of them."""

    @property
    def has_runs(self) -> bool:
        """Whether there is anything to show."""
        return bool(self._runs)

    def compose(self) -> ComposeResult:
        """The networks, then the matrix and what comes of it."""
        yield Static(id="networks")
        yield Static(NOTHING, id="waiting")
        with Horizontal(id="views"):
            yield ConfusionMap()
            yield DigitScores()
        yield KeysFooter()

    def on_mount(self) -> None:
        """Show the first model."""
        self.set_class(not self._runs, "-waiting")
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show())
        self._show()

    def _show(self) -> None:
        self._show_networks()
        if not self._runs:
            return
        ends = self._runs[self._model]
        chosen = ends if self._place == 0 else [ends[self._place - 1]]
        confusion = added([end.confusion for end in chosen])
        self.query_one(ConfusionMap).show(self._model, confusion)
        self.query_one(DigitScores).show(confusion, _notes(chosen))

    def _show_networks(self) -> None:
        """Every network, the chosen one marked, and of which runs it is."""
        text = Text("mnist-tui   confusion  ", "bold")
        for model, ends in self._runs.items():
            shade = model_shades(model, self.colors[2]).full
            chosen = model == self._model
            text.append(
                f" {look(model).marker} {model} ", f"bold reverse {shade}" if chosen else shade
            )
            if chosen:
                together = f"all {len(ends)} runs" if len(ends) > 1 else str(ends[0].run)
                text.append(f" {str(ends[self._place - 1].run) if self._place else together} ")
        self.query_one("#networks", Static).update(text)

    def action_model(self) -> None:
        """The next network."""
        if self._runs:
            self._model, self._place = next_in_turn(list(self._runs), self._model), 0
            self._show()

    def action_run(self, step: int) -> None:
        """Another run of the network, and all of them together."""
        if self._runs:
            self._place = (self._place + step) % (len(self._runs[self._model]) + 1)
            self._show()

    def action_view(self) -> None:
        """The matrix or the scores, where there is room for one of them."""
        self.toggle_class("-scores")


def _notes(ends: Sequence[RunFinished]) -> list[str]:
    """How far the networks' certainty can be believed; help says more."""
    errors = [end.calibration_error for end in ends if end.calibration_error is not None]
    if not errors:
        return []
    mean = sum(errors) / len(errors)
    return [f"calibration error {accuracy(mean)}"]
