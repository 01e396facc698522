"""What a command prints for people to read: on a terminal it fits, in a pipe it is plain."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence

from tui.ascii_text import to_ascii, wants_ascii
from tui.plain_lines import print_line
from tui.text_table import Column, fitting, heading, measured, row_line

USUAL_WIDTH = 80


class Page:
    """Lines on stdout, one below the other.

    Where stdout is no terminal nothing is folded, left out or emphasized.
    """

    def __init__(self, characters: str) -> None:
        """``characters`` is the setting."""
        self.width = _terminal_width()
        """Cells of the terminal; None where there is none."""
        self.ascii = wants_ascii(characters)
        self.complete = True
        """Whether stdout took all lines."""

    def line(self, text: str = "") -> None:
        """A line as it is."""
        text = to_ascii(text) if self.ascii else text
        self.complete = print_line(text, sys.stdout) and self.complete

    def title(self, text: str) -> None:
        """A line that stands out, where the terminal and its user want that."""
        if self.width is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            self.line(text)
            return
        from rich.console import Console
        from rich.text import Text

        shown = Text(to_ascii(text) if self.ascii else text, "bold")
        try:
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="backslashreplace")
            Console(highlight=False).print(shown, soft_wrap=True)
        except OSError:
            self.complete = False

    def paragraph(self, text: str, indent: str = "") -> None:
        """Words, folded where the terminal ends; the lines after the first are indented."""
        if self.width is None:
            self.line(text)
            return
        for line in textwrap.wrap(text, max(self.width, 20), subsequent_indent=indent):
            self.line(line)

    def table(self, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
        """A table, without the columns that do not fit."""
        kept = fitting(measured(columns, rows), self.width)
        self.title(heading(kept))
        for row in rows:
            self.line(row_line(kept, row))


def _terminal_width() -> int | None:
    # Not shutil's, which believes COLUMNS more than the terminal.
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return USUAL_WIDTH
