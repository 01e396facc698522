"""An experiment for TensorBoard: a folder with the event file of each run in a folder of its own.

TensorBoard's own writer makes them; https://www.tensorflow.org/tensorboard.
"""

from __future__ import annotations

import calendar
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.events import EpochResult
from engine.files import write_atomically
from engine.records import ExperimentRecord, RunRecord
from tui.export.library import missing

TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "loss/test": "test_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "accuracy/test": "test_accuracy",
    "learning_rate": "learning_rate",
}
"""The field of an epoch's result, by TensorBoard's name for it."""
OURS = "mnist-tui"
"""What the names of our event files end with."""
VERSION = "brain.Event:2"
"""What event files begin with."""


def write_event_files(record: ExperimentRecord, folder: Path) -> None:
    """Write a file for each run that has an epoch; steps are epochs, times those of the training.

    They take the place of those that were written there before, of whatever experiment.

    Raises:
        OSError: a file cannot be written.
        ResultsError: TensorBoard is not installed.
    """
    try:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise missing("tensorboard") from error

    start = float(calendar.timegm(record.started.timetuple()))
    name = f"events.out.tfevents.{start:.0f}.{OURS}"
    for old in folder.glob(f"*/events.out.tfevents.*.{OURS}"):
        old.unlink()
    for run in record.runs.values():
        if not run.epochs:
            continue
        file = io.BytesIO()
        writer = RecordWriter(file)
        for event in _events(run, start, hparams_pb(_choices(record, run), str(run.id), start)):
            writer.write(event.SerializeToString())
        (folder / str(run.id)).mkdir(parents=True, exist_ok=True)
        write_atomically(folder / str(run.id) / name, file.getvalue())
        start += sum(map(_seconds, run.epochs))


def _events(run: RunRecord, start: float, choices: Any) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    yield Event(wall_time=start, file_version=VERSION)
    yield Event(wall_time=start, summary=choices)
    for epoch in run.epochs:
        start += _seconds(epoch)
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, field in TAGS.items()
            if (value := getattr(epoch, field)) is not None
        ]
        yield Event(wall_time=start, step=epoch.epoch, summary=Summary(value=values))


def _seconds(epoch: EpochResult) -> float:
    return epoch.seconds + epoch.evaluation_seconds


def _choices(record: ExperimentRecord, run: RunRecord) -> dict[str, str | int | float]:
    """How the run was trained: what TensorBoard calls hyperparameters."""
    recipe = dataclasses.asdict(record.settings.recipe(run.id.model))
    return {
        "model": run.id.model,
        "seed": run.seed,
        "epochs": run.planned_epochs,
        "batch_size": record.settings.batch_size,
        **recipe,
    }
