"""A row per run: where it is, how fast, when it will be done."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.strip import Strip

from engine.events import RunId
from tui.experiment_view import ExperimentView
from tui.palette import model_shades
from tui.widgets.run_row import columns_for, head_words, row_strip, row_words
from tui.widgets.strip_widget import StripWidget

ANY_NUMBER = 10**6
"""More rows than there are."""
FEW_ROWS = 32
"""Rows of a terminal below which the table takes a third of them, and from which a quarter."""


class RunsTable(StripWidget, can_focus=True):
    """Column names, and below them the rows in sight; the runs under way come into sight."""

    DEFAULT_CSS = """
    RunsTable { height: auto; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--header", "runs--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Row up", show=False),
        Binding("down", "move(1)", "Row down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"move(-{ANY_NUMBER})", "First row", show=False),
        Binding("end", f"move({ANY_NUMBER})", "Last row", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._view = ExperimentView()
        self._rows: list[RunId] = []
        self._cursor = 0
        self._top = 0
        """Index of the first row in sight."""
        self._followed: RunId | None = None
        self._known_rows: dict[RunId, Strip] = {}
        """As drawn since the last ``show``: moving the cursor changes none of them."""
        self._known_for: tuple[object, ...] = ()
        """The columns and the background that they were drawn for."""

    @property
    def chosen(self) -> RunId | None:
        """The run under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def row_count(self) -> int:
        """One per run."""
        return len(self._rows)

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame names the worker of the chosen run."""
        run = self._view.record.runs.get(self.chosen) if self._view.record and self.chosen else None
        title = Content(f"{run.id}: {run.place}" if run is not None and run.place else "").markup
        if self.is_attached and title != (self.border_title or ""):  # it repaints everything
            self.border_title = title
        super().redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The column names and all rows, but no more than leaves the charts their room."""
        most = viewport.height // (3 if viewport.height < FEW_ROWS else 4)
        return min(1 + max(1, len(self._rows)), max(4, most))

    def show(self, view: ExperimentView) -> None:
        """Bring every row up to date."""
        self._view = view
        self._known_rows.clear()
        rows = list(view.record.runs) if view.record else []
        if rows != self._rows:
            chosen, self._rows = self.chosen, rows
            if chosen in rows:  # wherever its row has gone
                self._cursor = rows.index(chosen)
            self.action_move(0)
            self.refresh(layout=True)
        current = next((run.id for group in view.under_way for run in group), None)
        if current is not None and current != self._followed:
            # The cursor goes along, unless its user has put it on another run.
            if self._followed is None or self.chosen == self._followed:
                self._cursor = rows.index(current)
            self._followed = current
        self.redraw()

    def action_move(self, rows: int) -> None:
        """Move the cursor down by so many rows."""
        self._cursor = min(max(0, self._cursor + rows), max(0, len(self._rows) - 1))
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Move the cursor down by so many screens of rows."""
        self.action_move(pages * max(1, self.size.height - 2))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """As the key."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """As the key."""
        event.stop()
        self.action_move(-1)

    def on_click(self, event: Click) -> None:
        """The cursor goes to the row."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 < offset.y <= len(self._rows) - self._top:
            self._cursor = self._top + offset.y - 1
            self.redraw()

    def draw(self) -> list[Strip]:
        """The column names and the rows around the cursor."""
        width, height = self.size
        runs = self._view.record.runs if self._view.record else {}
        columns = columns_for(width, max((len(run.place) for run in runs.values()), default=0))
        strips = [row_strip(head_words(columns)).apply_style(self._look("runs--header"))]
        room = height - 1
        self._scroll(room)
        rows = self._rows[self._top : self._top + room]
        for y, row in enumerate(self._row_strips(rows, columns)):
            thumb = Strip([Segment(self._thumb(y, room))])
            strip = Strip.join([row.adjust_cell_length(width - 1), thumb])
            if self._top + y == self._cursor:
                strip = strip.apply_style(self._look("runs--cursor"))
            strips.append(strip)
        return strips

    def _row_strips(self, rows: list[RunId], columns: dict[str, int]) -> list[Strip]:
        background = self.colors[2]
        if self._known_for != (columns, background):
            self._known_for = (columns, background)
            self._known_rows.clear()
        missing = [id_ for id_ in rows if id_ not in self._known_rows]
        eta = self._view.eta() if missing else None
        for id_ in missing:
            assert self._view.record is not None
            words = row_words(self._view.record.runs[id_], self._view, eta, columns)
            color = model_shades(id_.model, background).full
            self._known_rows[id_] = row_strip(words, color)
        return [self._known_rows[id_] for id_ in rows]

    def _scroll(self, room: int) -> None:
        """So that the cursor is among so many rows; where it goes along, all that is under way."""
        last = self._cursor
        if self.chosen == self._followed:
            running = {run.id for group in self._view.under_way for run in group}
            last = max((i for i, run in enumerate(self._rows) if run in running), default=last)
        self._top = max(self._top, last - room + 1)
        self._top = min(self._top, self._cursor, max(0, len(self._rows) - room))
        self._top = max(self._top, self._cursor - room + 1)

    def _thumb(self, y: int, room: int) -> str:
        """The scroll bar's cell in row ``y`` of those in sight; blank if all rows are."""
        rows = len(self._rows)
        if rows <= room:
            return " "
        first, end = self._top * room // rows, (self._top + room) * room // rows
        return "┃" if first <= y < max(first + 1, end) else "│"

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(name)
