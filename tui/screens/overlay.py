"""Several experiments over one another: their curves, their models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.records import ExperimentRecord
from tui.bridge import Bridge
from tui.chart_lines import MEASURES
from tui.form_words import recipe_words
from tui.output_lines import inert
from tui.overlay import overlay
from tui.palette import LETTERS
from tui.screens.charted import ChartedScreen
from tui.widgets.charts import Charts
from tui.widgets.comparison_table import ComparisonTable
from tui.widgets.keys_footer import KeysFooter
from tui.wording import counted, limits

FRAME = 3
"""Rows of the table that are not a model's."""


class OverlayScreen(ChartedScreen[None]):
    """As they were when they were chosen."""

    CSS_PATH = "overlay.tcss"
    HELP = "overlay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "differences", "Chance?", tooltip="Is the difference more than chance?"),
        Binding("m", "enlarge", "Enlarge"),
        Binding("u", "unit", "Seconds", tooltip="Below the charts: epochs or seconds"),
        Binding("b", "band", "Repeats", tooltip="Repeats as a band or as lines"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False, tooltip="Quit"),
    ]

    def __init__(self, records: Sequence[ExperimentRecord]) -> None:
        super().__init__()
        self._records = records
        self._overlay = overlay(records)
        self.bridge = Bridge()

    @property
    def record(self) -> ExperimentRecord:
        """All of them as one."""
        return self._overlay

    def compose(self) -> ComposeResult:
        """Which is which, the curves, the numbers."""
        yield Static(Text("mnist-tui   compare", "bold"), id="title")
        yield Static(self._keys(), id="experiments")
        yield Charts(tests_alone=True)
        yield ComparisonTable()
        with VerticalScroll(id="differences", classes="panel") as box:
            box.border_title = "Is it more than chance?"
            yield Static("computing…", id="words", markup=False)
        yield KeysFooter()

    def on_mount(self) -> None:
        """Draw once: nothing of it changes."""
        table = self.query_one(ComparisonTable)
        table.styles.height = FRAME + len(self._overlay.model_names)
        table.show(self._overlay.models, "")
        table.focus()
        for measure in MEASURES:
            self.draw_chart(measure)
        self.run_worker(self._compute, thread=True, description="differences")

    def _compute(self) -> None:
        from tui.overlaid_differences import difference_lines

        words = "\n".join(map(inert, difference_lines(self._records)))
        self.app.call_from_thread(self.query_one("#words", Static).update, words)

    def action_differences(self) -> None:
        """In the place of the charts, where there is no room for both."""
        self.toggle_class("-differences")
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What changes the charts acts where they are in sight; train curves are not there."""
        if action == "smooth":
            return False
        charts = ("enlarge", "scale", "unit", "band", "zoom", "read_out")
        if action in charts and self.has_class("-differences"):
            return False
        return action != "differences" or self.maximized is None

    def _keys(self) -> Text:
        """What each letter stands for: the experiment, and how it trained."""
        text = Text()
        for letter, record in zip(LETTERS, self._records, strict=False):
            settings = record.settings
            text.append(f"{letter}  ", "bold").append(inert(record.id))
            how = [settings.preset, counted(settings.epochs, "epoch")]
            words = [*how, limits(settings), recipe_words(settings)]
            text.append(f"   {', '.join(filter(None, words))}\n", "dim")
        text.right_crop(1)
        return text
