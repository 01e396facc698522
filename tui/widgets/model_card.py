"""One model at a glance: its accuracy in large digits, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from rich.text import Text
from textual.content import Content
from textual.strip import Strip

from engine.events import Progress
from engine.records import RunRecord
from tui.experiment_view import ExperimentView
from tui.large_digits import ROWS, large_digits
from tui.palette import look, model_shades, model_style
from tui.widgets.strip_widget import StripWidget
from tui.wording import spread

DIGITS_WIDTH = 19
"""Cells of "99.99" in large digits, and a blank one."""
BEST = "  ★ best"


@dataclass(frozen=True)
class Headline:
    """What a card says."""

    accuracy: float | None
    """0–1."""
    meaning: str
    """What that number is."""
    note: str
    """The mean so far, or where the model stands."""
    best: bool = False
    """Of several models, at the end."""


def headline(model: str, view: ExperimentView) -> Headline:
    """The number that matters now: the mean once all runs are done, before that the newest."""
    record = view.record
    if record is None:
        return Headline(None, "waiting", "")
    runs = record.runs_of(model)
    if not runs:
        return Headline(None, "removed", "")
    summary = record.summary_of(model)
    mean_of = "test accuracy" if summary.runs == 1 else f"mean of {summary.runs} runs"
    under_way = view.ended is None and any(run.status == "running" for run in runs)
    if summary.test_accuracy is not None and not under_way:
        std = summary.test_accuracy.std
        note = f"± {std * 100:.2f}" if std is not None else ""
        return Headline(summary.test_accuracy.mean, mean_of, note, _is_best(model, view))
    so_far = ""
    if summary.test_accuracy is not None:
        so_far = f"{summary.runs} done: {spread(summary)}"
    newest = [run for run in runs if run.status != "queued"]
    if not newest:
        return Headline(None, "queued", so_far)
    groups = [group for group in view.under_way if group[0].id.model == model]
    # One after the other would jump to and fro: of several it is the one that has come furthest.
    furthest = max(groups, key=lambda group: len(group[0].epochs), default=newest[-1:])
    if len(furthest) > 1:
        return _of_runs(furthest, view)
    run = furthest[0]
    where = f"run {runs.index(run) + 1}/{len(runs)}"
    now = view.progress.get(run.id)
    if summary.test_accuracy is not None and run.status == "running" and run.last is None:
        # What is known of the model; a network that has just begun knows nothing yet.
        epoch = f" epoch {now.epoch}" if now is not None and now.epoch else ""
        return Headline(summary.test_accuracy.mean, mean_of, f"{where}{epoch}")
    return _of_run(run, now, where, so_far)


def _is_best(model: str, view: ExperimentView) -> bool:
    """Whether no other was better, now that all have been compared."""
    if view.record is None or view.ended is None:
        return False
    compared = [one.name for one in view.record.ranking() if one.test_accuracy is not None]
    return len(compared) > 1 and compared[0] == model


def _of_run(run: RunRecord, now: Progress | None, where: str, so_far: str) -> Headline:
    if run.status == "failed" or (run.last is None and run.status in ("skipped", "stopped")):
        return Headline(None, f"{where} {run.status}", so_far)
    if run.last is not None:
        return Headline(run.last.test_accuracy, "test accuracy", f"{where} epoch {run.last.epoch}")
    if now is not None and now.phase == "features":
        return Headline(None, f"features {now.step / now.steps:.0%}", "run once")
    if now is not None:
        return Headline(now.train_accuracy, "train accuracy", f"{where} epoch {now.epoch}")
    return Headline(None, "no epoch yet" if run.status == "running" else run.status, where)


def _of_runs(runs: list[RunRecord], view: ExperimentView) -> Headline:
    """Runs side by side: their mean."""
    what = f"mean of {len(runs)} runs"
    done = min(len(run.epochs) for run in runs)
    if done:  # an epoch that all of them have had, or the mean would jump to and fro
        tested = [run.epochs[done - 1].test_accuracy for run in runs]
        return Headline(fmean(tested), what, f"test, epoch {done}/{runs[0].planned_epochs}")
    live = [now for run in runs if (now := view.progress.get(run.id)) is not None]
    if not live:
        return Headline(None, "no epoch yet", f"{len(runs)} runs at once")
    if live[0].phase == "features":
        return _of_run(runs[0], live[0], what, "")
    return Headline(
        fmean(now.train_accuracy for now in live), what, f"train, epoch {live[0].epoch}"
    )


class ModelCard(StripWidget):
    """Large where there is room, two lines where there is not."""

    DEFAULT_CSS = """
    ModelCard { width: 1fr; }
    """

    def __init__(self, model: str) -> None:
        super().__init__(id=f"card-{model}", classes="card")
        self.model = model
        self.headline = Headline(None, "waiting", "")

    def redraw(self) -> None:
        """As ``StripWidget.redraw``; the frame has the name in the model's colour."""
        if self.is_attached:
            style = model_style(self.model, self.colors[2], bold=True)
            words = f"{look(self.model).marker} {self.model}" + BEST * self.headline.best
            title = Content.styled(words, style).markup
            if title != self.border_title:
                self.border_title = title
        super().redraw()

    def show(self, view: ExperimentView) -> None:
        """Bring it up to date."""
        self.headline = headline(self.model, view)
        self.redraw()

    def draw(self) -> list[Strip]:
        """The number in digits of three rows with words beside it, or a small form of both."""
        color = model_shades(self.model, self.colors[2]).full
        if self.size.height < ROWS:
            lines = small_lines(self.model, self.headline, color)
            for line in lines:  # the next card begins right behind it
                line.truncate(self.size.width - 1, overflow="ellipsis")
            return [self.strip(line) for line in lines]
        digits = large_digits(number(self.headline), ascii=self.ascii)
        words = large_words(self.headline)
        return [
            self.strip(Text.assemble((row.ljust(DIGITS_WIDTH), color), text))
            for row, text in zip(digits, words, strict=True)
        ]


def number(line: Headline) -> str:
    """The accuracy in percent, without the sign."""
    return "--.--" if line.accuracy is None else f"{line.accuracy * 100:.2f}"


def large_words(line: Headline) -> list[Text]:
    """What stands beside the digits."""
    percent = Text("%" if line.accuracy is not None else "", "bold")
    return [percent, Text(line.meaning), Text(line.note, "dim")]


def small_lines(model: str, line: Headline, color: str) -> list[Text]:
    """The card where there are but two rows."""
    value = f"{number(line)} %" if line.accuracy is not None else "–"
    name = Text.assemble((f"{look(model).marker} {model} ", f"bold {color}"), (value, "bold"))
    meaning = line.meaning.removesuffix(" accuracy")
    return [name, Text.assemble(f"{meaning} ", (line.note, "dim"))]
