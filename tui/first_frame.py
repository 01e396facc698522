"""What the terminal shows while the dashboard's own modules are loaded, for a third of a second.

The name stands where the setup screen puts it, so that the form grows below it and nothing jumps.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tui.ending_signals import ENDING_SIGNALS

NAME = "mnist-tui"
PURPOSE = "train three classic networks and compare them"
ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H"
"""The alternate screen, no cursor, blank."""
LEAVE = "\x1b[?1049l\x1b[?25h"


@contextmanager
def first_frame() -> Iterator[None]:
    """Show it; the block brings the dashboard, which puts the terminal back unless it fails."""
    before = {number: signal.signal(number, _end) for number in ENDING_SIGNALS}
    if hasattr(signal, "SIGTSTP"):  # a shell's prompt would come without a cursor
        before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        _write(ENTER + f" \x1b[1m{NAME}\x1b[0m  {PURPOSE}"[: _columns()])
        yield
    except BaseException:
        _write(LEAVE)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _columns() -> int:
    """Characters that fit in a line, those that make the name bold included."""
    return os.get_terminal_size(sys.stdout.fileno()).columns + len("\x1b[1m\x1b[0m")


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
