"""The table of runs as the plan that it is: the run under the cursor can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from engine.events import RunId
from engine.plan import Plan
from engine.settings import rule
from tui.experiment_view import ExperimentView
from tui.widgets.runs_table import RunsTable
from tui.wording import counted

KEYS = "a add  r remove  + - epochs  \\[ ] move"
"""As markup."""


class PlanTable(RunsTable):
    """Takes a run out of the queue, moves it there, gives it more epochs or fewer."""

    # What has a tooltip is in the command palette.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,delete", "remove", "Remove", show=False, tooltip="Remove the chosen run"),
        Binding(
            "plus,equals_sign",
            "epochs(1)",
            "More",
            key_display="+",
            show=False,
            tooltip="One epoch more for the chosen run",
        ),
        Binding(
            "minus",
            "epochs(-1)",
            "Fewer",
            key_display="-",
            show=False,
            tooltip="One epoch fewer for the chosen run",
        ),
        Binding(
            "left_square_bracket,shift+up",
            "reorder(-1)",
            "Earlier",
            show=False,
            tooltip="Train the chosen run earlier",
        ),
        Binding(
            "right_square_bracket,shift+down",
            "reorder(1)",
            "Later",
            show=False,
            tooltip="Train the chosen run later",
        ),
    ]

    class Changed(Message):
        """The plan was changed, or could not be; ``text`` says how, or why."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, plan: Callable[[], Plan]) -> None:
        super().__init__()
        self._plan = plan

    def show(self, view: ExperimentView) -> None:
        """As ``RunsTable.show``; the frame names the keys while they work."""
        super().show(view)
        editable = bool(self.check_action("remove", ()))
        if editable != bool(self.border_subtitle):  # setting it repaints everything
            self.border_subtitle = KEYS if editable else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The plan can be changed while it trains here."""
        if action in ("remove", "epochs", "reorder"):
            training = self._view.record is not None and self._view.ended is None
            return training and not self._plan().closed
        return True

    def action_remove(self) -> None:
        """Do not train this run."""
        run = self.chosen
        if run is None:
            return
        if self._plan().remove(run):
            self.tell(f"{run} removed")
        elif self._plan().is_under_way(run):
            self.tell(f"{run} has begun: k skips it")
        else:
            self.tell(f"{run} has ended: it stays")

    def action_epochs(self, more: int) -> None:
        """Train this run longer, or shorter."""
        run, most = self.chosen, rule("epochs").high
        if run is None:
            return
        assert most is not None
        epochs = self._plan().change_epochs(run, more, int(most))
        if epochs is None:
            self.tell(f"{run} has ended: its epochs stay")
        else:
            self.tell(f"{run}: {counted(epochs, 'epoch')}")

    def action_reorder(self, places: int) -> None:
        """Train this run later, or earlier."""
        run = self.chosen
        if run is None:
            return
        if self._plan().move(run, places):
            self.tell(f"{run} comes {'later' if places > 0 else 'earlier'}")
        elif run in self._queued():
            self.tell(f"{run} is the {'last' if places > 0 else 'first'} in the queue")
        else:
            self.tell(f"{run} has begun: it keeps its place")

    def _queued(self) -> list[RunId]:
        runs = self._view.record.runs if self._view.record else {}
        return [run.id for run in runs.values() if run.status == "queued"]

    def tell(self, text: str) -> None:
        """Show the plan as it is now, and say what was changed: the next key may already be on its
        way, and the training thread tells it at its next step alone.
        """
        assert self._view.record is not None
        self._view.record.record(self._plan().state())
        self.show(self._view)
        self.post_message(self.Changed(text))
