"""Follows an experiment that another process trains, by the files that it writes."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.control import Control
from engine.events import Event, ExperimentFinished, ExperimentStarted
from engine.following import news
from engine.lock import Owner
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.settings import Settings
from tui.bridge import Bridge

PAUSE = 0.5
"""Seconds between two looks at the summary, at least."""
SHARE = 0.2
"""Of the time, that reading a long summary may take."""


class RemoteControl(Control):
    """Stops the other process; it saves what is trained, as on any SIGTERM."""

    def __init__(self, owner: Owner | None) -> None:
        super().__init__()
        self._owner = owner

    @property
    def reaches(self) -> bool:
        """Whether it can be stopped from here."""
        return self._owner is not None and self._owner.host == platform.node()

    def stop(self) -> None:
        """As ``Control.stop``."""
        super().stop()
        if self._owner is not None and self.reaches and self._owner.is_alive:
            with suppress(OSError):  # it has ended just now, or is another user's
                os.kill(self._owner.pid, signal.SIGTERM)


class Follower:
    """To the screen what a ``Trainer`` is; but it only looks on."""

    busy = False
    """Nothing is trained by this process."""

    def __init__(self, owner: Owner | None) -> None:
        self.bridge = Bridge()
        self.control = RemoteControl(owner)
        self._owner = owner
        self._left = threading.Event()

    def start(self, settings: Settings, folder: Path | None = None) -> None:
        """Begin to look at the experiment in ``folder``."""
        assert folder is not None
        threading.Thread(target=self._follow, args=(folder,), name="follow", daemon=True).start()

    def leave(self) -> None:
        """Look no more."""
        self._left.set()

    def _follow(self, folder: Path) -> None:
        known: ExperimentRecord | None = None
        seen = 0
        while known is None or known.status == "running":
            began = time.perf_counter()
            alive = self._owner is not None and self._owner.is_alive
            # before reading: its last word is written while it lives
            with suppress(ResultsError, OSError):  # the folder may be gone for a moment
                written = (folder / "summary.toml").stat().st_mtime_ns
                if written != seen:
                    known, seen = self._tell(known, read_record(folder)), written
            if not alive and (known is None or known.status == "running"):
                self._say_interrupted(folder)
                return
            if self._left.wait(max(PAUSE, (time.perf_counter() - began) / SHARE)):
                return

    def _tell(self, known: ExperimentRecord | None, now: ExperimentRecord) -> ExperimentRecord:
        for event in list(news(known, now)):
            if isinstance(event, ExperimentStarted):
                known = ExperimentRecord.begin(event)
            assert known is not None
            known.record(event)
            self.bridge.emit(event)
        assert known is not None
        return known

    def _say_interrupted(self, folder: Path) -> None:
        """The process is gone without a last word."""
        now = datetime.now(UTC).replace(microsecond=0)
        end: Event = ExperimentFinished(folder.name, "interrupted", folder / "summary.toml", now)
        self.bridge.emit(end)
