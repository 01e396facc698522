"""An experiment that nobody trains any more: as when it ended, by its files."""

from __future__ import annotations

from collections.abc import Callable

from engine.records import ExperimentRecord
from tui.screens.watch import WatchScreen
from tui.widgets.log_pane import LogPane


class PastScreen(WatchScreen):
    """Nothing of it changes."""

    HELP = "past"

    def __init__(
        self, record: ExperimentRecord, take_log: Callable[[], list[tuple[str, str]]]
    ) -> None:
        super().__init__(record, None, take_log)

    def on_mount(self) -> None:
        """What is past has no times of today's in the log."""
        self.query_one(LogPane).timed = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """It is left for the list that it was opened from."""
        return False if action == "new" else super().check_action(action, parameters)
