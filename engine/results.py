"""An experiment's folder: its name and its summary."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from engine.events import Emit, Event, Notice, Progress, Snapshot
from engine.files import SavedFiles
from engine.one_line import OneLineError
from engine.records import ExperimentRecord
from engine.settings import Settings, expanded
from engine.summary import SummaryText

log = logging.getLogger("mnist_tui")


class ResultsError(OneLineError):
    """The results folder cannot be used. Its text is one line that names it."""


def create_folder(settings: Settings, now: datetime) -> tuple[str, Path]:
    """Make the folder of a new experiment; return its id and path.

    The id is the UTC time and the models; ``-2`` and so on is added if the folder is there already.

    Raises:
        ResultsError: the results folder cannot be made or written to.
    """
    results = expanded(settings.results)
    name = f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{'-'.join(settings.models)}"
    number = 1
    while True:
        id_ = name if number == 1 else f"{name}-{number}"
        try:
            results.mkdir(parents=True, exist_ok=True)
            (results / id_).mkdir()
        except FileExistsError:
            if not results.is_dir():
                raise ResultsError(f"results: {results} is a file, not a folder") from None
            number += 1
        except OSError as error:
            reason = error.strerror or error
            raise ResultsError(
                f"results: {results}: cannot be written to: {reason}; give a writable folder"
            ) from error
        else:
            return id_, results / id_


class Journal:
    """Keeps an experiment's summary on disk as its events come in."""

    def __init__(self, record: ExperimentRecord, emit: Emit) -> None:
        self.record = record
        self.files = SavedFiles(self._notify)
        self._emit = emit
        self._text = SummaryText(record)
        self._write()

    def add(self, event: Event) -> None:
        """Record an event; all but what is droppable is on disk when this returns, or kept until
        the disk takes it.
        """
        if isinstance(event, Notice):
            log.log(logging.getLevelNamesMapping()[event.level.upper()], event.text)
            self.record.record(event)  # it may be the disk that it is about: no reason to write
        elif not isinstance(event, Progress | Snapshot):
            self.record.record(event)
            self._write()

    def _write(self) -> None:
        self.record.saved = self.files.save(self.record.summary, self._text.encoded())
        if self.record.saved:
            self.files.save_refused()

    def close(self) -> None:
        """Give what the disk refused a last try; the summary names no file that is not there."""
        self.files.save_refused()
        for run in self.record.runs.values():
            if run.weights and self.record.folder / run.weights in self.files.refused:
                run.weights = ""
        self._write()

    def _notify(self, notice: Notice) -> None:
        self.add(notice)
        self._emit(notice)
