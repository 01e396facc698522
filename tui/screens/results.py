"""The experiments in the results folder: find one, open it, lay several over one another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.widgets import DataTable, Input, Label, Static

from engine.one_line import printable
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.results_folder import Unreadable
from engine.settings import Settings
from tui.form_words import recipe_words
from tui.listed import Listed, look
from tui.output_lines import inert
from tui.palette import LETTERS
from tui.screens.sized import SizedScreen
from tui.widgets.experiments_table import ExperimentsTable
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.ordered_input import OrderedInput
from tui.widgets.question_strip import QuestionStrip
from tui.widgets.summary_panel import SummaryPanel
from tui.wording import counted

AT_ONCE = 20
"""Experiments that are read before the table shows them."""
INTERVAL = 1.0
"""Seconds between two looks at the folder."""
ABSENT = "none yet: an experiment leaves its folder there"

AGAIN = {"yes": ("y", "Yes, now"), "stay": ("escape", "No")}
EXPORTS = {
    "csv": ("c", "CSV"),
    "json": ("j", "JSON"),
    "markdown": ("m", "Markdown"),
    "svg": ("s", "SVG"),
    "png": ("p", "PNG"),
    "tensorboard": ("t", "TensorBoard"),
    "stay": ("escape", "No"),
}


class ResultsScreen(SizedScreen[None]):
    """A table that follows the folder; summaries are read on a thread."""

    CSS_PATH = "results.tcss"
    HELP = "results"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Tick", tooltip="Tick, to compare several"),
        Binding("c", "compare", "Compare", tooltip="Compare those ticked"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("r", "again", "Again", tooltip="Train again with the same settings"),
        Binding("e", "export", "Export"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False, tooltip="Quit"),
    ]

    class Opened(Message):
        """The user wants to see this experiment."""

        def __init__(self, record: ExperimentRecord) -> None:
            super().__init__()
            self.record = record

    class Compared(Message):
        """The user wants to see these experiments over one another."""

        def __init__(self, records: Sequence[ExperimentRecord]) -> None:
            super().__init__()
            self.records = records

    class Again(Message):
        """The user wants to train with these settings."""

        def __init__(self, settings: Settings) -> None:
            super().__init__()
            self.settings = settings

    def __init__(self, results: Path) -> None:
        super().__init__()
        self._results = results
        self._listed: Sequence[Listed] = ()
        self._ticked: list[str] = []
        """Their names, in the order in which they were ticked."""
        self._again: Settings | None = None
        """To train with, if the question is answered so: the table may have changed meanwhile."""
        self._to_export: Sequence[ExperimentRecord] = ()
        """Those that there were when it was asked as what."""
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        """The table, and below it the chosen one's result or what is wrong with it."""
        where = Text(f"mnist-tui   results in {printable(str(self._results))}", "bold")
        yield Static(where, id="title")
        yield QuestionStrip()
        yield OrderedInput(
            placeholder="words of id, models, status, preset", id="filter", compact=True
        )
        yield ExperimentsTable()
        yield SummaryPanel()
        yield Label("", id="note", markup=False)
        yield KeysFooter()

    def on_mount(self) -> None:
        """Begin to read."""
        self._table.focus()
        self.run_worker(self._follow, thread=True, exclusive=True, description="read summaries")

    def on_unmount(self) -> None:
        """Read no more."""
        self._left.set()

    @property
    def _table(self) -> ExperimentsTable:
        return self.query_one(ExperimentsTable)

    def _follow(self) -> None:
        """On a thread: look at the folder again and again while nothing is above this screen."""
        known = self._look(())
        while not self._left.wait(INTERVAL):
            if self.is_current:
                known = self._look(known)

    def _look(self, known: Sequence[Listed]) -> Sequence[Listed]:
        """Show what there is now; at the first look a part of it as soon as it is read."""
        found: list[Listed] = []
        try:
            for each in look(self._results, known):
                if self._left.is_set():
                    return known
                found.append(each)
                if not known and len(found) % AT_ONCE == 0:
                    self.app.call_from_thread(self._take, found[:])
        except ResultsError as error:
            found = [Listed(Unreadable(self._results, str(error)), ())]
        if found != known or not found:
            self.app.call_from_thread(self._take, found, complete=True)
        return found

    def _take(self, found: Sequence[Listed], *, complete: bool = False) -> None:
        self._listed = found
        names = {each.name for each in found}
        if complete:
            self._ticked = [name for name in self._ticked if name in names]
        self._show(complete=complete)

    def _show(self, *, complete: bool = True) -> None:
        """Those that the filter keeps."""
        wanted = [each for each in self._listed if each.matches(self._filter.value)]
        self._table.show(wanted, self._ticked)
        if complete:
            count = len(self._listed)
            shown = f"{len(wanted)} of " if len(wanted) < count else ""
            self._table.border_title = f"{shown}{counted(count, 'experiment')}"
            self._show_chosen()

    @on(DataTable.RowHighlighted)
    def _show_chosen(self) -> None:
        """What came of the chosen one, or why it cannot be opened."""
        chosen = self._table.chosen
        summary = self.query_one(SummaryPanel)
        summary.display = isinstance(chosen, ExperimentRecord)
        if isinstance(chosen, ExperimentRecord):
            summary.show(chosen)
        self._tell(inert(chosen.reason) if isinstance(chosen, Unreadable) else "")
        if isinstance(chosen, ExperimentRecord):
            self._tell(_trained(chosen.settings))
        if not self._listed:
            self._tell(ABSENT)
        elif chosen is None:
            self._tell("nothing matches the filter; Esc clears it")

    def _tell(self, text: str) -> None:
        self.query_one("#note", Label).update(text)

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        """Show the chosen experiment."""
        chosen = self._table.chosen
        if isinstance(chosen, ExperimentRecord):
            self.post_message(self.Opened(chosen))

    def action_tick(self) -> None:
        """Tick the chosen one, or no more."""
        chosen = self._table.chosen
        if not isinstance(chosen, ExperimentRecord):
            return
        name = chosen.folder.name
        if name in self._ticked:
            self._ticked.remove(name)
        elif len(self._ticked) < len(LETTERS):
            self._ticked.append(name)
        else:
            self._tell(f"{len(LETTERS)} are ticked: more cannot be told apart")
            return
        self._show()
        self._table.action_cursor_down()

    @property
    def _ticked_records(self) -> list[ExperimentRecord]:
        """Those ticked; without any, the chosen one."""
        found = {each.name: each.found for each in self._listed}
        wanted = [found[name] for name in self._ticked]
        if not wanted and self._table.chosen is not None:
            wanted = [self._table.chosen]
        return [each for each in wanted if isinstance(each, ExperimentRecord)]

    def action_compare(self) -> None:
        """Lay those that are ticked over one another."""
        records = self._ticked_records
        if records:
            self.post_message(self.Compared(records))

    async def action_again(self) -> None:
        """Train once more as the chosen one was, once confirmed."""
        chosen = self._table.chosen
        if isinstance(chosen, ExperimentRecord):
            self._again = settings = chosen.settings
            models = ", ".join(settings.models)
            await self._ask("again", f"Train {models} again, {_times(settings)}?", AGAIN)

    async def action_export(self) -> None:
        """Write those that are ticked to files, once the kind of file is said."""
        self._to_export = self._ticked_records
        if self._to_export:
            several = f"{len(self._to_export)} " if len(self._to_export) > 1 else ""
            await self._ask("export", f"Export {several}as", EXPORTS)

    async def _ask(self, question: str, text: str, answers: dict[str, tuple[str, str]]) -> None:
        self.add_class("-asking")
        await self.query_one(QuestionStrip).ask(question, text, answers)

    @on(QuestionStrip.Answered)
    def _answered(self, event: QuestionStrip.Answered) -> None:
        self.remove_class("-asking")
        self._table.focus()
        if event.answer == "stay":
            return
        if event.question == "again":
            assert self._again is not None
            self.post_message(self.Again(self._again))
        else:
            self._export(event.answer)

    @work(thread=True, group="export", exit_on_error=False, description="export")
    def _export(self, format_: str) -> None:
        """On a thread: charts take a while."""
        from tui.export.writing import export, free_path

        saved, problem = [], ""
        for record in self._to_export:
            path = free_path(record, format_).absolute()
            try:
                saved.append(export(record, format_, path))
            except ResultsError as error:
                problem = str(error)
        words = [f"saved {saved[0]}"] if len(saved) == 1 else []
        if len(saved) > 1:
            words = [f"saved {len(saved)} in {saved[0].parent}: {saved[0].name} …"]
        words += [problem] if problem else []
        self.app.call_from_thread(self._tell, printable("; ".join(words)))

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def action_filter(self) -> None:
        """Type words that the experiments in the table have."""
        self.add_class("-filtering")
        self._filter.focus()

    @on(Input.Changed, "#filter")
    def _narrow_down(self) -> None:
        self._show()

    @on(Input.Submitted, "#filter")
    def _to_the_table(self) -> None:
        self._table.focus()

    def on_key(self, event: Key) -> None:
        """A question's keys come first; from the filter the arrows lead to the table."""
        if self.has_class("-asking") and self.query_one(QuestionStrip).take_key(event.key):
            event.stop()
            event.prevent_default()
        elif self.focused is self._filter and event.key in ("down", "up"):
            self._table.focus()

    def action_leave(self) -> None:
        """All of them again, if there is a filter; else to the form."""
        if self.has_class("-filtering"):
            self.remove_class("-filtering")
            self._filter.value = ""
            self._table.focus()
        else:
            self.dismiss(None)


def _trained(settings: Settings) -> str:
    """ "5 × 10 epochs, notebook, adam 0.001 constant"."""
    return f"{_times(settings)}, {settings.preset}, {recipe_words(settings)}"


def _times(settings: Settings) -> str:
    """ "10 epochs", "5 × 10 epochs"."""
    repeats = f"{settings.repeats} × " if settings.repeats > 1 else ""
    return f"{repeats}{counted(settings.epochs, 'epoch')}"
