"""A row per run: where it is, how fast, when it will be done."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.strip import Strip

from engine.events import Progress, RunId
from engine.records import RunRecord
from tui.bar import bar
from tui.eta import Eta
from tui.experiment_view import ExperimentView
from tui.palette import look, model_shades
from tui.widgets.strip_widget import StripWidget
from tui.wording import accuracy, count, duration, rough_count

ANY_NUMBER = 10**6
"""More rows than there are."""
STEADY_AFTER = 2.0
"""Seconds of an epoch's training after which its rate hardly moves any more."""
FEW_ROWS = 32
"""Rows of a terminal below which the table takes a third of them, and from which a quarter."""
LEAST_PROGRESS = 4
"""Cells."""
WIDE_FROM = 94
"""Cells from which the wide columns fit."""
# Column widths; progress takes what is left of the table's width.
WIDE = {
    "model": 14,
    "run": 4,
    "state": 12,
    "epoch": 8,
    "progress": 0,
    "train loss": 11,
    "train acc": 10,
    "test acc": 9,
    "images/s": 10,
    "ETA": 8,
}
NARROW = {
    "model": 14,
    "run": 4,
    "state": 11,
    "epoch": 6,
    "progress": 0,
    "train loss": 11,
    "test acc": 9,
    "img/s": 8,
    "ETA": 7,
}
LEFT = frozenset({"model", "state", "progress"})
GLYPHS = {
    "queued": "·",
    "running": "▶",
    "finished": "✓",
    "skipped": "↷",
    "stopped": "◼",
    "failed": "✗",
}


class RunsTable(StripWidget, can_focus=True):
    """Column names, and below them the rows in sight; the runs under way come into sight."""

    DEFAULT_CSS = """
    RunsTable { height: auto; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--header", "runs--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Row up", show=False),
        Binding("down", "move(1)", "Row down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"move(-{ANY_NUMBER})", "First row", show=False),
        Binding("end", f"move({ANY_NUMBER})", "Last row", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._view = ExperimentView()
        self._rows: list[RunId] = []
        self._cursor = 0
        self._top = 0
        """Index of the first row in sight."""
        self._followed: RunId | None = None
        self._known_rows: dict[RunId, Strip] = {}
        """As drawn since the last ``show``: moving the cursor changes none of them."""
        self._known_for: tuple[object, ...] = ()
        """The columns and the background that they were drawn for."""

    @property
    def chosen(self) -> RunId | None:
        """The run under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def row_count(self) -> int:
        """One per run."""
        return len(self._rows)

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame names the worker of the chosen run."""
        run = self._view.record.runs.get(self.chosen) if self._view.record and self.chosen else None
        title = Content(f"{run.id}: {run.place}" if run is not None and run.place else "").markup
        if self.is_attached and title != (self.border_title or ""):  # it repaints everything
            self.border_title = title
        super().redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The column names and all rows, but no more than leaves the charts their room."""
        most = viewport.height // (3 if viewport.height < FEW_ROWS else 4)
        return min(1 + max(1, len(self._rows)), max(4, most))

    def show(self, view: ExperimentView) -> None:
        """Bring every row up to date."""
        self._view = view
        self._known_rows.clear()
        rows = list(view.record.runs) if view.record else []
        if rows != self._rows:
            chosen, self._rows = self.chosen, rows
            if chosen in rows:  # wherever its row has gone
                self._cursor = rows.index(chosen)
            self.action_move(0)
            self.refresh(layout=True)
        current = next((run.id for group in view.under_way for run in group), None)
        if current is not None and current != self._followed:
            # The cursor goes along, unless its user has put it on another run.
            if self._followed is None or self.chosen == self._followed:
                self._cursor = rows.index(current)
            self._followed = current
        self.redraw()

    def action_move(self, rows: int) -> None:
        """Move the cursor down by so many rows."""
        self._cursor = min(max(0, self._cursor + rows), max(0, len(self._rows) - 1))
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Move the cursor down by so many screens of rows."""
        self.action_move(pages * max(1, self.size.height - 2))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """As the key."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """As the key."""
        event.stop()
        self.action_move(-1)

    def on_click(self, event: Click) -> None:
        """The cursor goes to the row."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 < offset.y <= len(self._rows) - self._top:
            self._cursor = self._top + offset.y - 1
            self.redraw()

    def draw(self) -> list[Strip]:
        """The column names and the rows around the cursor."""
        width, height = self.size
        runs = self._view.record.runs if self._view.record else {}
        columns = columns_for(width, max((len(run.place) for run in runs.values()), default=0))
        # Part of a word would look like a mistake, and a bar speaks for itself.
        heads = {name: name if len(name) < width else "" for name, width in columns.items()}
        header = Text.assemble(
            *(_padded(_aligned(Text(heads[name]), name), columns[name]) for name in columns)
        )
        strips = [self.strip(header).apply_style(self._look("runs--header"))]
        room = height - 1
        self._scroll(room)
        rows = self._rows[self._top : self._top + room]
        for y, row in enumerate(self._row_strips(rows, columns)):
            thumb = Strip([Segment(self._thumb(y, room))])
            strip = Strip.join([row.adjust_cell_length(width - 1), thumb])
            if self._top + y == self._cursor:
                strip = strip.apply_style(self._look("runs--cursor"))
            strips.append(strip)
        return strips

    def _row_strips(self, rows: list[RunId], columns: dict[str, int]) -> list[Strip]:
        background = self.colors[2]
        if self._known_for != (columns, background):
            self._known_for = (columns, background)
            self._known_rows.clear()
        missing = [id_ for id_ in rows if id_ not in self._known_rows]
        eta = self._view.eta() if missing else None
        for id_ in missing:
            assert self._view.record is not None
            run, color = self._view.record.runs[id_], model_shades(id_.model, background).full
            cells = row_cells(run, self._view, eta, columns, color)
            self._known_rows[id_] = self.strip(Text.assemble(*cells.values()))
        return [self._known_rows[id_] for id_ in rows]

    def _scroll(self, room: int) -> None:
        """So that the cursor is among so many rows; where it goes along, all that is under way."""
        last = self._cursor
        if self.chosen == self._followed:
            running = {run.id for group in self._view.under_way for run in group}
            last = max((i for i, run in enumerate(self._rows) if run in running), default=last)
        self._top = max(self._top, last - room + 1)
        self._top = min(self._top, self._cursor, max(0, len(self._rows) - room))
        self._top = max(self._top, self._cursor - room + 1)

    def _thumb(self, y: int, room: int) -> str:
        """The scroll bar's cell in row ``y`` of those in sight; blank if all rows are."""
        rows = len(self._rows)
        if rows <= room:
            return " "
        first, end = self._top * room // rows, (self._top + room) * room // rows
        return "┃" if first <= y < max(first + 1, end) else "│"

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(name)


