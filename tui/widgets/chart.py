"""A live chart of one quantity over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style as CellStyle
from textual.content import Content
from textual.events import MouseMove
from textual.message import Message
from textual.strip import Strip
from textual.style import Style

from tui.axes import LABEL_WIDTH, Limits, Scale, epoch_axis, extent, settle, value_axis
from tui.chart_line import ChartLine
from tui.palette import chart_ink, look, model_shades, model_style
from tui.plotting import AXIS_ROWS, GRID_LINE, PlotLine, draw_chart
from tui.read_out import Reading
from tui.widgets.strip_widget import StripWidget

FRAME_CELLS = 4
"""Of a frame's line that words cannot take."""
WAITING = {"epoch": "waiting for the first step", "s": "waiting for the first epoch"}
TEST_KEY = "⠒●⠒ test"
KEY = f"⠒⠒ train  {TEST_KEY}"
BAND_KEY = "⣿ repeats"


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

    class PointedAt(Message):
        """The mouse points at an epoch, or at none any more."""

        def __init__(self, epoch: int | None) -> None:
            super().__init__()
            self.epoch = epoch

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
        self._first, self._epochs, self._unit = 0, 1, "epoch"
        self._note = ""
        self._cursor: int | None = None
        """The epoch whose values are read out."""
        self._readings: tuple[Reading, ...] = ()
        """At that epoch."""
        self._limits: Limits | None = None
        self._labels = ("", "")
        """The title and the legend in the frame, as markup."""

    def show(
        self, lines: Sequence[ChartLine], epochs: int, *, first: int = 0, unit: str = "epoch"
    ) -> None:
        """Show these lines, the last ones on top, on an axis from ``first`` to ``epochs``, or to
        so many of another unit.
        """
        lines = tuple(lines)
        if (lines, first, epochs, unit) == (self._lines, self._first, self._epochs, self._unit):
            return
        if first < self._first:
            self._limits = None
        self._lines, self._first, self._epochs, self._unit = lines, first, epochs, unit
        self.redraw()

    def look(self, scale: Scale, note: str) -> None:
        """Use another y axis, and say something beside the title."""
        if scale != self._scale:
            self._scale, self._limits = scale, None
        self._note = note
        self.redraw()

    def point_at(self, epoch: int | None, found: tuple[Reading, ...] = ()) -> None:
        """Read out what was found at an epoch, or show the legend again."""
        if (epoch, found) != (self._cursor, self._readings):
            self._cursor, self._readings = epoch, found
            self.redraw()

    def on_mouse_move(self, event: MouseMove) -> None:
        """The epoch under the mouse is read out, in all charts."""
        offset = event.get_content_offset(self)
        room = self.size.width - LABEL_WIDTH - 1
        if offset is None or room < 1:
            return
        part = (offset.x - LABEL_WIDTH - 0.5) / room
        epoch = round(self._first + part * (self._epochs - self._first))
        self.post_message(self.PointedAt(min(max(1, epoch), self._epochs)))

    def on_leave(self) -> None:
        """The legend comes back."""
        self.post_message(self.PointedAt(None))

    def on_resize(self) -> None:
        """More words may fit into the frame, or fewer."""
        self.redraw()

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame has words, too."""
        if self.is_attached:
            self._label()
        super().redraw()

    def _label(self) -> None:
        """The frame's title and legend. Setting one repaints everything, so only if it changed."""
        models = list(dict.fromkeys(line.model for line in self._lines))
        legend = self._legend(models) if self._cursor is None else self._read_out(self._cursor)
        past = {line.kind for line in self._lines} <= {"test", "past", "band"}
        keys = [TEST_KEY if past else KEY] if models else []
        if any(line.kind == "band" for line in self._lines):
            keys.append(BAND_KEY)
        notes = [self._note] if self._note else []
        # What the user just chose comes before what each kind of line means.
        while keys and len("  ".join([self._title, *keys, *notes])) + 6 > self.size.width:
            keys.pop()
        notes = [*keys, *notes]
        title = Content.assemble((self._title, "bold"), ("".join(f"  {n}" for n in notes), "dim"))
        labels = (title.markup, legend.markup)
        if labels != self._labels:
            self._labels = labels
            self.border_title, self.border_subtitle = labels

    def _legend(self, models: Sequence[str]) -> Content:
        return Content("  ").join(
            Content.assemble((look(model).marker, self._style(model)), f" {model}")
            for model in models
        )

    def _read_out(self, epoch: int) -> Content:
        """Each model's test value; the repeats' spread and the train value where there is room."""
        for more in (("spread", "train"), ("spread",), ()):
            line = Content("  ").join(
                [
                    Content(f"epoch {epoch}"),
                    *(self._reading(found, more) for found in self._readings),
                ]
            )
            if line.cell_length <= self.size.width - FRAME_CELLS:
                break
        return line

    def _reading(self, found: Reading, more: Sequence[str]) -> Content:
        value = f" {found.test or '–'}"
        if "spread" in more and found.spread:
            value += f" ({found.spread})"
        if "train" in more and found.train:
            value += f" train {found.train}"
        return Content.assemble((look(found.model).marker, self._style(found.model)), value)

    def _style(self, model: str) -> Style:
        return model_style(model, self.colors[2])

    def draw(self) -> list[Strip]:
        """The strips for the current lines, size and theme."""
        width, height = self.size
        lines = self._lines
        points = [(line.kind, point) for line in lines for point in line.points]
        # Single steps' accuracies scatter widely; every loss has to be in sight.
        values = (
            [point.mean for _, point in points]
            if self._scale == "percent"
            else [value for _, point in points for value in (point.low, point.high)]
        )
        results = (point.mean for kind, point in points if kind in ("test", "past"))
        needed = extent(values, results, self._scale)
        limits = settle(self._limits, needed, self._scale)
        # Limits that were only a guess are not worth keeping when the first data comes.
        self._limits = None if needed is None else limits
        paper = chart_ink(*self.colors[2:])
        strips = draw_chart(
            [self._plot_line(line) for line in lines],
            width,
            height,
            epoch_axis(self._epochs, width - LABEL_WIDTH - 1, self._first, self._unit),
            value_axis(limits, self._scale, max(1, height - AXIS_ROWS)),
            paper,
        )
        if self._cursor is not None:
            strips = with_cursor(strips, self._cursor_column(), paper.label)
        if not points:
            strips = with_text(strips, WAITING[self._unit], width, paper.label)
        return strips

    def _cursor_column(self) -> int:
        """The cell of the epoch that is read out."""
        assert self._cursor is not None
        room = self.size.width - LABEL_WIDTH - 1
        part = (self._cursor - self._first) / max(1, self._epochs - self._first)
        if not 0 <= part <= 1:  # out of sight
            return -1
        return LABEL_WIDTH + 1 + min(int(part * room), room - 1)

    def _plot_line(self, line: ChartLine) -> PlotLine:
        """The line as it looks on the background."""
        shades = model_shades(line.model, self.colors[2])
        marker = look(line.model).marker
        match line.kind:
            case "band":
                return PlotLine(line.points, shades.past, filled=True)
            case "raw":
                return PlotLine(line.points, shades.past)
            case "past":  # a single dot is too little to be seen
                return PlotLine(line.points, shades.past, marker if len(line.points) == 1 else "")
            case "train":
                return PlotLine(line.points, shades.train)
            case "test":
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


def with_cursor(strips: list[Strip], column: int, color: str) -> list[Strip]:
    """The strips with a line down a column of the plot area, behind the curves."""
    if not strips or not 0 <= column < strips[0].cell_length:
        return strips
    mark = Strip([Segment("╎", CellStyle(color=color))])
    marked = []
    for strip in strips[: len(strips) - AXIS_ROWS]:
        free = strip.crop(column, column + 1).text in (" ", GRID_LINE)
        parts = [strip.crop(0, column), mark, strip.crop(column + 1, strip.cell_length)]
        marked.append(Strip.join(parts) if free else strip)
    return [*marked, *strips[len(strips) - AXIS_ROWS :]]
