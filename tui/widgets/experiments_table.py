"""A row per experiment; the cursor stays on its experiment whatever comes and goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from tui.listed import Found, Listed
from tui.palette import LETTERS

HEADS = ("", "experiment", "status", "training", "best test accuracy, mean")
NARROW_HEADS = ("", "experiment", "status", "best, mean")
WIDE_FROM = 94
"""Cells from which all columns fit."""


class ExperimentsTable(DataTable[Text]):
    """Shows what it is given, in that order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", id="experiments", classes="panel")
        self.border_title, self.border_subtitle = "reading…", "Enter opens"
        self._listed: Sequence[Listed] = ()
        self._ticked: Sequence[str] = ()
        self._heads: Sequence[str] = ()
        self._last = ""
        """The name of the one that was chosen last: a filter may hide it for a while."""

    @property
    def chosen(self) -> Found | None:
        """The experiment under the cursor."""
        return self._listed[self.cursor_row].found if self.cursor_row < len(self._listed) else None

    def show(self, rows: Sequence[Listed], ticked: Sequence[str]) -> None:
        """Bring the table up to date; ``ticked`` are names, in the order of their letters."""
        if self.chosen is not None:
            self._last = self.chosen.folder.name
        before = self._lay_out([each.name for each in rows])
        self._listed, self._ticked = rows, ticked
        for row, each in enumerate(rows):
            self._show_row(row, self._cells(each), new=row >= before)
        names = [each.name for each in rows]
        if not before and self._last in names:
            self.move_cursor(row=names.index(self._last))

    def _lay_out(self, names: Sequence[str]) -> int:
        """Clear it unless rows are only added; return how many stay."""
        heads = HEADS if self.size.width >= WIDE_FROM else NARROW_HEADS
        if heads != self._heads:
            self.clear(columns=True)
            self.add_columns(*heads)
            self._heads = heads
            return 0
        before = [each.name for each in self._listed]
        if names[: len(before)] == before:
            return len(before)
        self.clear()
        return 0

    def on_resize(self) -> None:
        """More columns may fit, or fewer."""
        self.call_after_refresh(lambda: self.show(self._listed, self._ticked))

    def _show_row(self, row: int, cells: Sequence[Text], *, new: bool) -> None:
        if new:
            self.add_row(*cells)
            return
        for column, cell in enumerate(cells):
            place = Coordinate(row, column)
            if self.get_cell_at(place) != cell:
                self.update_cell_at(place, cell, update_width=True)

    def _cells(self, each: Listed) -> list[Text]:
        name, status, trained, best = each.words
        tick = Text(" ")
        if each.name in self._ticked:
            tick = Text(LETTERS[self._ticked.index(each.name)], "bold reverse")
        cells = [tick, Text(name), Text(status, "bold" if status == "unreadable" else "")]
        return [*cells, *([Text(trained)] if self._heads == HEADS else []), Text(best)]
