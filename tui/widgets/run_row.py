"""A row of the table of runs: what its columns say, and how they look."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from engine.events import Progress
from engine.records import RunRecord
from tui.bar import DONE, bar_words
from tui.eta import Eta
from tui.experiment_view import ExperimentView
from tui.palette import look
from tui.wording import accuracy, count, duration, rough_count

STEADY_AFTER = 2.0
"""Seconds of an epoch's training after which its rate hardly moves any more."""
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


def head_words(columns: dict[str, int]) -> dict[str, str]:
    """The columns' names, each as wide as its column."""
    # Part of a word would look like a mistake, and a bar speaks for itself.
    return {
        name: _padded(name if len(name) < cells else "", name, cells)
        for name, cells in columns.items()
    }


def row_words(
    run: RunRecord, view: ExperimentView, eta: Eta | None, columns: dict[str, int]
) -> dict[str, str]:
    """What a run's row says, each column as wide as it is."""
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
    elif (mean := run.images_per_second) is not None:
        rate = count(mean)
    left = eta.runs.get(run.id) if eta else None
    unknown = "–" if view.ended is None and run.status in ("queued", "running") else ""
    values = {
        "model": f"{look(run.id.model).marker} {run.id.model}",
        "run": str(run.id.repeat),
        "state": _state(run, view, live, columns["state"] - 1),
        "epoch": _of_all(_epoch(run, view), run.planned_epochs, columns["epoch"] - 1),
        "progress": "".join(bar_words(view.fraction(run), columns["progress"] - 1)),
        "train loss": loss,
        "train acc": train,
        "test acc": accuracy(run.last.test_accuracy) if run.last else "",
        "images/s": rate,
        "img/s": rate,
        "ETA": duration(left) if left is not None else unknown,
    }
    return {name: _padded(values[name], name, width) for name, width in columns.items()}


def row_strip(words: dict[str, str], color: str = "") -> Strip:
    """A row as it is shown; ``color`` is the model's, and without one it is all of one kind."""
    segments = []
    for name, text in words.items():
        if name == "progress" and color:
            done = text[: len(text) - len(text.lstrip(DONE))]
            segments.append(Segment(done, Style.parse(color)))
            segments.append(Segment(text[len(done) :], Style.parse("dim")))
        else:
            style = {"model": color, "test acc": "bold"}.get(name, "") if color else ""
            segments.append(Segment(text, Style.parse(style)))
    return Strip([part for part in segments if part.text], sum(map(cell_len, words.values())))


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


@lru_cache(1024)
def _padded(text: str, name: str, width: int) -> str:
    """As wide as the column, with a blank cell on the side where the next one begins."""
    room = width - 1
    text = text if cell_len(text) <= room else set_cell_size(text, room)
    blank = " " * (room - cell_len(text))
    return f"{text}{blank} " if name in LEFT else f"{blank}{text} "
