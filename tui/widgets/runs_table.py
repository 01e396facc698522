"""A row per run: where it is, how fast, when it will be done."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import DataTable

from engine.events import Progress, RunId
from engine.records import RunRecord
from tui.bar import bar
from tui.eta import Eta
from tui.experiment_view import ExperimentView
from tui.palette import look
from tui.wording import accuracy, count, duration

# Column widths; progress takes what is left of the table's width.
WIDE = {
    "model": 14,
    "run": 4,
    "state": 12,
    "epoch": 8,
    "progress": 0,
    "loss": 9,
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
    "loss": 7,
    "test acc": 9,
    "img/s": 7,
    "ETA": 7,
}
RIGHT = frozenset({"run", "epoch", "loss", "train acc", "test acc", "images/s", "img/s", "ETA"})
GLYPHS = {
    "queued": "·",
    "running": "▶",
    "finished": "✓",
    "skipped": "↷",
    "stopped": "◼",
    "failed": "✗",
}


class RunsTable(DataTable[Text]):
    """Cells are rewritten only when their text changes; the row under way stays in view."""

    def __init__(self) -> None:
        super().__init__(
            id="runs", cursor_type="row", cell_padding=0, cursor_foreground_priority="renderable"
        )
        self._columns: dict[str, int] = {}
        self._cells: dict[tuple[RunId, str], str] = {}
        self._followed: RunId | None = None

    def lay_out(self, width: int) -> None:
        """Choose the columns for a screen of this many cells."""
        columns = WIDE if width >= 100 else NARROW
        around = 6 if width >= 100 else 3  # frame, padding, scrollbar
        left = width - around - sum(columns.values())
        columns = {**columns, "progress": max(4, min(40, left))}
        if columns != self._columns:
            self._columns = columns
            self.clear(columns=True)
            self._cells.clear()
            self._followed = None
            for name, width in columns.items():
                label = Text(name, justify="right" if name in RIGHT else "left")
                self.add_column(_padded(label, width), width=width, key=name)

    def show(self, view: ExperimentView) -> None:
        """Bring every row up to date."""
        if view.record is None or not self._columns:
            return
        eta = view.eta()
        current = view.current
        for run in view.record.runs.values():
            row = self._row(run, view, eta)
            if str(run.id) not in self.rows:
                self.add_row(*row.values(), key=str(run.id))
                self._cells.update({(run.id, name): cell.plain for name, cell in row.items()})
                continue
            for name, cell in row.items():
                if self._cells[run.id, name] != cell.plain:
                    self._cells[run.id, name] = cell.plain
                    self.update_cell(str(run.id), name, cell)
        if current is not None and current.id != self._followed:
            self._followed = current.id
            self.move_cursor(row=self.get_row_index(str(current.id)), animate=False)

    def _row(self, run: RunRecord, view: ExperimentView, eta: Eta | None) -> dict[str, Text]:
        assert view.record is not None
        now = view.progress.get(run.id)
        live = now if run.status == "running" else None
        features = live is not None and live.phase == "features"
        epochs = view.record.settings.epochs
        loss = train = rate = ""
        if live is not None and not features:
            loss, train = f"{live.train_loss:.4f}", accuracy(live.train_accuracy)
        elif run.last is not None:
            loss, train = f"{run.last.train_loss:.4f}", accuracy(run.last.train_accuracy)
        if live is not None and live.phase in ("train", "features"):
            rate = count(live.images_per_second)
        elif run.last is not None:
            rate = count(run.last.images_per_second)
        test = accuracy(run.last.test_accuracy) if run.last else ""
        left = eta.runs.get(run.id) if eta else None
        unknown = "–" if view.ended is None and run.status in ("queued", "running") else ""
        color = look(run.id.model).color
        values = {
            "model": Text(f"{look(run.id.model).marker} {run.id.model}", color),
            "run": Text(str(run.id.repeat)),
            "state": Text(_state(run, view, live)),
            "epoch": Text(f"{_epoch(run, view)}/{epochs}"),
            "progress": bar(view.fraction(run), self._columns["progress"] - 1, color),
            "loss": Text(loss),
            "train acc": Text(train),
            "test acc": Text(test, "bold"),
            "images/s": Text(rate),
            "img/s": Text(rate),
            "ETA": Text(duration(left) if left is not None else unknown),
        }
        return {
            name: _padded(_aligned(values[name], name), width)
            for name, width in self._columns.items()
        }


def _state(run: RunRecord, view: ExperimentView, live: Progress | None) -> str:
    if run.status == "queued" and view.ended is not None:
        return "· not run"
    if run.status == "running" and view.paused:
        return "‖ paused"
    if live is not None and live.phase == "features":
        return "▶ features"
    return f"{GLYPHS[run.status]} {run.status}"


def _epoch(run: RunRecord, view: ExperimentView) -> int:
    now = view.progress.get(run.id)
    done = len(run.epochs)
    return max(done, now.epoch) if now is not None and run.status == "running" else done


def _aligned(text: Text, name: str) -> Text:
    text.justify = "right" if name in RIGHT else "left"
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
