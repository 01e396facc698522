"""Whether experiments that lie over one another differ by more than chance, in lines of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.compare import compared
from engine.contenders import models_of, pairs
from engine.records import ExperimentRecord
from engine.results import ResultsError
from tui.difference_words import WHAT_THEY_ASK, adjustment_words, difference_words
from tui.palette import LETTERS


def difference_lines(records: Sequence[ExperimentRecord]) -> Iterator[str]:
    """Two lines for each pair, as ``mnist-tui results compare`` chooses them; A is the baseline.

    Loads SciPy, which takes half a second.
    """
    try:
        found = compared(pairs([models_of(record) for record in records]))
    except ResultsError:  # a single experiment of a single model
        yield "nothing to compare it with: tick another experiment, too"
        return
    letters = {record.folder: letter for letter, record in zip(LETTERS, records, strict=False)}
    for one in found:
        called = (
            f"{letters[side.record.folder]} {side.name}" for side in (one.baseline, one.other)
        )
        yield from difference_words(one, *called)
    yield WHAT_THEY_ASK
    if adjusted := adjustment_words(found):
        yield adjusted
