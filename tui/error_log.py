"""Errors with their tracebacks, which never go onto the screen: a file in the user's log folder.

What happens while an experiment is under way is in its own ``log.txt`` as well.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import platformdirs

from engine.log_file import LogFile


def error_log() -> Path:
    """Where errors are kept."""
    return platformdirs.user_log_path("mnist-tui") / "log.txt"


class ErrorLog(LogFile):
    """Makes its folder, too, at the first error."""

    def __init__(self) -> None:
        super().__init__(error_log())
        self.setLevel(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """As any handler."""
        with suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)
