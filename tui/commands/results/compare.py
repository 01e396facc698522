"""`mnist-tui results compare`: whether models differ by more than chance, in figures and words."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from engine.compare import Comparison, compared
from engine.contenders import Contender, contenders, pairs
from engine.events import plain
from engine.records import ExperimentRecord
from engine.settings import Settings, expanded
from engine.statistics import describe
from tui.difference_words import WHAT_THEY_ASK, adjustment_words, difference_words
from tui.output_lines import inert
from tui.page import Page
from tui.plain_lines import print_line
from tui.settings_words import differing_settings
from tui.text_table import GAP, Column
from tui.wording import accuracy, mean_and_std, short_duration

LETTER = ""
"""Heads the column of letters, which stand above the table."""
COLUMNS = (
    Column(LETTER),
    Column("model"),
    Column("test accuracy"),
    Column("95 % interval", leaves=4),
    Column("best run", leaves=2),
    Column("runs", leaves=1),
    Column("test loss", leaves=5),
    Column("time/run", leaves=3),
)


def compare_experiments(settings: Settings, names: Sequence[str], *, as_json: bool) -> int:
    """Compare what the names stand for; return the exit code.

    Args:
        settings: where results are, and what the terminal can draw.
        names: as for ``contenders``; the first is the baseline.
        as_json: one JSON object instead.

    Raises:
        ResultsError: there is no such experiment or model, or nothing to compare.
    """
    groups = [contenders(expanded(settings.results), name) for name in names]
    comparisons = compared(pairs(groups))
    if as_json:
        found = [_plain(comparison) for comparison in comparisons]
        return int(not print_line(json.dumps(plain({"comparisons": found})), sys.stdout))
    page = Page(settings.characters)
    sides = [side for one in comparisons for side in (one.baseline, one.other)]
    records = list({side.record.folder: side.record for side in sides}.values())
    letters = _letters(records)
    _say_experiments(page, records, letters)
    columns = COLUMNS if letters else COLUMNS[1:]
    page.table(columns, [_row(side, letters) for side in _by_model(sides)])
    for comparison in comparisons:
        page.line()
        called = (_called(side, letters) for side in (comparison.baseline, comparison.other))
        for line in difference_words(comparison, *called):
            page.paragraph(line, GAP)
    page.line()
    page.paragraph(WHAT_THEY_ASK)
    if adjusted := adjustment_words(comparisons):
        page.paragraph(adjusted)
    return int(not page.complete)


def _letters(records: Sequence[ExperimentRecord]) -> dict[Path, str]:
    """A, B, C…: ids are too long to stand in every line. None where all is of one experiment."""
    if len(records) == 1:
        return {}
    return {record.folder: _letter(place) for place, record in enumerate(records)}


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"A{place}"


def _called(side: Contender, letters: Mapping[Path, str]) -> str:
    return f"{letters.get(side.record.folder, '')} {side.name}".strip()


def _by_model(sides: Sequence[Contender]) -> list[Contender]:
    """Each once, those of one model below each other."""
    once = {(side.record.folder, side.name): side for side in sides}
    models = list(dict.fromkeys(side.model for side in once.values()))
    return sorted(once.values(), key=lambda side: models.index(side.model))


def _say_experiments(
    page: Page, records: Sequence[ExperimentRecord], letters: Mapping[Path, str]
) -> None:
    """Which letter stands for which, and in which settings they differ."""
    for record in records:
        letter = letters.get(record.folder, "")
        page.title(f"{letter}  {inert(record.id)}".strip())
    differing = [
        row
        for row in differing_settings([each.settings for each in records])
        if row[0] != "results"
    ]
    if differing:
        names = [letters[record.folder] for record in records]
        page.line()
        page.beside(names, differing)
    page.line()


def _row(side: Contender, letters: Mapping[Path, str]) -> dict[str, str]:
    row = {LETTER: letters.get(side.record.folder, ""), "model": side.name}
    if not side.runs:
        return row | {"test accuracy": "–", "runs": "0"}
    found = describe(side.accuracies)
    seconds = [run.finished.seconds for run in side.runs if run.finished]
    return row | {
        "test accuracy": mean_and_std(found.mean, found.std),
        "95 % interval": "–" if found.ci95 is None else f"± {found.ci95 * 100:.2f} %",
        "best run": accuracy(found.max),
        "runs": str(found.count),
        "test loss": f"{fmean(run.epochs[-1].test_loss for run in side.runs):.4f}",
        "time/run": short_duration(fmean(seconds)) if seconds else "–",
    }


def _plain(comparison: Comparison) -> dict[str, Any]:
    difference, discordance = comparison.difference, comparison.discordance
    table: dict[str, Any] = {
        "baseline": _side(comparison.baseline),
        "other": _side(comparison.other),
        "difference": difference and difference.mean,
        "interval_95": difference and difference.interval,
        "welch_p": difference and difference.p,
        "welch_p_holm": difference and difference.adjusted,
        "mcnemar": None,
        "words": list(
            difference_words(
                comparison, *(_whole(side) for side in (comparison.baseline, comparison.other))
            )
        ),
    }
    if discordance is not None:
        table["mcnemar"] = {
            "baseline_run": str(discordance.baseline.id),
            "other_run": str(discordance.other.id),
            "images": discordance.images,
            "misread_by_baseline_alone": discordance.baseline_alone,
            "misread_by_other_alone": discordance.other_alone,
            "p": discordance.p,
            "p_holm": discordance.adjusted,
        }
    return table


def _whole(side: Contender) -> str:
    return f"{side.record.id}/{side.name}"


def _side(side: Contender) -> dict[str, Any]:
    found = describe(side.accuracies) if side.runs else None
    return {
        "experiment": side.record.id,
        "name": side.name,
        "model": side.model,
        "runs": len(side.runs),
        "mean": found and found.mean,
        "std": found and found.std,
    }
