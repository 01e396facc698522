"""Logs as files."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from collections.abc import Iterator
from pathlib import Path

from engine.one_line import printable


class _Printable(logging.Formatter):
    """A log is looked at in a terminal; tracebacks keep their lines."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printable, super().format(record).split("\n")))


class LogFile(logging.handlers.WatchedFileHandler):
    """Made when it is needed. One that cannot be written must not end what it reports on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True, encoding="utf-8")
        self.setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        # FileHandler opens the file here, outside of logging's own handling of errors.
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """logging would print a traceback of what the disk refused."""


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send log records and Python warnings to ``path`` as well; the file is made when needed."""
    handler = LogFile(path)
    root = logging.getLogger()
    root.addHandler(handler)
    # Left on: another listener may have switched it on, and torch may warn at any time.
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
