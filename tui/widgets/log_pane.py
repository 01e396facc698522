"""Notices, warnings and stray output, the newest at the bottom."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual.widgets import RichLog

from tui.output_lines import inert

STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}
GLYPHS = {"WARNING": "!", "ERROR": "✗", "CRITICAL": "✗"}


class LogPane(RichLog):
    """Takes plain text only: markup and escape sequences in it stay inert."""

    def __init__(self) -> None:
        super().__init__(id="log", classes="panel", max_lines=1000, wrap=True, markup=False)
        self.can_focus = False
        self.border_title = "Log"
        self.timed = True
        """Whether lines say when they came."""

    def add(self, level: str, text: str) -> None:
        """Add a line; ``level`` is a name of the logging module's."""
        line = Text.assemble(
            (f"{datetime.now():%H:%M:%S} " if self.timed else "", "dim"),
            (f"{GLYPHS.get(level, '·')} {inert(text)}", STYLES.get(level, "")),
        )
        self.write(line)
