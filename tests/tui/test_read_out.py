"""The exact values of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from engine.events import EpochFinished, EpochResult, ExperimentStarted, RunId, RunStarted
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.read_out import Reading, readings

ONE, TWO, CNN, QUEUED = RunId("mlp", 1), RunId("mlp", 2), RunId("cnn", 1), RunId("mobilenetv2", 1)


def record_of(tests: Mapping[RunId, list[float]]) -> ExperimentRecord:
    """Runs that have begun, with these test accuracies; a train accuracy is a tenth below."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    started = ExperimentStarted("x", Path("x"), now, Settings(), (*tests, QUEUED), {})
    record = ExperimentRecord.begin(started)
    for run, accuracies in tests.items():
        record.record(RunStarted(run, 1, 10, 1))
        for epoch, accuracy in enumerate(accuracies, start=1):
            result = EpochResult(
                epoch, 1 - accuracy, accuracy - 0.1, 0.5, accuracy, 0.001, 1.0, 1.0, 0.0
            )
            record.record(EpochFinished(run, result))
    return record


def test_one_run_reads_out_what_it_came_to() -> None:
    record = record_of({ONE: [0.97, 0.981234], CNN: []})
    assert readings(record, "accuracy", 2) == [
        Reading("mlp", "98.12 %", "88.12 %"),
        Reading("cnn", "", ""),
    ]
    assert readings(record, "loss", 1)[0] == Reading("mlp", "0.5000", "0.0300")


def test_repeats_read_out_their_mean_and_between_which_values_it_lies() -> None:
    record = record_of({ONE: [0.97, 0.98], TWO: [0.99]})
    assert readings(record, "accuracy", 1) == [Reading("mlp", "98.00 %", "88.00 %", "97.00–99.00")]
    assert readings(record, "accuracy", 2) == [Reading("mlp", "98.00 %", "88.00 %")]


def test_an_epoch_that_nobody_came_to_is_empty() -> None:
    assert readings(record_of({ONE: [0.97]}), "accuracy", 7) == [Reading("mlp", "", "")]
