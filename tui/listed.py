"""The experiments of a results folder as a list shows them. No screen is needed for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.lock import owner_of
from engine.records import ExperimentRecord
from engine.results_folder import Unreadable, folders_with, read_experiment
from tui.output_lines import inert
from tui.wording import accuracy

Found = ExperimentRecord | Unreadable
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Listed:
    """An experiment, as its summary was when it was read."""

    found: Found
    stamp: Stamp
    """Changes with the file, and with the process that trains it."""

    @property
    def name(self) -> str:
        """The folder's."""
        return self.found.folder.name

    @cached_property
    def words(self) -> tuple[str, str, str, str]:
        """Experiment, status, how it was trained, and the best model's accuracy; nothing in them is
        markup.
        """
        name = inert(self.name)
        if isinstance(self.found, Unreadable):
            return name, "unreadable", "", ""
        settings = self.found.settings
        best = self.found.ranking()[0] if self.found.model_names else None
        reached = best and best.test_accuracy
        shown = f"{best.name} {accuracy(reached.mean)}" if best and reached else "–"
        trained = f"{settings.repeats} × {settings.epochs} epochs, {settings.preset}"
        return name, self.found.status, trained, shown

    def matches(self, text: str) -> bool:
        """Whether every word of ``text`` is part of its id, models, status, training or device."""
        known = " ".join(self.words)
        if isinstance(self.found, ExperimentRecord):
            known += f" {' '.join(self.found.model_names)} {self.found.environment['device']}"
        return all(word in known.lower() for word in text.lower().split())


def look(results: Path, known: Sequence[Listed]) -> Iterator[Listed]:
    """The experiments that there are now, that begun last first; only those that changed are read.

    Raises:
        ResultsError: as ``folders_with``.
    """
    before = {each.name: each for each in known}
    for folder in folders_with(results, "summary.toml"):
        stamp = _stamp(folder)
        listed = before.get(folder.name)
        if listed is None or listed.stamp != stamp:
            listed = Listed(read_experiment(folder), stamp)
        yield listed


def _stamp(folder: Path) -> Stamp:
    owner = owner_of(folder)
    try:
        status = (folder / "summary.toml").stat()
    except OSError:  # it is being removed
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size, owner.pid if owner else 0
