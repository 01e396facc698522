"""Log records on their way to the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from tui.output_lines import inert


class RecordQueue(logging.Handler):
    """Hands every record to a callback as its level's name and its text on one line.

    The callback runs on the thread that logs, so it must be quick and safe to call from any
    thread; ``deque.append`` of the pair under a poll of the screen is what it is meant for.
    """

    def __init__(self, callback: Callable[[str, str], None], level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._callback = callback

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on; a failure of the callback is swallowed."""
        # logging would print it to standard error, where it is captured and comes back here.
        with suppress(Exception):
            text = record.getMessage()
            if record.exc_info and record.exc_info[1]:
                error = record.exc_info[1]
                detail = "" if str(error) in text else f": {error}"
                text += f" ({type(error).__name__}{detail})"
            self._callback(record.levelname, " ".join(inert(text).split()))