def columns_for(width: int, place: int = 0) -> dict[str, int]:
    """The columns with their widths for so many cells, the last of which is the scroll bar's.

    Args:
        width: of the table.
        place: that the longest name of a worker has; the progress makes room for it.
    """
    columns = WIDE if width >= WIDE_FROM else NARROW
    left = max(LEAST_PROGRESS, width - 1 - sum(columns.values()))
    more = min(max(0, len("▶ ") + place + 1 - columns["state"]), left - LEAST_PROGRESS)
    return {**columns, "state": columns["state"] + more, "progress": min(40, left - more)}


def row_cells(
    run: RunRecord, view: ExperimentView, eta: Eta | None, columns: dict[str, int], color: str
) -> dict[str, Text]:
    """The cells of a run's row, each as wide as its column; ``color`` is the model's."""
    assert view.record is not None
    now = view.progress.get(run.id)
    live = now if run.status == "running" else None
    features = live is not None and live.phase == "features"
    loss = train = rate = ""
    if live is not None and not features:
        loss, train = f"{live.train_loss:.4f}", accuracy(live.train_accuracy)
    elif run.last is not None:
        loss, train = f"{run.last.train_loss:.4f}", accuracy(run.last.train_accuracy)
    if live is not None and live.phase in ("train", "features") and not _too_early(run, live):
        rate = rough_count(_rate(run, live, view))
    elif run.last is not None:
        rate = count(run.last.images_per_second)
    test = accuracy(run.last.test_accuracy) if run.last else ""
    left = eta.runs.get(run.id) if eta else None
    unknown = "–" if view.ended is None and run.status in ("queued", "running") else ""
    values = {
        "model": Text(f"{look(run.id.model).marker} {run.id.model}", color),
        "run": Text(str(run.id.repeat)),
        "state": Text(_state(run, view, live, columns["state"] - 1)),
        "epoch": Text(_of_all(_epoch(run, view), run.planned_epochs, columns["epoch"] - 1)),
        "progress": bar(view.fraction(run), columns["progress"] - 1, color),
        "train loss": Text(loss),
        "train acc": Text(train),
        "test acc": Text(test, "bold"),
        "images/s": Text(rate),
        "img/s": Text(rate),
        "ETA": Text(duration(left) if left is not None else unknown),
    }
    return {name: _padded(_aligned(values[name], name), width) for name, width in columns.items()}


def _too_early(run: RunRecord, now: Progress) -> bool:
    """Whether the last epoch's rate says more than this epoch's first moments."""
    return run.last is not None and now.seconds < STEADY_AFTER


def _rate(run: RunRecord, now: Progress, view: ExperimentView) -> float:
    """Images per second of all runs side by side; over the epoch so far, where it is known how many
    images an epoch has: that of the last tenth of a second flickers.
    """
    if run.last is None or now.phase == "features":
        return now.images_per_second
    images = run.last.images_per_second * run.last.seconds * len(view.beside(run))
    return images * now.step / now.steps / now.seconds


def _state(run: RunRecord, view: ExperimentView, live: Progress | None, width: int) -> str:
    if run.status == "queued" and view.ended is not None:
        return "· not run"
    if run.status == "running" and view.paused:
        return "‖ paused"
    if live is not None and live.phase == "features":
        return "▶ features"
    if run.status == "running" and run.place:
        return f"▶ {_end_of(run.place, width - 2)}"
    return f"{GLYPHS[run.status]} {run.status}"


def _end_of(text: str, width: int) -> str:
    """What tells workers apart stands at the end of their names."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def _epoch(run: RunRecord, view: ExperimentView) -> int:
    now = view.progress.get(run.id)
    done = len(run.epochs)
    return max(done, now.epoch) if now is not None and run.status == "running" else done


def _of_all(done: int, epochs: int, width: int) -> str:
    """ "7/10"; where that does not fit, the number done alone rather than a part of the total."""
    whole = f"{done}/{epochs}"
    return whole if len(whole) <= width else str(done)


def _aligned(text: Text, name: str) -> Text:
    text.justify = "left" if name in LEFT else "right"
    return text


def _padded(text: Text, width: int) -> Text:
    """One blank cell on the side where the next column begins."""
    padded = text.copy()
    padded.truncate(width - 1)
    if text.justify == "right":
        padded.pad_left(width - 1 - padded.cell_len)
    padded.pad_right(width - padded.cell_len)
    padded.justify = "left"
    return padded
