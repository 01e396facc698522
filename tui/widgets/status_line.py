"""The top line: what the experiment is doing, how far it is, when it will be done."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from tui.bar import bar
from tui.experiment_view import ExperimentView
from tui.wording import duration

GLYPHS = {
    "loading": "…",
    "training": "▶",
    "paused": "‖",
    "stopping": "◼",
    "finished": "✓",
    "stopped": "◼",
    "failed": "✗",
    "interrupted": "✗",
}
LOUD = {"paused": "bold reverse", "failed": "bold reverse", "stopping": "bold"}


class StatusLine(Static):
    """One line; redrawn only when its text changes."""

    def __init__(self) -> None:
        super().__init__("", id="status")
        self._shown = ""

    def show(self, state: str, view: ExperimentView) -> None:
        """Show the state in words, the experiment's progress and its times."""
        left = Text.assemble(("mnist-tui", "bold"), "  ")
        left.append(f" {GLYPHS.get(state, '')} {state} ", LOUD.get(state, "bold"))
        right = f"  {view.fraction_of_all():4.0%}  elapsed {duration(view.elapsed)}"
        eta = view.eta()
        if eta is not None and (eta.complete or eta.total >= 1):
            right += f"  left {'' if eta.complete else '>'}{duration(eta.total)}"
        room = self.size.width - left.cell_len - len(right) - 3
        if room >= 8:
            left.append(" ").append_text(bar(view.fraction_of_all(), min(room, 40)))
        left.append(right)
        if left.plain != self._shown:
            self._shown = left.plain
            self.update(left)
