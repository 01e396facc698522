"""A screen whose layout depends on the size of the terminal."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import Screen

Result = TypeVar("Result")


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
