"""One test digit at full size, and what every network makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.strip import Strip

from engine.events import Snapshot
from tui.palette import look, model_shades
from tui.pixels import picture, rows_of
from tui.widgets.strip_widget import StripWidget

SIDE = 28


class ChosenDigit(StripWidget):
    """The digit on the left, the answers on its right."""

    def __init__(self) -> None:
        super().__init__(id="digit", classes="panel")
        self._image = b""
        self._number = 0
        self._true = 0
        self._snapshots: Mapping[str, Snapshot] = {}

    def show(self, number: int, image: bytes, true: int, snapshots: Mapping[str, Snapshot]) -> None:
        """Show a test image, its digit, and each model's answer."""
        self.border_title = f"Test digit #{number}: {true}"
        self._number, self._image, self._true = number, image, true
        self._snapshots = snapshots
        self.redraw()

    def draw(self) -> list[Strip]:
        """Side by side."""
        if not self._image:
            return []
        rows = picture(rows_of(self._image, SIDE), self.paper)
        lines = [self.strip(line) for line in self._answers()]
        lines += [Strip.blank(0)] * (len(rows) - len(lines))
        return [
            Strip.join([row, Strip.blank(1), line]) for row, line in zip(rows, lines, strict=False)
        ]

    def _answers(self) -> list[Text]:
        lines = [Text("answers", "dim")]
        for model, snapshot in self._snapshots.items():
            answer = snapshot.predicted[self._number]
            confidence = snapshot.confidence[self._number] / 255
            mark = "✓" if answer == self._true else "✗"
            line = Text(f"{look(model).marker} {model}", model_shades(model, self.colors[2]).full)
            lines += [Text(), line, Text(f"  {answer} {mark}  {confidence:.0%}", "bold")]
        return lines
