"""The gallery of misread test digits."""

from __future__ import annotations

from textual.message import Message
from textual.strip import Strip

from engine.inspection import Digits
from tui.misread import Misread
from tui.pixels import MARGIN, cropped, picture, rows_of
from tui.widgets.tiles import Tiles

SIDE = 28


class Mistakes(Tiles):
    """A digit, what the network takes it for, and how certain it is of that."""

    EMPTY = "none"

    class Looked(Message):
        """At another digit."""

    def __init__(self) -> None:
        super().__init__("mistakes", SIDE - 2 * MARGIN, SIDE // 2 - MARGIN)
        self._digits = Digits(b"", b"")
        self._found: list[Misread] = []

    def show(self, found: list[Misread], digits: Digits, title: str) -> None:
        """Show these; the chosen one stays chosen if it is among them."""
        before = self.chosen
        self._found, self._digits = found, digits
        self.border_title = title
        numbers = [one.number for one in found]
        if before is not None and before.number in numbers:
            self.cursor = numbers.index(before.number)
        self.show_count(len(found))

    @property
    def chosen(self) -> Misread | None:
        """The one under the cursor."""
        return self._found[self.cursor] if self.cursor < len(self._found) else None

    def cursor_moved(self) -> None:
        """The first layer shows what it finds in the chosen digit."""
        self.post_message(self.Looked())

    def tile(self, index: int) -> list[Strip]:
        """The digit without its margin."""
        rows = rows_of(self._digits.image(self._found[index].number), SIDE)
        return picture(cropped(rows, MARGIN), self.paper)

    def caption(self, index: int) -> str:
        """Its number and both digits."""
        one = self._found[index]
        return f"{one.true} → {one.predicted} {one.confidence:.0%} #{one.number}"
