"""Names and values of unknown origin as a line that a terminal shows, and does nothing else."""

from __future__ import annotations

import re
from typing import Final

LONGEST = 1000
"""Characters of an error: enough for a path and what is wrong behind it."""

_ACTING: Final = re.compile(
    "["
    r"\x00-\x1f\x7f-\x9f"  # controls: line ends, tabs, what begins a terminal's sequences
    r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # line ends and directions of writing
    r"\ud800-\udfff"  # parts of names that are not UTF-8, which cannot be written
    "]"
)


def printable(text: str) -> str:
    r"""``text`` with every character that acts instead of being shown written as ``\x1b``."""
    return text if text.isprintable() else _ACTING.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def one_line(text: str, longest: int = LONGEST) -> str:
    """As ``printable``, and not too long: of a long text its start and its end."""
    if len(text) > longest:
        # Escapes make it longer, never shorter, so no more than this can be needed.
        text = f"{text[:longest]}{text[-longest:]}"
    line = printable(text)
    head = longest * 7 // 10
    return line if len(line) <= longest else f"{line[:head]}…{line[head + 1 - longest :]}"


class OneLineError(Exception):
    """What the user is told. Its text is one line, whatever names and values are in it."""

    def __str__(self) -> str:
        return one_line(super().__str__())
