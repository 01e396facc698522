"""The top line: what the experiment is doing, how far it is, when it will be done."""

from __future__ import annotations

from rich.text import Text
from textual.strip import Strip

from tui.bar import bar
from tui.experiment_view import ExperimentView
from tui.side_by_side import names, workers
from tui.widgets.strip_widget import StripWidget
from tui.wording import duration

GLYPHS = {
    "loading": "…",
    "starting": "…",
    "training": "▶",
    "watching": "▷",
    "paused": "‖",
    "last epoch": "◼",
    "stopping": "◼",
    "finished": "✓",
    "stopped": "◼",
    "failed": "✗",
    "interrupted": "✗",
}
LEAST_BAR = 8
"""Cells."""
LOUD = dict.fromkeys(("paused", "last epoch", "failed"), "bold reverse")


class StatusLine(StripWidget):
    """The state in words, the experiment's progress and its times."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self._state = "loading"
        self._view = ExperimentView()

    @property
    def content(self) -> str:
        """What it says."""
        return self._text().plain

    def show(self, state: str, view: ExperimentView) -> None:
        """Bring it up to date."""
        self._state, self._view = state, view
        self.redraw()

    def draw(self) -> list[Strip]:
        """One line."""
        return [self.strip(self._text())]

    def _text(self) -> Text:
        return status_text(self._state, self._view, self.size.width)


def status_text(state: str, view: ExperimentView, width: int) -> Text:
    """At most ``width`` cells; the bar takes what the words leave."""
    left = Text.assemble(("mnist-tui", "bold"), "  ")
    words = f"{state} {_workers(view)}" if state == "starting" else state
    if state == "paused" and view.last_epoch:
        words = "paused in the last epoch"
    left.append(f" {GLYPHS.get(state, '')} {words} ", LOUD.get(state, "bold"))
    right = f"  {view.fraction_of_all():4.0%}  elapsed {duration(view.elapsed)}"
    eta = view.eta()
    if eta is not None and (eta.complete or eta.total >= 1):
        right += f"  left {'' if eta.complete else '>'}{duration(eta.total)}"
    room = width - left.cell_len - len(right) - 3
    groups = view.under_way
    which = f" {', '.join(map(names, groups))} " if len(groups) > 1 else ""
    if which and room - len(which) >= LEAST_BAR:
        left.append(which)
        room -= len(which)
    if room >= LEAST_BAR:
        left.append(" ").append_text(bar(view.fraction_of_all(), min(room, 40)))
    return left.append(right)


def _workers(view: ExperimentView) -> str:
    count = workers(view.record) if view.record else 1
    return f"{count} workers" if count > 1 else "workers"
