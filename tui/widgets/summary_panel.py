"""What an experiment came to: a line per model, best first, and where it is saved."""

from __future__ import annotations

from itertools import accumulate

from rich.text import Text
from textual.color import Color
from textual.widgets import Static

from engine.one_line import one_line, printable
from engine.records import ExperimentRecord, ModelSummary
from tui.palette import look, model_shades
from tui.wording import accuracy, count, duration, limits, short_duration, spread

COLUMNS = {
    "test accuracy": 33,
    "95 % CI": 10,
    "best run": 10,
    "runs": 6,
    "time/run": 11,
    "images/s": 12,
    "parameters": 13,
}
"""And the cells of each, the first with the model's name; where there is not room for all, the last
ones are left out.
"""


class SummaryPanel(Static):
    """Stays on the screen after the end."""

    def __init__(self) -> None:
        super().__init__("", id="summary", classes="panel")
        self._record: ExperimentRecord | None = None

    def show(self, record: ExperimentRecord) -> None:
        """Show the result of an experiment that has ended."""
        self._record = record
        self.border_title = f"Result: {record.status}"
        self._draw()

    def on_mount(self) -> None:
        """Models have other shades in another theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())

    def on_resize(self) -> None:
        """More columns may fit, or fewer."""
        self._draw()

    def _draw(self) -> None:
        if self._record is not None:
            self.update(summary_text(self._record, self.colors[2], self.size.width))


def columns_for(width: int) -> list[str]:
    """Those that fit in so many cells."""
    ends = accumulate(COLUMNS.values())
    return [name for name, end in zip(COLUMNS, ends, strict=True) if end <= width] or [*COLUMNS][:1]


def summary_text(record: ExperimentRecord, background: Color, width: int) -> Text:
    """The table and the path of the summary, for so many cells."""
    columns = columns_for(width)
    text = Text("   model" + columns[0].rjust(COLUMNS[columns[0]] - len("   model")))
    for name in columns[1:]:
        text.append(name.rjust(COLUMNS[name]))
    text.stylize("dim")
    for place, model in enumerate(record.ranking(), start=1):
        text.append("\n").append_text(_line(place, model, record, background, columns))
    for model in record.models:
        if model.features_seconds:
            note = (
                f"\n   {model.name}: plus {duration(model.features_seconds)} for its features, once"
            )
            text.append(note, "dim")
        finished = [run for run in record.runs_of(model.name) if run.status == "finished"]
        lengths = {run.planned_epochs for run in finished}
        if len(lengths) > 1:
            note = f"\n   {model.name}: runs of {min(lengths)} to {max(lengths)} epochs"
            text.append(note, "dim")
    if limits(record.settings):
        text.append(f"\n   {limits(record.settings)}", "dim")
    return text.append("\nsaved in ", "dim").append(printable(str(record.summary)), "bold")


def _line(
    place: int, model: ModelSummary, record: ExperimentRecord, background: Color, columns: list[str]
) -> Text:
    color = model_shades(model.name, background).full
    found = model.test_accuracy
    if found is None:
        line = Text.assemble("–  ", (f"{look(model.name).marker} {model.name:<11}", color))
        return line.append(f"  no finished run{_why(model.name, record)}", "dim")
    values = {
        "95 % CI": f"± {found.ci95 * 100:.2f}" if found.ci95 is not None else "–",
        "best run": accuracy(found.max),
        "runs": _runs(model, record),
        "time/run": short_duration(model.seconds.mean) if model.seconds else "–",
        "images/s": count(model.images_per_second.mean) if model.images_per_second else "–",
        "parameters": f"{model.size.parameters:,}" if model.size else "–",
    }
    line = Text.assemble(
        (f"{place}. ", "bold"),
        (f"{look(model.name).marker} {model.name:<11}", f"bold {color}"),
        (f"{spread(model):>17}", "bold"),
    )
    for name in columns[1:]:
        line.append(values[name].rjust(COLUMNS[name]))
    return line


def _runs(model: ModelSummary, record: ExperimentRecord) -> str:
    """Those that the result is over, and of how many: "5", "4/5"."""
    begun = len(record.runs_of(model.name))
    return str(model.runs) if model.runs == begun else f"{model.runs}/{begun}"


def _why(name: str, record: ExperimentRecord) -> str:
    """What an unfinished run reached (not comparable, so no result), or why it failed."""
    own = record.runs_of(name)
    failed = next((run for run in own if run.error), None)
    if failed is not None:
        return f": {one_line(failed.error)}"
    runs = [run for run in own if run.last]
    if not runs:
        return ""
    last = runs[-1].last
    assert last is not None
    return f"; {accuracy(last.test_accuracy)} after epoch {last.epoch} of {runs[-1].id}"
