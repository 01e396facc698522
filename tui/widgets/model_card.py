"""One model at a glance: its accuracy in large digits, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Digits, Static

from engine.events import Progress
from engine.records import RunRecord
from tui.experiment_view import ExperimentView
from tui.palette import look
from tui.wording import spread


@dataclass(frozen=True)
class Headline:
    """What a card says."""

    accuracy: float | None
    """0–1."""
    meaning: str
    """What that number is."""
    note: str
    """The mean so far, or where the model stands."""


def headline(model: str, view: ExperimentView) -> Headline:
    """The number that matters now: the mean once all runs are done, before that the newest."""
    record = view.record
    if record is None:
        return Headline(None, "waiting", "")
    runs = [run for run in record.runs.values() if run.id.model == model]
    summary = next(summary for summary in record.models if summary.name == model)
    if summary.test_accuracy is not None and all(
        run.status not in ("queued", "running") for run in runs
    ):
        what = "test accuracy" if summary.runs == 1 else f"mean of {summary.runs} runs"
        std = summary.test_accuracy.std
        return Headline(
            summary.test_accuracy.mean, what, f"± {std * 100:.2f}" if std is not None else ""
        )
    so_far = ""
    if summary.test_accuracy is not None:
        so_far = f"{summary.runs} done: {spread(summary)}"
    newest = [run for run in runs if run.status != "queued"]
    if not newest:
        return Headline(None, "queued", so_far)
    side_by_side = [run for run in runs if run.status == "running"]
    if len(side_by_side) > 1:
        return _of_runs(side_by_side, view)
    run = newest[-1]
    return _of_run(run, view.progress.get(run.id), len(runs), so_far)


def _of_run(run: RunRecord, now: Progress | None, runs: int, so_far: str) -> Headline:
    where = f"run {run.id.repeat}/{runs}"
    if run.status == "failed":
        return Headline(None, f"{where} failed", so_far)
    if run.last is not None:
        return Headline(run.last.test_accuracy, "test accuracy", f"{where} epoch {run.last.epoch}")
    if now is not None and now.phase == "features":
        return Headline(None, f"features {now.step / now.steps:.0%}", "computed once")
    if now is not None:
        return Headline(now.train_accuracy, "train accuracy", f"{where} epoch {now.epoch}")
    return Headline(None, "starting" if run.status == "running" else run.status, where)


def _of_runs(runs: list[RunRecord], view: ExperimentView) -> Headline:
    """Runs side by side: their mean."""
    assert view.record is not None
    what = f"mean of {len(runs)} runs"
    tested = [run.last.test_accuracy for run in runs if run.last is not None]
    if tested:
        done = max(len(run.epochs) for run in runs)
        return Headline(fmean(tested), what, f"test, epoch {done}/{view.record.settings.epochs}")
    live = [now for run in runs if (now := view.progress.get(run.id)) is not None]
    if not live:
        return Headline(None, "starting", f"{len(runs)} runs at once")
    if live[0].phase == "features":
        return _of_run(runs[0], live[0], len(runs), "")
    return Headline(
        fmean(now.train_accuracy for now in live), what, f"train, epoch {live[0].epoch}"
    )


class ModelCard(Vertical):
    """Large where there is room, two lines where there is not."""

    DEFAULT_CSS = """
    ModelCard { layout: horizontal; width: 1fr; }
    """

    def __init__(self, model: str) -> None:
        super().__init__(id=f"card-{model}", classes="card")
        self.model = model
        self._shown: Headline | None = None
        self.border_title = f"[bold {look(model).color}]{look(model).marker} {model}[/]"

    def compose(self) -> ComposeResult:
        """Digits with words beside them, and a small form of both."""
        yield Digits("", classes="card-digits")
        yield Static("", classes="card-words")
        yield Static("", classes="card-small")

    def on_mount(self) -> None:
        """The model's colour on its number."""
        self.query_one(Digits).styles.color = look(self.model).color

    def show(self, view: ExperimentView) -> None:
        """Redraw what has changed."""
        line = headline(self.model, view)
        if line == self._shown:
            return
        self._shown = line
        number = "--.--" if line.accuracy is None else f"{line.accuracy * 100:.2f}"
        self.query_one(Digits).update(number)
        words = Text.assemble(("%\n" if line.accuracy is not None else "\n", "bold"))
        words.append(f"{line.meaning}\n").append(line.note, "dim")
        self.query_one(".card-words", Static).update(words)
        name = look(self.model)
        small = Text.assemble(
            (f"{name.marker} {self.model} ", f"bold {name.color}"),
            (f"{number} %" if line.accuracy is not None else "–", "bold"),
            f"\n{line.meaning.removesuffix(' accuracy')} ",
            (line.note, "dim"),
        )
        self.query_one(".card-small", Static).update(small)
