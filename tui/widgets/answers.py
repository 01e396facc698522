"""What each network takes a drawing for: ten bars each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.strip import Strip

from tui.bar import bar
from tui.large_digits import large_digits
from tui.palette import look, model_shades
from tui.widgets.strip_widget import StripWidget

AROUND_BAR = 9
"""Cells of a column beside its bar: the digit, the percentage, the space to the next column."""


class Answers(StripWidget):
    """A column for each network, the surest digit in bold."""

    def __init__(self) -> None:
        super().__init__(id="answers", classes="panel")
        self.border_title = "Answers"
        self._answers: Mapping[str, Sequence[float]] = {}
        self._columns = 1
        self._words = ""

    def show(self, answers: Mapping[str, Sequence[float]], columns: int) -> None:
        """Show the probabilities of the ten digits by model, with room for so many of these."""
        self._answers, self._columns = answers, columns
        self.redraw()

    def say(self, words: str) -> None:
        """Show this instead."""
        self._answers, self._words = {}, words
        self.redraw()

    def draw(self) -> list[Strip]:
        """The answer in large and ten bars for each network."""
        if not self._answers:
            return [self.strip(Text(self._words, "dim"))]
        width = min(self.size.width // self._columns, 40)
        columns = [self._column(model, found, width) for model, found in self._answers.items()]
        return [Strip.join(parts) for parts in zip(*columns, strict=True)]

    def _column(self, model: str, found: Sequence[float], width: int) -> list[Strip]:
        shade = model_shades(model, self.colors[2]).full
        best = max(range(10), key=found.__getitem__)
        head = Text(f"{look(model).marker} {model}"[: width - 1], shade)
        digit_rows = large_digits(str(best), ascii=self.ascii)
        lines = [head, *(Text(f"  {row}", shade) for row in digit_rows)]
        for digit, share in enumerate(found):
            line = Text(f"{digit} ").append_text(bar(share, max(1, width - AROUND_BAR), shade))
            line.append(f" {share:>4.0%}")
            if digit == best:
                line.stylize("bold")
            lines.append(line)
        return [self.strip(line).adjust_cell_length(width) for line in lines]
