"""The signals that end the program in order: the training stops and its summary is written."""

from __future__ import annotations

import signal

ENDING_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
