"""Textual's driver of a Unix terminal, and what a program that trains for hours needs beyond it."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from contextlib import suppress
from functools import partial
from typing import Any

from textual.drivers.linux_driver import LinuxDriver
from textual.worker import Worker

POLL = 0.1
"""Seconds between two looks at whether the terminal is the program's again."""


class TerminalDriver(LinuxDriver):
    """Is stopped and continued as a job of the shell, and takes any byte as input.

    Textual alone stops this process and no other, so that a shell which waits for a parent of it,
    as of ``uv run``, never comes back; it stops where no shell could continue it; in the background
    it stops again; and after a plain SIGSTOP it enters the terminal twice and leaves it once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._away = False
        """Whether the terminal is another's, or about to be."""
        self._left = False
        """Whether it is as it was before; then it is not to be touched: it may be the shell's."""
        self._take_over_signals()

    def _take_over_signals(self) -> None:
        # On the event loop: within a handler of Python's own, which may come at any point, Textual
        # would wait for a queue that the interrupted code has locked.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._be_away, True)
        loop.add_signal_handler(signal.SIGCONT, self._be_away, False)

    def _be_away(self, stops: bool) -> None:
        """Begin to stop; or to come back, if something has stopped the program unasked."""
        if not self._away and self._app.is_running:
            self._away = True
            work = partial(self._stay_away, stops)
            _: Worker[None] = self._app.run_worker(work, group="job control")

    async def _stay_away(self, stops: bool) -> None:
        self._app.app_suspend_signal.publish(self._app)
        with self._app.batch_update():  # nothing is drawn
            if stops and self._app.is_running:
                self.suspend_application_mode()
                self._left = True
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
                # To the whole job; the system drops it where no shell could continue it.
                os.kill(0, signal.SIGTSTP)
            if await self._foreground() and self._app.is_running:  # it may have been ended
                if not self._left:
                    self.suspend_application_mode()
                self._left = False
                self.resume_application_mode()
                self._take_over_signals()
                self._away = False
        self._app.app_resume_signal.publish(self._app)

    async def _foreground(self) -> bool:
        """Wait until the terminal is the program's, which trains on meanwhile; False if it is gone.

        A terminal that goes says so with SIGCONT as well.
        """
        while True:
            await asyncio.sleep(POLL)
            try:
                termios.tcgetattr(self.fileno)
            except termios.error:
                return False
            try:
                if os.tcgetpgrp(self.fileno) == os.getpgrp():
                    return True
            except OSError:  # not the terminal of a shell's job
                return True

    def run_input_thread(self) -> None:
        """As Textual's, which would end the program at the first byte that is not UTF-8."""
        while True:
            with suppress(UnicodeDecodeError):  # from a keyboard or a paste of another encoding
                return super().run_input_thread()

    def disable_input(self) -> None:
        """As Textual's, for which a program in the background would be stopped."""
        if not self._left:
            super().disable_input()

    def stop_application_mode(self) -> None:
        """As Textual's, which switches mouse positions in pixels on but never off."""
        if not self._left:
            self.write("\x1b[?1016l")
            super().stop_application_mode()
