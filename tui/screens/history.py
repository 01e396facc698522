"""The experiments of the results folder, the newest first; each can be opened."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable, Label, Static
from textual.worker import get_current_worker

from engine.one_line import printable
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.results_folder import Unreadable, past_experiments
from tui.output_lines import inert
from tui.screens.sized import SizedScreen
from tui.wording import accuracy

AT_ONCE = 20
"""Experiments that are read before the table shows them."""


class HistoryScreen(SizedScreen[None]):
    """A table that fills while summaries are read, on a thread."""

    CSS_PATH = "history.tcss"
    HELP = "history"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit"),
    ]

    class Opened(Message):
        """The user wants to see this experiment."""

        def __init__(self, record: ExperimentRecord) -> None:
            super().__init__()
            self.record = record

    def __init__(self, results: Path) -> None:
        super().__init__()
        self._results = results
        self._found: list[ExperimentRecord | Unreadable] = []

    def compose(self) -> ComposeResult:
        """The table, and below it what is wrong with the chosen one, if anything."""
        yield Static(
            Text(f"mnist-tui   experiments in {printable(str(self._results))}", "bold"), id="title"
        )
        yield DataTable(cursor_type="row", id="experiments", classes="panel")
        yield Label("", id="note", markup=False)
        yield self.footer()

    def on_mount(self) -> None:
        """Begin to read."""
        table = self.query_one(DataTable)
        table.border_title = "reading…"
        table.add_columns("experiment", "status", "runs", "best test accuracy, mean")
        table.focus()
        self.run_worker(self._read, thread=True, exclusive=True, description="read summaries")

    def _read(self) -> None:
        worker = get_current_worker()
        batch: list[ExperimentRecord | Unreadable] = []
        try:
            for found in past_experiments(self._results):
                if worker.is_cancelled:
                    return
                batch.append(found)
                if len(batch) == AT_ONCE:
                    self.app.call_from_thread(self._add, batch)
                    batch = []
        except ResultsError as error:
            batch.append(Unreadable(self._results, str(error)))
        self.app.call_from_thread(self._add, batch, complete=True)

    def _add(self, batch: list[ExperimentRecord | Unreadable], *, complete: bool = False) -> None:
        table = self.query_one(DataTable)
        for found in batch:
            self._found.append(found)
            table.add_row(*_cells(found))
        if complete:
            count = len(self._found)
            table.border_title = f"{count} experiment{'' if count == 1 else 's'}"
            self._say_chosen()

    @on(DataTable.RowHighlighted)
    def _say_chosen(self) -> None:
        """Why the chosen one cannot be opened, or how."""
        chosen = self._chosen()
        reason = chosen.reason if isinstance(chosen, Unreadable) else ""
        text = inert(reason) if reason else "Enter shows its curves and results"
        if chosen is None:
            text = "none yet: an experiment leaves its folder there"
        self.query_one("#note", Label).update(text)

    def _chosen(self) -> ExperimentRecord | Unreadable | None:
        row = self.query_one(DataTable).cursor_row
        return self._found[row] if row < len(self._found) else None

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        """Show the chosen experiment."""
        chosen = self._chosen()
        if isinstance(chosen, ExperimentRecord):
            self.post_message(self.Opened(chosen))


def _cells(found: ExperimentRecord | Unreadable) -> list[Text]:
    if isinstance(found, Unreadable):
        return [Text(inert(found.folder.name)), Text("unreadable", "bold"), Text(), Text()]
    best = found.ranking()[0] if found.model_names else None
    reached = (
        f"{best.name} {accuracy(best.test_accuracy.mean)}" if best and best.test_accuracy else "–"
    )
    return [
        Text(inert(found.id)),
        Text(found.status),
        Text(str(len(found.runs)), justify="right"),
        Text(reached),
    ]
