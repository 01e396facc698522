"""An experiment as Markdown: how it was trained, and what came of it, in tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.records import ExperimentRecord, RunRecord
from tui.model_facts import fact_rows
from tui.output_lines import inert
from tui.settings_words import changed_settings
from tui.wording import accuracy, limits, short_duration, training


def markdown(record: ExperimentRecord) -> str:
    """A page that begins with a heading."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: ExperimentRecord) -> Iterator[str]:
    environment = record.environment
    yield f"# {_plain(record.id)}"
    yield ""
    device = f"{environment.get('device', '')} ({environment.get('device_name', '')})"
    limited = limits(record.settings)
    yield (
        f"{record.status}, started {record.started:%Y-%m-%d %H:%M} UTC on {_plain(device)}, "
        + ", ".join(filter(None, [f"preset {_plain(record.settings.preset)}", limited]))
    )
    yield ""
    yield f"Settings: {_plain(', '.join(changed_settings(record.settings)) or 'the defaults')}"
    yield ""
    models = record.models
    rows = [(name, *values) for name, values in fact_rows(models)]
    trained = [training(record.settings.recipe(model.name)) for model in models]
    yield from _table(("", *(model.name for model in models)), [("trained with", *trained), *rows])
    yield ""
    names = ("run", "seed", "status", "epochs", "test accuracy", "test loss", "time")
    yield from _table(names, [_run_row(run) for run in record.runs.values()])


def _run_row(run: RunRecord) -> tuple[str, ...]:
    return (
        str(run.id),
        str(run.seed),
        f"{run.status}: {run.error}" if run.error else run.status,
        f"{len(run.epochs)}/{run.planned_epochs}",
        accuracy(run.last.test_accuracy) if run.last else "–",
        f"{run.last.test_loss:.4f}" if run.last else "–",
        short_duration(run.finished.seconds) if run.finished else "–",
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Numbers at the right, as the first column tells what they are."""
    yield _row(names)
    yield _row(["---", *["---:"] * (len(names) - 1)], escape=False)
    yield from map(_row, rows)


def _row(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(_plain(cell) if escape else cell for cell in cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", inert(text))
