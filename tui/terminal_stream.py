"""The stream that still reaches the terminal, and outlives it."""

from __future__ import annotations

import errno
import io
import os
import signal

from tui.ending_signals import HANGUP


class TerminalStream(io.TextIOWrapper):
    """Once the terminal is gone it takes everything and writes nothing.

    Textual's thread that writes would end at the first error, and the screen would wait for it for
    ever. A terminal may also go without the signal that says so, so this sends it.
    """

    gone = False

    def write(self, text: str) -> int:
        """As any stream."""
        if self.gone:
            return len(text)
        try:
            return super().write(text)
        except OSError as error:
            self._mourn(error)
            return len(text)

    def flush(self) -> None:
        """As any stream."""
        if not self.gone:
            try:
                super().flush()
            except OSError as error:
                self._mourn(error)

    def _mourn(self, error: OSError) -> None:
        if error.errno != errno.EIO:
            raise error
        self.gone = True
        # Without a handler the signal would end the program before it has saved anything.
        if HANGUP and callable(signal.getsignal(HANGUP)):
            os.kill(os.getpid(), HANGUP)
