"""The signals that end the program in order: the training stops and its summary is written."""

from __future__ import annotations

import signal

HANGUP = getattr(signal, "SIGHUP", 0)
"""The terminal is gone; 0 where there is no such signal."""
ENDING_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
