"""Lines for whoever reads them without a screen."""

from __future__ import annotations

import io
from typing import TextIO

from engine.one_line import printable


def print_text(text: str, stream: TextIO | None) -> bool:
    """Print several lines as ``print_line`` does each."""
    return all(print_line(line, stream) for line in text.split("\n"))


def print_line(text: str, stream: TextIO | None) -> bool:
    """Print a line; return False if it could not be written, though somebody may want it.

    A reader that went away, or never was, must not end what is under way.
    """
    if stream is None:
        return True
    try:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        print(printable(text), file=stream, flush=True)
    except BrokenPipeError:
        return True
    except (OSError, ValueError):
        return False
    return True
