"""Pictures with captions in rows and columns, one of them chosen with the arrow keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.strip import Strip

from tui.widgets.strip_widget import StripWidget


class Tiles(StripWidget, can_focus=True):
    """Give the number to ``show_count``, and draw each in ``tile`` with its ``caption``."""

    EMPTY = "nothing to show"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Left", show=False),
        Binding("right", "move(1)", "Right", show=False),
        Binding("up", "move_rows(-1)", "Up", show=False),
        Binding("down", "move_rows(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]

    class Turned(Message):
        """Another part of them is in sight."""

    def __init__(self, id: str, tile_width: int, tile_height: int) -> None:
        super().__init__(id=id, classes="panel")
        self.tile_width, self.tile_height = tile_width, tile_height
        """Cells of a picture; the caption is a row above it."""
        self.count = 0
        self.cursor = 0

    def tile(self, index: int) -> list[Strip]:
        """The picture of a tile."""
        raise NotImplementedError

    def caption(self, index: int) -> str:
        """What stands above it."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """Another tile was chosen."""

    @property
    def note(self) -> str:
        """Stands in the frame."""
        return ""

    def show_count(self, count: int) -> None:
        """So many tiles, all anew."""
        self.count = count
        self.cursor = min(self.cursor, max(0, count - 1))
        self.redraw()

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return max(1, (self.size.width + 1) // (self.tile_width + 1))

    @property
    def rows(self) -> int:
        """Rows of tiles in sight."""
        return max(1, self.size.height // (self.tile_height + 1))

    @property
    def part(self) -> str:
        """Which of them are in sight, "1–10 of 100"; empty where all are."""
        page = self.rows * self.columns
        if self.count <= page:
            return ""
        return f"{self._first + 1}–{min(self._first + page, self.count)} of {self.count}"

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame says which part it is."""
        words = "  ".join(filter(None, (self.part, self.note)))
        if self.is_attached and words != self.border_subtitle:  # setting it repaints everything
            self.border_subtitle = words
            self.post_message(self.Turned())
        super().redraw()

    def on_resize(self) -> None:
        """More of them are in sight, or fewer."""
        self.redraw()

    def action_move(self, tiles: int) -> None:
        """Choose another tile."""
        cursor = min(max(0, self.cursor + tiles), max(0, self.count - 1))
        if cursor != self.cursor:
            self.cursor = cursor
            self.redraw()
            self.cursor_moved()

    def action_move_rows(self, rows: int) -> None:
        """Choose the tile above or below."""
        if 0 <= self.cursor + rows * self.columns < self.count:
            self.action_move(rows * self.columns)

    def action_page(self, pages: int) -> None:
        """As many tiles further as are in sight."""
        self.action_move(pages * self.rows * self.columns)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """As the key."""
        event.stop()
        self.action_move_rows(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """As the key."""
        event.stop()
        self.action_move_rows(-1)

    def on_click(self, event: Click) -> None:
        """Choose the tile under the mouse."""
        offset = event.get_content_offset(self)
        if offset is not None:
            row, column = offset.y // (self.tile_height + 1), offset.x // (self.tile_width + 1)
            index = self._first + row * self.columns + min(column, self.columns - 1)
            if index < self.count:
                self.action_move(index - self.cursor)

    @property
    def _first(self) -> int:
        """The first tile in sight: whole pages, so that tiles stay where they are."""
        page = self.rows * self.columns
        return self.cursor // page * page

    def draw(self) -> list[Strip]:
        """The page of tiles that has the chosen one."""
        if not self.count:
            return [self.strip(Text(self.EMPTY, "dim"))]
        strips: list[Strip] = []
        for start in range(self._first, self._first + self.rows * self.columns, self.columns):
            shown = [self._whole(i) for i in range(start, min(start + self.columns, self.count))]
            strips += [Strip.join(parts) for parts in zip(*shown, strict=True)]
        return strips

    def _whole(self, index: int) -> list[Strip]:
        """A tile with its caption, and a column of space."""
        caption = Text(self.caption(index)[: self.tile_width], "dim")
        if index == self.cursor:
            caption.stylize("not dim bold reverse")
        rows = [self.strip(caption), *self.tile(index)]
        rows += [Strip.blank(0)] * (1 + self.tile_height - len(rows))
        return [row.adjust_cell_length(self.tile_width + 1) for row in rows]
