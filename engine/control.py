"""What the engine is told while it works.

Any thread may call the verbs; the training thread calls ``check`` between steps and obeys there,
so a command never leaves a step half done.
"""

from __future__ import annotations

import threading
import time

from engine.events import RunId
from engine.plan import Plan


class StopRequested(Exception):
    """Raised by ``check``: end the experiment now."""


class SkipRequested(Exception):
    """Raised by ``check``: end this run now and start the next."""


class Control:
    """Pause, resume, stop now, stop after this epoch, skip this run, and change the plan."""

    def __init__(self) -> None:
        self.plan = Plan()
        self._awake = threading.Condition()
        self._paused = False
        self._stop = False
        self._stop_after_epoch = False
        self._skip: set[RunId | None] = set()

    def pause(self) -> None:
        """Hold the training before its next step."""
        with self._awake:
            self._paused = True

    def resume(self) -> None:
        """Go on after a pause."""
        with self._awake:
            self._paused = False
            self._awake.notify_all()

    def stop(self) -> None:
        """End the experiment before its next step."""
        with self._awake:
            self._stop = True
            self._awake.notify_all()

    def stop_after_epoch(self) -> None:
        """End the experiment when the epoch under way has been evaluated."""
        with self._awake:
            self._stop_after_epoch = True
            self._paused = False
            self._awake.notify_all()

    def keep_on(self) -> None:
        """Take ``stop_after_epoch`` back."""
        with self._awake:
            self._stop_after_epoch = False

    def skip_run(self, run: RunId | None = None) -> None:
        """End a run under way, with those beside it, before its next step, and start the next;
        without a run all that are under way.
        """
        with self._awake:
            self._skip.add(run)
            self._awake.notify_all()

    def take_skips(self) -> set[RunId | None]:
        """Return and forget what ``skip_run`` has asked for since the last time."""
        with self._awake:
            skips, self._skip = self._skip, set()
        return skips

    @property
    def paused(self) -> bool:
        """Whether the training is held, or will be before its next step."""
        return self._paused and not self._stop

    @property
    def stopping_after_epoch(self) -> bool:
        """Whether it was told to end after the epoch, and may still be told otherwise."""
        return self._stop_after_epoch and not self._stop

    @property
    def stopping(self) -> bool:
        """Whether the experiment was told to end, now or after the epoch."""
        return self._stop or self._stop_after_epoch

    def check(self) -> float:
        """Obey what was asked; called by the training thread between steps.

        Returns:
            Seconds spent paused, 0.0 nearly always.

        Raises:
            StopRequested: after ``stop``.
            SkipRequested: after ``skip_run``, once.
        """
        # Read without the lock: this runs at every step, and an answer one step late is in time.
        if not (self._stop or self._skip or self._paused):
            return 0.0
        began = time.perf_counter()
        with self._awake:
            while self._paused and not (self._stop or self._skip):
                self._awake.wait()
            if self._stop:
                raise StopRequested
            if self._skip:
                self._skip.clear()
                raise SkipRequested
        return time.perf_counter() - began

    def check_epoch(self) -> None:
        """Obey ``stop_after_epoch``; called when an epoch has been evaluated.

        Raises:
            StopRequested: after ``stop`` or ``stop_after_epoch``.
        """
        if self.stopping:
            raise StopRequested

    def forget_skip(self) -> None:
        """Drop a skip that came too late for the run it was meant for."""
        self.take_skips()
