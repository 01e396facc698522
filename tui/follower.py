"""Follows an experiment that another process trains, by the files that it writes."""

from __future__ import annotations

import logging
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

log = logging.getLogger("mnist_tui")

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
        """As ``Control.stop``; one that cannot be stopped, another user's, is named in the log."""
        if self._owner is None or not (self.reaches and self._owner.is_alive):
            return
        try:
            os.kill(self._owner.pid, signal.SIGTERM)
        except OSError as error:
            log.error("%s cannot be stopped: %s", self._owner, error.strerror or error)
        else:
            super().stop()


class Follower:
    """To the screen what a ``Trainer`` is; but it only looks on."""

    busy = False
    """Nothing is trained by this process."""

    def __init__(self, owner: Owner | None, record: ExperimentRecord) -> None:
        """``record`` is what is known already, and told at once."""
        self.bridge = Bridge()
        self.control = RemoteControl(owner)
        self._known = self._tell(None, record)
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
        known = self._known
        seen: tuple[int, ...] = ()
        while known.status == "running":
            began = time.perf_counter()
            # Before reading: its last word is written while it lives.
            alive = self._owner is not None and self._owner.is_alive
            with suppress(ResultsError, OSError):  # the folder may be gone for a moment
                status = (folder / "summary.toml").stat()
                written = (status.st_ino, status.st_mtime_ns, status.st_size)
                if written != seen or not alive:
                    known, seen = self._tell(known, read_record(folder)), written
            if not alive and known.status == "running":
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
