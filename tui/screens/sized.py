"""A screen whose layout depends on the size of the terminal."""

from __future__ import annotations

from typing import TypeVar

from textual.binding import Binding
from textual.screen import Screen

Result = TypeVar("Result")
SIDES = {"inspect": ("i", "Inspect"), "draw": ("d", "Draw"), "compare": ("c", "Compare")}
"""The screens that look at an experiment, with their keys and names."""


def side_keys(here: str = "") -> list[Binding]:
    """The keys to them, from the training screen and from each other; not to where one is."""
    return [
        Binding(key, f"app.side('{side}')", name)
        for side, (key, name) in SIDES.items()
        if side != here
    ]


def side_bindings(here: str) -> list[Binding]:
    """What each of them ends its keys with."""
    return [
        *side_keys(here),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False, tooltip="Quit"),
    ]


class SizedScreen(Screen[Result]):
    """Has the classes of its size from the start; Textual alone would lay it out twice."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        width, height = self.app.size
        found = (
            [name for least, name in breakpoints if cells >= least][-1]
            for breakpoints, cells in (
                (self.HORIZONTAL_BREAKPOINTS, width),
                (self.VERTICAL_BREAKPOINTS, height),
            )
        )
        super().__init__(classes=" ".join(found))

    def action_leave(self) -> None:
        """Back to the screen below."""
        self.dismiss(None)
