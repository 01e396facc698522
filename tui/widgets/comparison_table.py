"""A row for each model, sorted by any column; the best of each column is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.strip import Strip

from engine.records import ModelSummary
from tui.comparison import COLUMNS, NOTEBOOK, Column, best, ranked
from tui.palette import look, model_shades
from tui.widgets.strip_widget import StripWidget
from tui.wording import accuracy

NAME_WIDTH = 15
BEST = "★"


class ComparisonTable(StripWidget, can_focus=True):
    """Sorted with the arrow keys or by a click on a column's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sort(-1)", "Sort", key_display="← →"),
        Binding("right", "sort(1)", "Sort", show=False),
        Binding("r", "reverse", "Reverse"),
    ]

    def __init__(self) -> None:
        super().__init__(id="comparison", classes="panel")
        self.border_title = "Finished runs"
        self.border_subtitle = f"{BEST} best of its column"
        self._models: Sequence[ModelSummary] = ()
        self._sorted_by = 0
        self._reverse = False

    def show(self, models: Sequence[ModelSummary], limited: str) -> None:
        """Bring it up to date; ``limited`` says what of MNIST is left out, if anything."""
        self._models = models
        self.border_title = f"Finished runs {limited}".rstrip()
        self.redraw()

    def action_sort(self, columns: int) -> None:
        """By another column."""
        self._sorted_by = (self._sorted_by + columns) % len(self._columns())
        self.redraw()

    def action_reverse(self) -> None:
        """The other way round."""
        self._reverse = not self._reverse
        self.redraw()

    def on_click(self, event: Click) -> None:
        """Sort by the column under the mouse; once more turns it round."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y != 0:
            return
        x = NAME_WIDTH
        for index, column in enumerate(self._columns()):
            if x <= offset.x < x + column.width:
                self._reverse = not self._reverse if index == self._sorted_by else False
                self._sorted_by = index
                self.redraw()
            x += column.width

    def _columns(self) -> list[Column]:
        """Those that fit."""
        room, fitting = self.size.width - NAME_WIDTH, []
        for column in COLUMNS:
            room -= column.width
            if room >= 0:
                fitting.append(column)
        return fitting or [COLUMNS[0]]

    def draw(self) -> list[Strip]:
        """Column names, models, and what the notebook published."""
        columns = self._columns()
        self._sorted_by = min(self._sorted_by, len(columns) - 1)
        head = Text(" " * NAME_WIDTH)
        for index, column in enumerate(columns):
            mark = ("▲" if self._reverse else "▼") if index == self._sorted_by else ""
            head.append(f"{column.name + mark:>{column.width}}", "bold" if mark else "dim")
        models = ranked(self._models, columns[self._sorted_by], reverse=self._reverse)
        rows = [self._row(model, columns) for model in models]
        reference = Text("notebook".ljust(NAME_WIDTH), "dim")
        published = "  ".join(f"{name} {accuracy(found)}" for name, found in NOTEBOOK.items())
        reference.append(f"  as published: {published}", "dim")
        return [self.strip(line) for line in (head, *rows, Text(), reference)]

    def _row(self, model: ModelSummary, columns: Sequence[Column]) -> Text:
        shade = model_shades(model.name, self.colors[2]).full
        text = Text(f"{look(model.name).marker} {model.name}".ljust(NAME_WIDTH), shade)
        for column in columns:
            value = column.value(model)
            wins = value is not None and value == best(self._models, column)
            shown = f"{BEST if wins else ''}{column.shown(model)}"
            text.append(f"{shown:>{column.width}}", "bold" if wins else "")
        return text
