"""A widget drawn as rows of cells, of which only those that changed are sent to the terminal.

Textual repaints whole widgets, in full colour codes; over a slow line that is what a user waits
for, and on a busy machine it takes time from the training.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from tui.ascii_filter import AsciiFilter
from tui.pixels import Paper, paper_of

GAP = 24
"""Unchanged cells in a row that are cheaper to send again than to jump over: a jump, a style and
its end take as many bytes."""


class StripWidget(Widget):
    """Say what it looks like in ``draw``, and call ``redraw`` whenever that may have changed."""

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._strips: list[Strip] = []
        self._drawn_size: Size | None = None
        """The size that the strips were drawn for; None before, and once they are out of date."""
        self._drawn: list[Strip] = []
        """As ``draw`` gave them; the strips are these made to fit."""
        self._fitted_for = (Style(), Size())

    def draw(self) -> Sequence[Strip]:
        """The rows for the present content, size and theme."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Colours are part of what is drawn."""
        self.app.theme_changed_signal.subscribe(self, self._on_theme_changed)
        self.redraw()

    def _on_theme_changed(self, _theme: Theme) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw anew and repaint what differs from what is on the screen."""
        if not self.is_attached:
            return  # without a parent there are no colours; mounting draws
        if self._drawn_size != self.size:
            # Nothing of this size is on the screen yet; render_line draws it when it is asked for.
            # Nor may what was drawn before count, should its size come back: it may be hidden now.
            self._drawn_size = None
            self.refresh()
            return
        strips = self._fitting()
        changed = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(self._strips, strips, strict=True))
            for start, end in changed_cells(old, new)
        ]
        self._strips = strips
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """A row of the content; drawn before, except right after a change of size."""
        if self._drawn_size != self.size:
            self._strips, self._drawn_size = self._fitting(), self.size
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _fitting(self) -> list[Strip]:
        """What is drawn, on the widget's background, in exactly its size."""
        width, height = self.size
        if not width or not height:
            self._drawn = []
            return []
        style = self.rich_style
        drawn = list(self.draw())[:height]
        drawn += [Strip.blank(width)] * (height - len(drawn))
        # Most rows are as they were: fitting them again is what a redraw would mostly do.
        same = (style, self.size) == self._fitted_for
        before = self._drawn if same else []
        rows = [
            self._strips[y]
            if y < len(before) and before[y] == strip
            else strip.adjust_cell_length(width).apply_style(style).simplify()
            for y, strip in enumerate(drawn)
        ]
        self._drawn, self._fitted_for = drawn, (style, self.size)
        return rows

    @property
    def paper(self) -> Paper | None:
        """What pictures are drawn on; None for want of colours or half blocks."""
        return None if self.app.no_color or self.ascii else paper_of(*self.colors[2:])

    @property
    def ascii(self) -> bool:
        """Whether there are no characters but those of ASCII."""
        return any(isinstance(found, AsciiFilter) for found in self.get_line_filters())

    def strip(self, text: Text) -> Strip:
        """A line of text as a strip."""
        line = Text(end="").append_text(text)  # a style of the whole text becomes one of its parts
        return Strip(line.render(self.app.console), line.cell_len)


def changed_cells(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """The runs of cells that differ, as (start, end); those less than ``GAP`` apart are one.

    Where a character takes two cells, as in some names, it is the whole line.
    """
    if old == new:
        return []
    before = [(character, segment.style) for segment in old for character in segment.text]
    after = [(character, segment.style) for segment in new for character in segment.text]
    if not len(before) == len(after) == new.cell_length:
        return [(0, new.cell_length)]
    runs: list[tuple[int, int]] = []
    for x, (was, now) in enumerate(zip(before, after, strict=True)):
        if was == now:
            continue
        if runs and x - runs[-1][1] < GAP:
            runs[-1] = (runs[-1][0], x + 1)
        else:
            runs.append((x, x + 1))
    return runs
