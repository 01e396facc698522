"""A live chart of one quantity over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.segment import Segment
from rich.style import Style as CellStyle
from textual.content import Content
from textual.strip import Strip

from tui.axes import LABEL_WIDTH, Limits, Scale, epoch_axis, extent, settle, value_axis
from tui.curve import Bucket
from tui.palette import chart_ink, look, model_shades, model_style
from tui.plotting import AXIS_ROWS, PlotLine, draw_chart
from tui.widgets.strip_widget import StripWidget

Kind = Literal["raw", "train", "test"]
"""Raw are train values behind a smoothed train curve."""
ORDER: tuple[Kind, ...] = ("raw", "train", "test")
"""Of drawing."""

WAITING = "waiting for the first step"
KEY = "⠒⠒ train  ⠒●⠒ test"


@dataclass(frozen=True)
class ChartLine:
    """One curve of one run."""

    model: str
    repeat: int
    """Counted from 1. Only a model's highest repeat is drawn in full."""
    kind: Kind
    points: tuple[Bucket, ...]
    """x in epochs, y a loss in nats or an accuracy 0–1."""


class Chart(StripWidget):
    """Curves with axes in a titled frame."""

    ALLOW_MAXIMIZE = True
    DEFAULT_CSS = """
    Chart {
        border: round $foreground 25%;
        border-title-color: $foreground;
        border-subtitle-color: $foreground;
        padding: 0 1 0 0;
    }
    """

    def __init__(
        self,
        title: str,
        scale: Scale,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._title = title
        self._scale = scale
        self._lines: tuple[ChartLine, ...] = ()
        self._first, self._epochs = 0, 1
        self._note = ""
        self._limits: Limits | None = None
        self._labels = ("", "")
        """The title and the legend in the frame, as markup."""

    def show(self, lines: Sequence[ChartLine], epochs: int, *, first: int = 0) -> None:
        """Show these lines, the last ones on top, on an axis from ``first`` to ``epochs``."""
        lines = tuple(lines)
        if (lines, first, epochs) == (self._lines, self._first, self._epochs):
            return
        if first < self._first:
            self._limits = None
        self._lines, self._first, self._epochs = lines, first, epochs
        self.redraw()

    def look(self, scale: Scale, note: str) -> None:
        """Use another y axis, and say something beside the title."""
        if scale != self._scale:
            self._scale, self._limits = scale, None
        self._note = note
        self.redraw()

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame has words, too."""
        if self.is_attached:
            self._label()
        super().redraw()

    def _label(self) -> None:
        """The frame's title and legend. Setting one repaints everything, so only if it changed."""
        models = dict.fromkeys(line.model for line in self._lines)
        legend = Content("  ").join(
            Content.assemble(
                (look(model).marker, model_style(model, self.colors[2])),
                f" {model}",
            )
            for model in models
        )
        notes = [KEY] if models else []
        if self._note:
            # What the user just chose comes before what each kind of line means.
            fits = len(f"{self._title}  {KEY}  {self._note}") < self.size.width
            notes = [*(notes if fits else []), self._note]
        title = Content.assemble((self._title, "bold"), ("".join(f"  {n}" for n in notes), "dim"))
        labels = (title.markup, legend.markup)
        if labels != self._labels:
            self._labels = labels
            self.border_title, self.border_subtitle = labels

    def draw(self) -> list[Strip]:
        """The strips for the current lines, size and theme."""
        width, height = self.size
        lines = self._visible_lines()
        points = [(line.kind, point) for line in lines for point in line.points]
        # Single steps' accuracies scatter widely; every loss has to be in sight.
        values = (
            [point.mean for _, point in points]
            if self._scale == "percent"
            else [value for _, point in points for value in (point.low, point.high)]
        )
        results = (point.mean for kind, point in points if kind == "test")
        needed = extent(values, results, self._scale)
        limits = settle(self._limits, needed, self._scale)
        # Limits that were only a guess are not worth keeping when the first data comes.
        self._limits = None if needed is None else limits
        paper = chart_ink(*self.colors[2:])
        strips = draw_chart(
            [self._plot_line(line) for line in lines],
            width,
            height,
            epoch_axis(self._epochs, width - LABEL_WIDTH - 1, self._first),
            value_axis(limits, self._scale, max(1, height - AXIS_ROWS)),
            paper,
        )
        if not points:
            strips = with_text(strips, WAITING, width, paper.label)
        return strips

    def _visible_lines(self) -> list[ChartLine]:
        """Lowest first. Of earlier repeats only the tests: many trainings at once are mud."""
        lines = [
            replace(line, points=tuple(p for p in line.points if p.x >= self._first))
            for line in self._lines
            if line.kind == "test" or self._is_newest(line)
        ]
        return sorted(lines, key=lambda line: (self._is_newest(line), ORDER.index(line.kind)))

    def _is_newest(self, line: ChartLine) -> bool:
        return line.repeat == max(o.repeat for o in self._lines if o.model == line.model)

    def _plot_line(self, line: ChartLine) -> PlotLine:
        """The line as it looks on the background."""
        shades = model_shades(line.model, self.colors[2])
        marker = look(line.model).marker
        if line.kind == "raw":
            return PlotLine(line.points, shades.past)
        if not self._is_newest(line):
            # A single dot is too little to be seen.
            return PlotLine(line.points, shades.past, marker if len(line.points) == 1 else "")
        if line.kind == "train":
            return PlotLine(line.points, shades.train)
        return PlotLine(line.points, shades.full, marker)


def with_text(strips: list[Strip], text: str, width: int, color: str) -> list[Strip]:
    """The strips with a text amid the plot area, if it fits."""
    room = width - LABEL_WIDTH - 1
    if len(text) + 2 > room or len(strips) <= AXIS_ROWS:
        return strips
    row = (len(strips) - AXIS_ROWS) // 2
    start = LABEL_WIDTH + 1 + (room - len(text)) // 2
    middle = Strip([Segment(f" {text} ", CellStyle(color=color))])
    left, right = strips[row].crop(0, start - 1), strips[row].crop(start + len(text) + 1, width)
    return [*strips[:row], Strip.join([left, middle, right]), *strips[row + 1 :]]
