"""What a command prints for people to read: on a terminal it fits, in a pipe it is plain."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence

from tui.ascii_text import to_ascii, wants_ascii
from tui.plain_lines import print_line
from tui.text_table import GAP, Column, cut, fitting, heading, measured, row_line, table_width

USUAL_WIDTH = 80
LEAST_WIDTH = 20
"""Of words that are folded."""


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
        """A line that stands out."""
        self._styled(text, "bold", len(text))

    def _styled(self, text: str, style: str, length: int) -> None:
        """A line whose beginning has a style, where the terminal and its user want that."""
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        if self.width is None or plain or not style:
            self.line(text)
            return
        from rich.console import Console
        from rich.text import Text

        shown = Text(to_ascii(text) if self.ascii else text)
        shown.stylize(style, 0, length)
        try:
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="backslashreplace")
            Console(highlight=False).print(shown, soft_wrap=True)
        except OSError:
            self.complete = False

    def paragraph(
        self, text: str, indent: str = "", style: str = "", length: int | None = None
    ) -> None:
        """Words, folded where the terminal ends; the lines after the first are indented.

        The first ``length`` characters are in a style of rich's, if there is one.
        """
        if self.width is None:
            self.line(text)
            return
        width = max(self.width, len(indent) + LEAST_WIDTH)
        first, *others = textwrap.wrap(text, width, subsequent_indent=indent) or [""]
        self._styled(first, style, len(first) if length is None else length)
        for line in others:
            self.line(line)

    def table(self, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
        """A table, without the columns that do not fit."""
        kept = fitting(measured(columns, rows), self.width)
        self.title(heading(kept))
        for row in cut(kept, rows):
            self.line(row_line(kept, row))

    def beside(self, names: Sequence[str], facts: Sequence[tuple[str, Sequence[str]]]) -> None:
        """What is known of several: in columns, or where these do not fit, below each other.

        Args:
            names: what they are called.
            facts: the name of each, and its value for each of them.
        """
        columns = [Column(""), *map(Column, names)]
        rows = [{"": fact, **dict(zip(names, values, strict=True))} for fact, values in facts]
        if self.width is None or table_width(measured(columns, rows)) <= self.width:
            self.table(columns, rows)
            return
        margin = max((len(fact) for fact, _ in facts), default=0) + len(GAP)
        for place, name in enumerate(names):
            if place:
                self.line()
            self.title(f"{'':{margin}}{name}")
            for fact, values in facts:
                self.paragraph(f"{fact:{margin}}{values[place]}", " " * margin)


def _terminal_width() -> int | None:
    # Not shutil's, which believes COLUMNS more than the terminal.
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return USUAL_WIDTH
