"""All experiments of a results folder. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError


@dataclass(frozen=True)
class Unreadable:
    """An experiment whose summary cannot be read."""

    folder: Path
    reason: str
    """One line that names the file."""


def past_experiments(results: Path) -> Iterator[ExperimentRecord | Unreadable]:
    """Every experiment, that begun last first; a bad folder hides no other.

    They are read one by one as they are asked for: a long one takes a while. No folder, no results.
    """
    for summary in sorted(results.glob("*/summary.toml"), reverse=True):
        try:
            yield read_record(summary.parent)
        except ResultsError as error:
            yield Unreadable(summary.parent, str(error))
