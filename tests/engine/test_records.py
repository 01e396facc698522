"""What an experiment has come to, folded together from its events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.events import (
    EpochFinished,
    EpochResult,
    ExperimentFinished,
    ExperimentStarted,
    ModelSize,
    Notice,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
    RunStatus,
)
from engine.records import ExperimentRecord
from engine.settings import Settings
from engine.statistics import describe

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)
MODELS = ("mlp", "cnn")
RUNS = tuple(RunId(model, repeat) for model in MODELS for repeat in (1, 2))


@pytest.fixture
def record() -> ExperimentRecord:
    """Two models, two repeats each, nothing done yet."""
    settings = Settings(models=MODELS, repeats=2)
    started = ExperimentStarted("x", Path("results/x"), NOW, settings, RUNS, {"host": "here"})
    return ExperimentRecord.begin(started)


def train(
    record: ExperimentRecord, run: RunId, accuracies: list[float], status: RunStatus = "finished"
) -> None:
    """Fold in a run whose epochs took 2 s each and ended with these test accuracies."""
    record.record(RunStarted(run, 1233 + run.repeat, len(accuracies), 1))
    for epoch, accuracy in enumerate(accuracies, start=1):
        result = EpochResult(
            epoch=epoch,
            train_loss=0.2,
            train_accuracy=0.9,
            test_loss=1 - accuracy,
            test_accuracy=accuracy,
            learning_rate=0.001,
            seconds=2.0,
            images_per_second=100.0 * epoch,
            evaluation_seconds=0.5,
        )
        record.record(EpochFinished(run, result))
    last = accuracies[-1] if accuracies else None
    record.record(
        RunFinished(
            run=run,
            size=ModelSize(run.model, 100, 10),
            status=status,
            seconds=2.0 * len(accuracies),
            features_seconds=7.0 if run.repeat == 1 else 0.0,
            test_accuracy=last,
            test_loss=None if last is None else 1 - last,
            confusion=(),
            macro_f1=last,
            peak_memory_bytes=1000 * run.repeat,
            weights="",
        )
    )


def test_new_record_has_every_run_queued_and_no_statistics(record: ExperimentRecord) -> None:
    assert tuple(record.runs) == RUNS
    assert {run.status for run in record.runs.values()} == {"queued"}
    assert (record.status, record.finished) == ("running", None)
    assert record.summary == Path("results/x/summary.toml")
    for model in record.models:
        assert model.runs == 0
        known = (model.size, model.test_accuracy, model.seconds, model.best_epoch)
        assert known == (None,) * 4
        assert model.seconds_to == {}


def test_run_goes_from_queued_to_running_to_its_end(record: ExperimentRecord) -> None:
    run = record.runs[RUNS[0]]
    record.record(RunStarted(RUNS[0], 1234, 3, 1))
    assert (run.status, run.seed, run.last) == ("running", 1234, None)
    train(record, RUNS[0], [0.5, 0.75])
    assert run.status == "finished"
    assert run.last is not None
    assert (run.last.epoch, run.last.test_accuracy) == (2, 0.75)


def test_statistics_are_over_the_last_epochs_of_the_finished_runs(
    record: ExperimentRecord,
) -> None:
    train(record, RUNS[0], [0.99, 0.90])
    train(record, RUNS[1], [0.98, 0.94])
    model = record.models[0]
    assert model.runs == 2
    assert model.size == ModelSize("mlp", 100, 10)
    assert model.test_accuracy == describe([0.90, 0.94])
    assert model.test_loss == describe([1 - 0.90, 1 - 0.94])
    assert model.macro_f1 == describe([0.90, 0.94])
    assert model.seconds == describe([4.0, 4.0])
    assert model.images_per_second == describe([150.0, 150.0])
    assert model.features_seconds == 7.0
    assert model.peak_memory_bytes == 2000


@pytest.mark.parametrize("status", ["stopped", "skipped", "failed"])
def test_run_that_did_not_finish_is_not_in_the_statistics(
    record: ExperimentRecord, status: RunStatus
) -> None:
    train(record, RUNS[0], [0.90])
    train(record, RUNS[1], [0.10], status)
    assert record.models[0].runs == 1
    assert record.models[0].test_accuracy == describe([0.90])


def test_failed_run_keeps_its_error_and_its_epochs(record: ExperimentRecord) -> None:
    record.record(RunStarted(RUNS[0], 1, 1, 1))
    record.record(RunFailed(RUNS[0], "no memory left"))
    assert record.runs[RUNS[0]].status == "failed"
    assert record.runs[RUNS[0]].error == "no memory left"
    assert record.models[0].runs == 0


def test_best_epoch_has_the_highest_mean_over_the_runs(record: ExperimentRecord) -> None:
    train(record, RUNS[0], [0.90, 0.95, 0.80])
    train(record, RUNS[1], [0.90, 0.91, 0.99])
    assert record.models[0].best_epoch == 2


def test_seconds_to_an_accuracy_are_the_mean_if_all_runs_got_there(
    record: ExperimentRecord,
) -> None:
    train(record, RUNS[0], [0.97, 0.985, 0.99])
    train(record, RUNS[1], [0.90, 0.98, 0.98])
    assert record.models[0].seconds_to == {"97": 3.0, "98": 4.0}
    assert record.runs[RUNS[0]].seconds_to(0.99) == 6.0
    assert record.runs[RUNS[1]].seconds_to(0.99) is None


def test_ranking_is_by_mean_accuracy_with_models_without_a_run_last(
    record: ExperimentRecord,
) -> None:
    assert [model.name for model in record.ranking()] == ["mlp", "cnn"]
    train(record, RUNS[2], [0.0])
    assert [model.name for model in record.ranking()] == ["cnn", "mlp"]
    train(record, RUNS[0], [0.5])
    assert [model.name for model in record.ranking()] == ["mlp", "cnn"]
    assert [model.name for model in record.models] == ["mlp", "cnn"]


def test_progress_and_mere_information_leave_no_trace(record: ExperimentRecord) -> None:
    before = repr(record)
    record.record(Progress(RUNS[0], "train", 1, 1, 2, 0.1, 0.2, 3.0, 4.0, 4.0, 0.1, 0.2))
    record.record(Notice("info", "x"))
    assert repr(record) == before


def test_the_first_warnings_and_errors_are_kept(record: ExperimentRecord) -> None:
    notices = [Notice("error", f"number {number}") for number in range(200)]
    for notice in notices:
        record.record(notice)
    assert record.notices == notices[: len(record.notices)]
    assert 10 < len(record.notices) < len(notices)


def test_end_of_the_experiment_is_recorded(record: ExperimentRecord) -> None:
    record.record(ExperimentFinished("x", "stopped", record.summary, NOW))
    assert (record.status, record.finished) == ("stopped", NOW)
