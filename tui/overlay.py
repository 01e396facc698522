"""Several experiments over one another: each of their models is a model of its own, "B mlp"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.events import RunId
from engine.records import ExperimentRecord
from tui.palette import LETTERS


class Overlay(ExperimentRecord):
    """As one experiment, for the widgets that show one."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """In the order of the experiments, and in that of theirs."""
        return tuple(dict.fromkeys(run.model for run in self.runs))


def overlay(records: Sequence[ExperimentRecord]) -> Overlay:
    """Lay up to as many experiments as there are ``LETTERS``, and at least one, over one another.

    Settings and environment are those of the first.
    """
    first = records[0]
    laid = Overlay(first.id, first.folder, first.started, first.settings, first.environment, {})
    laid.status = "finished"
    for letter, record in zip(LETTERS, records, strict=False):
        for run in record.runs.values():
            id_ = RunId(f"{letter} {run.id.model}", run.id.repeat)
            laid.runs[id_] = replace(run, id=id_)
        laid.costs |= {f"{letter} {model}": cost for model, cost in record.costs.items()}
    return laid
