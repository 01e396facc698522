"""An experiment's folder: its name, its summary as TOML, its trained weights, its log.

Nothing here imports torch until weights are saved, so that results can be read without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from engine.events import Emit, Event, Notice, Progress, Snapshot
from engine.recipes import Recipe
from engine.records import ExperimentRecord, ModelSummary, RunRecord
from engine.settings import Settings
from engine.settings_file import to_tables

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 1
log = logging.getLogger("mnist_tui")


class ResultsError(Exception):
    """The results folder cannot be used. Its text is one line that names it."""


def create_folder(settings: Settings, now: datetime) -> tuple[str, Path]:
    """Make the folder of a new experiment; return its id and path.

    The id is the UTC time and the models; ``-2`` and so on is added if the folder is there already.

    Raises:
        ResultsError: the results folder cannot be made or written to.
    """
    results = Path(settings.results).expanduser()
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
        self._emit = emit
        self.write()

    def add(self, event: Event) -> None:
        """Record an event; all but what is droppable is on disk when this returns."""
        if isinstance(event, Notice):
            log.log(logging.getLevelNamesMapping()[event.level.upper()], event.text)
        elif not isinstance(event, Progress | Snapshot):
            self.record.record(event)
            self.write()

    def write(self) -> None:
        """Rewrite the summary. A disk that refuses is reported once and tried again next time."""
        try:
            write_atomically(self.record.summary, tomli_w.dumps(summary_tables(self.record)))
        except OSError as error:
            if self.record.saved:
                self.record.saved = False
                reason = error.strerror or error
                text = f"not saved: {reason}; training goes on, saving is tried after every epoch"
                self._notify(Notice("error", f"{self.record.summary}: {text}"))
        else:
            if not self.record.saved:
                self.record.saved = True
                self._notify(Notice("info", f"{self.record.summary}: saved again"))

    def _notify(self, notice: Notice) -> None:
        self.add(notice)
        self._emit(notice)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part.

    Raises:
        OSError: the folder is gone, full or not writable; the old content stays.
    """
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)  # mkstemp makes private files; ours follow the user's umask
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that a kill inside ``write_atomically`` has left in a folder.

    To be called by who works on the folder alone.
    """
    for pattern in (".*.toml.*", ".*.pt.*"):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                path.unlink()


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a state dict, readable with ``torch.load(path, weights_only=True)``.

    Raises:
        OSError: as ``write_atomically``.
    """
    import io

    import torch

    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in state.items()}, buffer)
    write_atomically(path, buffer.getvalue())


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read what ``save_weights`` wrote, onto the CPU. Nothing in the file is executed.

    Raises:
        ResultsError: it cannot be read, or holds something else or numbers that are not finite.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is strange in a file that is refused anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
        finite = all(bool(tensor.isfinite().all()) for tensor in state.values())
        weights = {str(key): tensor for key, tensor in state.items()}
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch raises nearly anything for a damaged file
        raise ResultsError(f"{path}: is damaged or holds no weights") from error
    if not finite:
        raise ResultsError(f"{path}: holds weights that are not finite: its training diverged")
    return weights


class _LogFile(logging.FileHandler):
    """A log that cannot be written must not end what it reports on."""

    def emit(self, record: logging.LogRecord) -> None:
        # FileHandler opens the file here, outside of logging's own handling of errors.
        with contextlib.suppress(OSError):
            super().emit(record)


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send log records and Python warnings to ``path`` as well; the file is made when needed."""
    handler = _LogFile(path, delay=True, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    # Left on: another listener may have switched it on, and torch may warn at any time.
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def summary_tables(record: ExperimentRecord) -> dict[str, Any]:
    """Return an experiment as the tables of ``summary.toml``. Unknown values are left out."""
    return _known(
        {
            "schema": SCHEMA,
            "id": record.id,
            "status": record.status,
            "started": record.started,
            "finished": record.finished,
            "environment": record.environment,
            "interruptions": [dataclasses.asdict(one) for one in record.interruptions] or None,
            "settings": to_tables(record.settings),
            "models": [
                _model_table(model, record.settings.recipe(model.name)) for model in record.models
            ],
            "runs": [_run_table(run) for run in record.runs.values() if run.status != "queued"],
            "queue": [_queued_table(run) for run in record.runs.values() if run.status == "queued"]
            or None,
        }
    )


def _queued_table(run: RunRecord) -> dict[str, Any]:
    return {"model": run.id.model, "repeat": run.id.repeat, "planned_epochs": run.planned_epochs}


def _model_table(model: ModelSummary, recipe: Recipe) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": model.name,
        "parameters": model.size and model.size.parameters,
        "trainable_parameters": model.size and model.size.trainable_parameters,
        "runs": model.runs,
        "recipe": dataclasses.asdict(recipe),
        "features_seconds": model.features_seconds or None,
        "peak_memory_bytes": model.peak_memory_bytes or None,
    }
    for goal, seconds in model.seconds_to.items():
        table[f"seconds_to_{goal}"] = seconds
    for name in ("test_accuracy", "test_loss", "macro_f1", "seconds", "images_per_second"):
        found = getattr(model, name)
        if found is not None:
            table[name] = _known(dataclasses.asdict(found))
            del table[name]["count"]  # the model's runs
    if "test_accuracy" in table:
        table["test_accuracy"]["best_epoch"] = model.best_epoch
    return _known(table)


def _run_table(run: RunRecord) -> dict[str, Any]:
    end = run.finished
    return _known(
        {
            "model": run.id.model,
            "repeat": run.id.repeat,
            "seed": run.seed,
            "threads": run.threads,
            "precision": run.precision,
            "planned_epochs": run.planned_epochs,
            "status": run.status,
            "error": run.error or None,
            "test_accuracy": run.last and run.last.test_accuracy,
            "test_loss": run.last and run.last.test_loss,
            "macro_f1": end and end.macro_f1,
            "seconds": end and end.seconds,
            "features_seconds": (end and end.features_seconds) or None,
            "peak_memory_bytes": end and end.peak_memory_bytes,
            "weights": (end and end.weights) or None,
            "confusion": (end and [list(row) for row in end.confusion]) or None,
            "epochs": [_known(dataclasses.asdict(epoch)) for epoch in run.epochs],
        }
    )


def _known(table: dict[str, Any]) -> dict[str, Any]:
    """Without the values that are None, which TOML cannot say."""
    return {key: value for key, value in table.items() if value is not None}
