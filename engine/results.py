"""An experiment's folder: its name, its summary, its log."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.events import Emit, Event, Notice, Progress, Snapshot
from engine.files import SavedFiles
from engine.one_line import OneLineError, printable
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


class _Printable(logging.Formatter):
    """A log is looked at in a terminal; tracebacks keep their lines."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printable, super().format(record).split("\n")))


class LogFile(logging.handlers.WatchedFileHandler):
    """Made when it is needed. One that cannot be written must not end what it reports on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True, encoding="utf-8")
        self.setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        # FileHandler opens the file here, outside of logging's own handling of errors.
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """logging would print a traceback of what the disk refused."""


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send log records and Python warnings to ``path`` as well; the file is made when needed."""
    handler = LogFile(path)
    root = logging.getLogger()
    root.addHandler(handler)
    # Left on: another listener may have switched it on, and torch may warn at any time.
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
