"""A row for each model, sorted by any column; the best of each column is marked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
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
    """Sorted with the arrow keys or by a click on a column's name. Where not all columns fit, those
    are in sight that the one it is sorted by is among.
    """

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
        self._sorted_by = self._first = 0
        """Places among ``COLUMNS``: the one it is sorted by, and the first in sight."""
        self._reverse = False

    def show(self, models: Sequence[ModelSummary], limited: str) -> None:
        """Bring it up to date; ``limited`` says what of MNIST is left out, if anything."""
        self._models = models
        self.border_title = f"Finished, {limited}" if limited else "Finished runs"
        self.redraw()

    def action_sort(self, columns: int) -> None:
        """By another column."""
        self._sorted_by = (self._sorted_by + columns) % len(COLUMNS)
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
        for column in self._in_sight():
            if x <= offset.x < x + column.width:
                index = COLUMNS.index(column)
                self._reverse = not self._reverse if index == self._sorted_by else False
                self._sorted_by = index
                self.redraw()
                return
            x += column.width

    def _in_sight(self) -> Sequence[Column]:
        """Those that fit, of which the first moves on no further than it must."""
        self._first = min(self._first, self._sorted_by)
        while self._end() <= self._sorted_by:
            self._first += 1
        return COLUMNS[self._first : self._end()]

    def _end(self) -> int:
        """The place of the first column that does not fit; at least one does."""
        ends = accumulate(column.width for column in COLUMNS[self._first :])
        room = self.size.width - NAME_WIDTH
        return self._first + max(1, sum(end <= room for end in ends))

    def draw(self) -> list[Strip]:
        """Column names, models, and what the notebook published."""
        columns, chosen = self._in_sight(), COLUMNS[self._sorted_by]
        earlier, later = "◂" if self._first else " ", "▸" if self._end() < len(COLUMNS) else " "
        more = f"{earlier} more {later}" if earlier + later != "  " else ""
        head = Text(more.ljust(NAME_WIDTH), "dim")
        for column in columns:
            mark = ("▲" if self._reverse else "▼") if column is chosen else ""
            head.append(f"{column.name + mark:>{column.width}}", "bold" if mark else "dim")
        models = ranked(self._models, chosen, reverse=self._reverse)
        winners = [best(self._models, column) for column in columns]
        rows = [self._row(model, columns, winners) for model in models]
        reference = Text("notebook".ljust(NAME_WIDTH), "dim")
        published = "  ".join(f"{name} {accuracy(found)}" for name, found in NOTEBOOK.items())
        reference.append(f"  as published: {published}", "dim")
        return [self.strip(line) for line in (head, *rows, Text(), reference)]

    def _row(
        self,
        model: ModelSummary,
        columns: Sequence[Column],
        winners: Sequence[Sequence[ModelSummary]],
    ) -> Text:
        shade = model_shades(model.name, self.colors[2]).full
        text = Text(f"{look(model.name).marker} {model.name}".ljust(NAME_WIDTH), shade)
        for column, best_ones in zip(columns, winners, strict=True):
            wins = model in best_ones
            shown = f"{BEST if wins else ''}{column.shown(model)}"
            text.append(f"{shown:>{column.width}}", "bold" if wins else "")
        return text
