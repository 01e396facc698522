"""How well a network tells each digit, and which it takes for one another."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.strip import Strip

from engine.statistics import class_scores, macro_f1, most_confused
from tui.widgets.strip_widget import StripWidget
from tui.wording import accuracy

PAIRS = 5


class DigitScores(StripWidget):
    """Precision, recall and F1, then the pairs most often confused."""

    def __init__(self) -> None:
        super().__init__(id="scores", classes="panel")
        self.border_title = "Each digit"
        self._confusion: Sequence[Sequence[int]] = ()
        self._notes: Sequence[str] = ()

    def show(self, confusion: Sequence[Sequence[int]], notes: Sequence[str]) -> None:
        """Show what 10×10 counts come to, and other figures below."""
        self._confusion, self._notes = confusion, notes
        self.redraw()

    def draw(self) -> list[Strip]:
        """A row for each digit; what does not fit is left out, the last first."""
        if not self._confusion:
            return []
        lines = [Text(f"    {'images':>6}{'precision':>12}{'recall':>10}{'F1':>9}", "dim")]
        for digit, found in enumerate(class_scores(self._confusion)):
            shares = f"{accuracy(found.precision):>12}{accuracy(found.recall):>10}"
            values = f"{found.support:>8}{shares}"
            lines.append(Text.assemble((f" {digit}", "bold"), values, f"{found.f1:>9.4f}"))
        average = f"{macro_f1(self._confusion):>9.4f}"
        lines.append(Text.assemble((f"{'mean of the F1':>32}", "dim"), (average, "bold")))
        for true, predicted, count in most_confused(self._confusion, PAIRS):
            lines.append(
                Text.assemble((f" {true} → {predicted}", "bold"), f"  {count} times", style="")
            )
        lines += [Text(f" {note}", "dim") for note in self._notes]
        return [self.strip(line) for line in lines]
