"""The models side by side: what they reach, what it costs, and what was published."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.experiment_view import ExperimentView
from tui.screens.sized import SizedScreen, side_bindings
from tui.widgets.comparison_table import ComparisonTable
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.scatter import Scatter
from tui.wording import limits

INTERVAL = 0.5


class CompareScreen(SizedScreen[None]):
    """A sorted table, and accuracy against time."""

    CSS_PATH = "compare.tcss"
    HELP = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*side_bindings("compare")]

    def __init__(self, view: ExperimentView) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """The table above, the chart below."""
        yield Static(Text("mnist-tui   compare", "bold"), id="title")
        yield ComparisonTable()
        yield Scatter()
        yield KeysFooter()

    def on_mount(self) -> None:
        """Follow the training."""
        self.query_one(ComparisonTable).focus()
        self.set_interval(INTERVAL, self._follow)
        self._follow()

    def _follow(self) -> None:
        record = self._view.record
        if record is not None:
            self.query_one(ComparisonTable).show(record.models, limits(record.settings))
            self.query_one(Scatter).show(list(record.runs.values()))
