"""`mnist-tui results show`: all that is known of one experiment, on one page."""

from __future__ import annotations

import sys

from engine.past_experiment import read_record
from engine.records import ExperimentRecord, RunRecord
from engine.results_folder import find_experiment, without_trainer
from engine.settings import Settings, expanded
from engine.statistics import added, most_confused
from tui.export.summary_json import summary_json
from tui.model_facts import fact_rows
from tui.output_lines import inert
from tui.page import Page
from tui.plain_lines import print_text
from tui.settings_words import changed_settings, setting_words
from tui.text_table import GAP, Column, measured
from tui.trend import trend
from tui.wording import accuracy, short_duration, training

LONGEST_TREND = 40
SHORTEST_TREND = 8
MOST_PAIRS = 4
"""Digits that are confused most."""
COLUMNS = (
    Column("run"),
    Column("seed", leaves=3),
    Column("status"),
    Column("epochs", leaves=1),
    Column("test accuracy"),
    Column("time", leaves=2),
)
PLACE = Column("place", leaves=4)
"""Of experiments with several workers."""


def show_experiment(settings: Settings, id_: str, *, everything: bool, as_json: bool) -> int:
    """Print an experiment; return the exit code.

    Args:
        settings: where results are, and what the terminal can draw.
        id_: as for ``find_experiment``.
        everything: all settings, not only those that differ from the defaults.
        as_json: the summary as JSON instead.

    Raises:
        ResultsError: there is no such experiment, or it cannot be read.
    """
    record = without_trainer(read_record(find_experiment(expanded(settings.results), id_)))
    if as_json:
        return int(not print_text(summary_json(record), sys.stdout))
    page = Page(settings.characters)
    say_experiment(page, record, everything=everything)
    return int(not page.complete)


def say_experiment(page: Page, record: ExperimentRecord, *, everything: bool) -> None:
    """Everything on a page."""
    _say_what(page, record, everything=everything)
    _say_result(page, record)
    _say_runs(page, record)
    _say_confusions(page, record)
    for notice in record.notices:
        page.paragraph(f"{notice.level}: {inert(notice.text)}", GAP)


def _say_what(page: Page, record: ExperimentRecord, *, everything: bool) -> None:
    page.title(inert(record.id))
    when = f"started {record.started:%Y-%m-%d %H:%M:%S}"
    if record.finished is not None:
        when += f", ended {record.finished:%Y-%m-%d %H:%M:%S}"
    page.paragraph(f"{record.status}, {when} UTC", GAP)
    words = setting_words(record.settings) if everything else changed_settings(record.settings)
    page.paragraph(f"settings: {', '.join(words) or 'the defaults'}", GAP)
    for model in record.model_names:
        page.paragraph(f"{model}: {training(record.settings.recipe(model))}", GAP)
    environment = (f"{inert(name)} {inert(str(value))}" for name, value in _known(record))
    page.paragraph(f"environment: {', '.join(environment)}", GAP)


def _known(record: ExperimentRecord) -> list[tuple[str, str | int]]:
    return [(name, value) for name, value in record.environment.items() if value != ""]


def _say_result(page: Page, record: ExperimentRecord) -> None:
    """A column per model: there are few of them, and many facts."""
    page.line()
    page.beside(record.model_names, fact_rows(record.models))


def _say_runs(page: Page, record: ExperimentRecord) -> None:
    page.line()
    columns = list(COLUMNS)
    if any(run.place for run in record.runs.values()):
        columns.append(PLACE)
    rows = [_run_row(run) for run in record.runs.values()]
    room = LONGEST_TREND
    if page.width is not None:
        taken = sum(column.width + len(GAP) for column in measured(columns, rows))
        room = min(room, page.width - taken)
    if room >= SHORTEST_TREND:
        columns.append(Column("over epochs"))
        for row, run in zip(rows, record.runs.values(), strict=True):
            row["over epochs"] = _trend(record, run, room, ascii=page.ascii)
    page.table(columns, rows)
    for run in record.runs.values():
        if run.error:
            page.paragraph(f"{run.id} failed: {inert(run.error)}", GAP)


def _run_row(run: RunRecord) -> dict[str, str]:
    return {
        "run": str(run.id),
        "seed": str(run.seed),
        "status": run.status,
        "epochs": f"{len(run.epochs)}/{run.planned_epochs}",
        "test accuracy": accuracy(run.last.test_accuracy) if run.last else "–",
        "time": short_duration(run.finished.seconds) if run.finished else "–",
        "place": inert(run.place) or "–",
    }


def _trend(record: ExperimentRecord, run: RunRecord, width: int, *, ascii: bool) -> str:
    """Test accuracy from the lowest to the highest of all runs of the model."""
    runs = record.runs_of(run.id.model)
    every = [epoch.test_accuracy for each in runs for epoch in each.epochs]
    values = [epoch.test_accuracy for epoch in run.epochs]
    return trend(values, min(every), max(every), width, ascii=ascii) if every else ""


def _say_confusions(page: Page, record: ExperimentRecord) -> None:
    """The digits that each model takes for another most often, in all of its runs together."""
    lines = []
    for model in record.model_names:
        found = [run.finished.confusion for run in record.runs_of(model) if run.finished]
        worst = most_confused(added([confusion for confusion in found if confusion]), MOST_PAIRS)
        if worst:
            words = ", ".join(f"{true} as {read} {number}×" for true, read, number in worst)
            lines.append(f"{model}: {words}")
    if lines:
        page.line()
        page.title("most often misread, in all runs")
        for line in lines:
            page.paragraph(line, GAP)
