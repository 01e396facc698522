"""What is known of a model after an experiment, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from engine.records import ModelSummary
from tui.comparison import COLUMNS

ALWAYS = "energy"
"""Is told also where nobody knows it."""
NOTHING = "–"


def fact_rows(models: Sequence[ModelSummary]) -> list[tuple[str, list[str]]]:
    """A row per fact that is known of any model: its name, and its value for each of them.

    What energy the training took is always told, be it that nobody knows.
    """
    facts = [model_facts(model) for model in models]
    names = dict.fromkeys(name for of_model in facts for name in of_model)
    return [(name, [of_model.get(name, NOTHING) for of_model in facts]) for name in names]


def model_facts(model: ModelSummary) -> dict[str, str]:
    """Facts by their names; unknown ones are left out, but for the energy."""
    first, *others = COLUMNS
    facts = {first.name: first.shown(model)}
    accuracy = model.test_accuracy
    if accuracy is not None and accuracy.ci95 is not None:
        facts["95 % interval"] = f"± {accuracy.ci95 * 100:.2f} %"
    if model.best_epoch is not None:
        facts["best epoch"] = str(model.best_epoch)
    for column in others:
        if column.value(model) is not None or column.name == ALWAYS:
            facts[column.name] = column.shown(model)
    return facts
