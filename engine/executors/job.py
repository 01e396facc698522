"""What an executor is given: an experiment with its plan, and whom to tell of it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.checkpoint import Checkpoint
from engine.control import Control
from engine.device import runs_side_by_side
from engine.events import Emit, RunId
from engine.files import SavedFiles
from engine.models import MODELS
from engine.records import ExperimentRecord


@dataclass
class Job:
    """One experiment to train."""

    record: ExperimentRecord
    """Grows with every event that is emitted."""
    emit: Emit
    """To be called on one thread."""
    files: SavedFiles
    control: Control
    checkpoints: list[Checkpoint]
    """Of runs that were under way when the experiment was interrupted."""

    def checkpoint_of(self, run: RunId) -> Checkpoint | None:
        """What a run goes on from, and those beside it; None if it begins anew."""
        return next((each for each in self.checkpoints if run in each.ids), None)

    def at_once(self, run: RunId, kind: str, workers: int = 1) -> int:
        """How many runs train side by side, with ``run`` as the first of them.

        Args:
            run: the first.
            kind: of device.
            workers: among whom the runs are to be shared out. Their number alone counts, not who
                is quick: so a run is always beside the same others.
        """
        settings = self.record.settings
        if (checkpoint := self.checkpoint_of(run)) is not None:  # they go on as they were
            return len(checkpoint.ids)
        if settings.patience:  # each ends in its own time
            return 1
        if settings.repeats_at_once:
            return settings.repeats_at_once
        share = -(-len(self.record.runs_of(run.model)) // workers)
        return max(1, min(share, runs_side_by_side(kind, MODELS[run.model].trains_little)))
