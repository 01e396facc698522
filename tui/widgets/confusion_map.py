"""A confusion matrix as a heat map, with the recall of each digit."""

from __future__ import annotations

from rich.text import Text
from textual.color import Color
from textual.strip import Strip

from tui.palette import model_shades
from tui.pixels import NEGATIVE
from tui.widgets.strip_widget import StripWidget
from tui.wording import accuracy

CELL = 4
ROOMY_CELL = 5
ROOMY_FROM = 3 + 10 * ROOMY_CELL + 9
"""Cells from which counts of four digits have a space between them."""
SHADES = 12


class ConfusionMap(StripWidget):
    """Rows are true digits, columns what the network takes them for."""

    def __init__(self) -> None:
        super().__init__(id="confusion", classes="panel")
        self.border_title = "Confusion: true digits down, answers across"
        self._confusion: list[list[int]] = []
        self._model = ""

    def show(self, model: str, confusion: list[list[int]]) -> None:
        """Show a model's 10×10 counts."""
        self._model, self._confusion = model, confusion
        self.redraw()

    @property
    def _cell(self) -> int:
        return ROOMY_CELL if self.size.width >= ROOMY_FROM else CELL

    def draw(self) -> list[Strip]:
        """Column names and a row for each digit."""
        if not self._confusion:
            return []
        head = "   " + "".join(f"{digit:>{self._cell}}" for digit in range(10)) + "   recall"
        return [
            self.strip(Text(head, "dim")),
            *(self.strip(self._row(true, row)) for true, row in enumerate(self._confusion)),
        ]

    def _row(self, true: int, row: list[int]) -> Text:
        worst = max(
            (n for t, counts in enumerate(self._confusion) for p, n in enumerate(counts) if p != t),
            default=0,
        )
        text = Text(f" {true} ", "bold")
        for predicted, count in enumerate(row):
            right = predicted == true
            share = count / max(1, sum(row) if right else worst)
            shown = str(count) if count else "·"
            text.append(f"{shown:>{self._cell}}", self._heat(share, right=right))
        recall = row[true] / sum(row) if sum(row) else None
        return text.append("      n/a" if recall is None else f" {accuracy(recall):>8}", "bold")

    def _heat(self, share: float, *, right: bool) -> str:
        """The style of a cell; on the terminal's own background numbers have to do."""
        background = self.colors[2]
        if not share:
            return "dim"
        if background.ansi is not None:
            return "bold" if right else ""
        hot = Color.parse(model_shades(self._model, background).full if right else NEGATIVE)
        level = round(share**0.5 * SHADES) / SHADES  # the square root shows a single error, too
        paper = background.blend(hot, level * (0.45 if right else 0.9))
        return f"{paper.get_contrast_text(1.0).hex6} on {paper.hex6}"
