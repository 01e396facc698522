"""An experiment that nobody trains any more: as when it ended, by its files."""

from __future__ import annotations

from collections.abc import Callable

from engine.records import ExperimentRecord
from tui.screens.watch import WatchScreen


class PastScreen(WatchScreen):
    """Nothing of it changes."""

    HELP = "past"
    NO_NETWORK = "None of its networks is saved."

    def __init__(
        self, record: ExperimentRecord, take_log: Callable[[], list[tuple[str, str]]]
    ) -> None:
        super().__init__(record, None, take_log)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """It is left for the list that it was opened from."""
        return False if action == "new" else super().check_action(action, parameters)
