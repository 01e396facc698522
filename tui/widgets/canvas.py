"""Where a digit is drawn, with the mouse or the keyboard."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import MouseDown, MouseMove, MouseUp
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from tui.drawing import SIDE, Drawing
from tui.pixels import enlarged, picture, rows_of
from tui.widgets.strip_widget import StripWidget

LARGE_FROM = SIDE
"""Rows from which a pixel takes two cells side by side; below, half a cell."""

MARK = Style(bold=True, color="bright_green")
"""The pen of the keyboard, on the paper as on the ink."""


class Canvas(StripWidget, can_focus=True):
    """28×28 pixels; the pen of the keyboard is marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pen(-1, 0)", "Left", show=False),
        Binding("right", "pen(1, 0)", "Right", show=False),
        Binding("up", "pen(0, -1)", "Up", show=False),
        Binding("down", "pen(0, 1)", "Down", show=False),
        Binding("space", "toggle_pen", "Pen", key_display="space"),
        Binding("x", "toggle_eraser", "Eraser"),
    ]

    class Changed(Message):
        """Something was drawn or erased."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(id="canvas", classes="panel")
        self.drawing = drawing
        self._pen = (SIDE // 2, SIDE // 2)
        self._tool = ""
        """What the keyboard's pen does as it moves: "draw", "erase" or nothing."""
        self._last: tuple[float, float] | None = None
        """Where the mouse was while its button is down."""
        self._erasing = False
        """Whether that is the right button."""
        self._label()

    @property
    def _large(self) -> bool:
        return self.size.height >= LARGE_FROM and self.size.width >= 2 * SIDE

    def watch_has_focus(self, has_focus: bool) -> None:
        """The pen is marked only while keys move it."""
        super().watch_has_focus(has_focus)
        self.redraw()

    def change(self, image: bytes | None) -> None:
        """Load an image of 28×28 grey bytes, or wipe."""
        if image is None:
            self.drawing.wipe()
        else:
            self.drawing.load(image)
        self._changed()

    def _changed(self) -> None:
        self.redraw()
        self.post_message(self.Changed())

    def draw(self) -> list[Strip]:
        """The picture, with the pen where the keyboard has it."""
        rows = rows_of(self.drawing.image, SIDE)
        strips = picture(enlarged(rows, 2) if self._large else rows, self.paper)
        if not self.has_focus:
            return strips
        x, y, width = self._pen[0], self._pen[1] // 2, 1
        if self._large:
            x, y, width = 2 * self._pen[0], self._pen[1], 2
        mark = Strip([Segment({"": "╺╸", "draw": "██", "erase": "░░"}[self._tool][:width], MARK)])
        strip = strips[y]
        strips[y] = Strip.join([strip.crop(0, x), mark, strip.crop(x + width, strip.cell_length)])
        return strips

    def _label(self) -> None:
        words = {"": "arrows move the pen", "draw": "pen down", "erase": "erasing"}
        self.border_subtitle = words[self._tool]

    def _choose(self, tool: str) -> None:
        self._tool = "" if self._tool == tool else tool
        self._label()
        self.action_pen(0, 0)

    def action_toggle_pen(self) -> None:
        """Put the pen down, or lift it."""
        self._choose("draw")

    def action_toggle_eraser(self) -> None:
        """Erase as the pen moves, or no more."""
        self._choose("erase")

    def action_pen(self, right: int, down: int) -> None:
        """Move the pen by so many pixels."""
        before = self._pen
        x, y = before[0] + right, before[1] + down
        self._pen = (min(max(0, x), SIDE - 1), min(max(0, y), SIDE - 1))
        if self._tool:
            start, end = ((x + 0.5, y + 0.5) for x, y in (before, self._pen))
            self.drawing.stroke(start, end, erase=self._tool == "erase")
            self._changed()
        else:
            self.redraw()

    def _pixel(self, offset: Offset) -> tuple[float, float]:
        """The place in the drawing of a cell's middle."""
        if self._large:
            return (offset.x + 0.5) / 2, offset.y + 0.5
        return offset.x + 0.5, 2 * offset.y + 1.0

    def on_mouse_down(self, event: MouseDown) -> None:
        """Begin a stroke; the right button erases."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self.capture_mouse()
            self._last, self._erasing = self._pixel(offset), event.button == 3
            self._stroke_to(self._last)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Go on with it."""
        if not event.button:  # it was let go where nobody saw it
            self._last = None
        if self._last is not None:
            offset = event.get_content_offset_capture(self)
            self._stroke_to(self._pixel(offset))

    def on_mouse_up(self, event: MouseUp) -> None:
        """End it."""
        self._last = None
        self.release_mouse()

    def _stroke_to(self, place: tuple[float, float]) -> None:
        self.drawing.stroke(self._last or place, place, erase=self._erasing)
        self._last = place
        self._changed()
