"""An experiment that another process trains, or did: as while it trains here, by its files."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.lock import Owner
from engine.records import ExperimentRecord
from tui.follower import Follower
from tui.screens.sized import SizedScreen
from tui.screens.training import TrainingScreen
from tui.widgets.log_pane import LogPane

NOT_FROM_HERE = ("pause", "resume", "stop_after_epoch", "keep_on", "skip", "add")


class WatchScreen(TrainingScreen):
    """Shows what the files of the experiment say; leaving it ends nothing."""

    HELP = "watch"
    WITH_TORCH = ("draw",)
    NO_NETWORK = "Networks answer when their runs have ended and they are saved."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "Form", tooltip="To the form"),
        Binding("escape", "leave", "Back", key_display="Esc"),
    ]

    def __init__(
        self,
        record: ExperimentRecord,
        owner: Owner | None,
        take_log: Callable[[], list[tuple[str, str]]],
    ) -> None:
        """``owner`` is the process that trains it; None if none does any more."""
        self._follower = Follower(owner, record)
        self._owner = owner
        super().__init__(record.settings, self._follower, take_log, record.folder)
        already = (datetime.now(UTC) - _begun(record)).total_seconds()
        self.view.began = time.monotonic() - already

    def on_mount(self) -> None:
        """Say whose it is."""
        if self._owner is not None:
            text = f"watching {self._owner}; q and n let it train on"
            self.query_one(LogPane).add("INFO", text)

    def _pull(self) -> None:
        """As while it trains here; what comes at first was there before, at times not known."""
        super()._pull()
        self.query_one(LogPane).timed = self._owner is not None

    def _begin_times(self) -> None:
        """Not then: it may have been resumed long ago."""

    def on_unmount(self) -> None:
        """Look no more."""
        self._follower.leave()

    def side(self, name: str) -> SizedScreen[None]:
        """A screen that looks at this experiment; what is confused is what its summary says."""
        from tui.screens.confusion import ConfusionScreen

        if name == "inspect" and self.view.record is not None:
            return ConfusionScreen(self.view.record)
        return super().side(name)

    @property
    def state(self) -> str:
        """What the experiment does, in a word; it does so elsewhere."""
        state = self.view.state
        return "watching" if state in ("training", "starting") else state

    @property
    def unheard_because(self) -> str:
        """Why commands are not heard; only x is, by bindings that come before."""
        only = "x stops it; no other key" if self._follower.control.reaches else "no key"
        return super().unheard_because or f"another process trains this: {only} changes it"

    @property
    def afterwards(self) -> str:
        """What there is to do once the experiment has ended."""
        return "Esc leads back"

    def _end(self) -> None:
        record = self.view.record
        if record is not None and record.finished is not None:  # it may be long ago
            took = (record.finished - _begun(record)).total_seconds()
            self.view.ended = self.view.began + took
        super()._end()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys are shown and work now."""
        if action in NOT_FROM_HERE:
            return False
        if action == "stop" and not self._follower.control.reaches:
            return False
        return True if action == "new" else super().check_action(action, parameters)

    async def action_stop(self) -> None:
        """End what the other process trains, once confirmed."""
        await self._ask("halt")

    async def action_quit(self) -> None:
        """Leave the program."""
        self.app.exit()

    def action_new(self) -> None:
        """To the form."""
        self.dismiss(None)


def _begun(record: ExperimentRecord) -> datetime:
    """When it was begun, or gone on with last: as the process that trains it counts."""
    return record.interruptions[-1].at if record.interruptions else record.started
