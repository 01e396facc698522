"""An experiment's folder: its name, its summary, its weights, its log."""

from __future__ import annotations

import logging
import os
import tomllib
import warnings
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from engine_support import Recorder, one_line

from engine import files
from engine.events import (
    Cost,
    CostMeasured,
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
)
from engine.log_file import logging_to
from engine.records import ExperimentRecord
from engine.results import (
    Journal,
    ResultsError,
    create_folder,
)
from engine.settings import Settings
from engine.settings_file import from_tables
from engine.statistics import ClassScores, class_scores

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)
RUN, NEXT = RunId("mlp", 1), RunId("mlp", 2)
CONFUSION = tuple(tuple(row * 10 + column for column in range(10)) for row in range(10))
RESULT = EpochResult(1, 0.21, 0.9371, 0.07, 0.9781, 0.001, 5.1, 11764.0, 0.3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(models=("mlp",), repeats=2, results=str(tmp_path / "deep" / "results"))


@pytest.fixture
def started(settings: Settings) -> ExperimentStarted:
    """An experiment whose folder is there."""
    id_, folder = create_folder(settings, NOW)
    return ExperimentStarted(
        id_, folder, NOW, settings, (RUN, NEXT), {"host": "here", "threads": 2}
    )


def ended(run: RunId) -> RunFinished:
    return RunFinished(
        run=run,
        size=ModelSize("mlp", 79_510, 79_510),
        status="finished",
        seconds=5.1,
        features_seconds=0.0,
        test_accuracy=0.9781,
        test_loss=0.07,
        confusion=CONFUSION,
        macro_f1=0.977,
        peak_memory_bytes=123,
        weights=f"{run}.pt",
        misclassified=(8, 247, 9_999),
        calibration_error=0.012,
        energy_joules=250.5,
    )


def read(journal: Journal) -> dict[str, Any]:
    return tomllib.loads(journal.record.summary.read_text(encoding="utf-8"))


def test_folder_is_named_by_utc_time_and_models(tmp_path: Path) -> None:
    settings = Settings(models=("cnn", "mlp"), results=str(tmp_path / "a" / "b"))
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    id_, folder = create_folder(settings, east)
    assert id_ == "20261122-073012-cnn-mlp"
    assert folder == tmp_path / "a" / "b" / id_
    assert folder.is_dir()


def test_clash_of_names_is_numbered(settings: Settings) -> None:
    ids = [create_folder(settings, NOW)[0] for _ in range(3)]
    assert ids == ["20261122-073012-mlp", "20261122-073012-mlp-2", "20261122-073012-mlp-3"]


def test_results_that_are_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("mine")
    with pytest.raises(ResultsError) as caught:
        create_folder(Settings(results=str(tmp_path / "results")), NOW)
    one_line(caught.value, str(tmp_path / "results"), "file")
    assert (tmp_path / "results").read_text() == "mine"


def test_results_below_a_file_are_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError) as caught:
        create_folder(Settings(results=str(tmp_path / "file" / "results")), NOW)
    one_line(caught.value, str(tmp_path / "file" / "results"), "writable")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_results_without_permission_are_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsError) as caught:
        create_folder(Settings(results=str(tmp_path)), NOW)
    one_line(caught.value, str(tmp_path), "writable")


def test_summary_is_there_from_the_first_second(started: ExperimentStarted) -> None:
    found = read(Journal(ExperimentRecord.begin(started), Recorder()))
    assert found["schema"] == 2
    assert found["id"] == "20261122-073012-mlp"
    assert found["status"] == "running"
    assert found["started"] == NOW
    assert found["environment"] == {"host": "here", "threads": 2}
    assert found["runs"] == []
    assert "finished" not in found
    (model,) = found["models"]
    assert (model["name"], model["runs"]) == ("mlp", 0)
    assert model["recipe"]["schedule"] == "one-cycle"


def test_every_figure_of_a_run_reads_back_from_the_summary(started: ExperimentStarted) -> None:
    journal = Journal(ExperimentRecord.begin(started), Recorder())
    for event in (RunStarted(RUN, 1234, 1, 1), EpochFinished(RUN, RESULT), ended(RUN)):
        journal.add(event)
    journal.add(CostMeasured("mlp", Cost(158_800, 4e-5, 471_095.5)))
    journal.add(RunStarted(NEXT, 1235, 1, 1))
    journal.add(RunFailed(NEXT, 'quote " and ✓ and \x1b[31m'))
    journal.add(ExperimentFinished(started.id, "failed", journal.record.summary, NOW))
    found = read(journal)
    assert (found["status"], found["finished"]) == ("failed", NOW)
    first, second = found["runs"]
    assert first == {
        "model": "mlp",
        "repeat": 1,
        "seed": 1234,
        "threads": 1,
        "precision": "fp32",
        "planned_epochs": 10,
        "status": "finished",
        "test_accuracy": 0.9781,
        "test_loss": 0.07,
        "macro_f1": 0.977,
        "seconds": 5.1,
        "peak_memory_bytes": 123,
        "weights": "mlp-r1.pt",
        "calibration_error": 0.012,
        "energy_joules": 250.5,
        "confusion": [list(row) for row in CONFUSION],
        "most_confused": [[9, 8, 98], [9, 7, 97], [9, 6, 96], [9, 5, 95], [9, 4, 94]],
        "misclassified": [8, 247, 9_999],
        "per_digit": {
            field.name: [getattr(scores, field.name) for scores in class_scores(CONFUSION)]
            for field in fields(ClassScores)
        },
        "epochs": [
            {
                "epoch": 1,
                "train_loss": 0.21,
                "train_accuracy": 0.9371,
                "test_loss": 0.07,
                "test_accuracy": 0.9781,
                "learning_rate": 0.001,
                "seconds": 5.1,
                "images_per_second": 11764.0,
                "evaluation_seconds": 0.3,
            }
        ],
    }
    assert (second["status"], second["error"]) == ("failed", 'quote " and ✓ and \x1b[31m')
    (model,) = found["models"]
    assert (model["parameters"], model["trainable_parameters"], model["runs"]) == (79510, 79510, 1)
    assert model["test_accuracy"] == {
        "mean": 0.9781,
        "min": 0.9781,
        "max": 0.9781,
        "best_epoch": 1,
    }
    assert model["seconds"]["mean"] == 5.1
    assert model["seconds_to_97"] == 5.1
    assert model["calibration_error"] == {"mean": 0.012, "min": 0.012, "max": 0.012}
    assert model["energy_joules"]["mean"] == 250.5
    assert model["flops_per_image"] == 158_800
    assert model["latency_seconds"] == 4e-5
    assert model["inference_images_per_second"] == 471_095.5
    assert "seconds_to_98" not in model


def test_settings_in_the_summary_read_back_equal(started: ExperimentStarted) -> None:
    found = read(Journal(ExperimentRecord.begin(started), Recorder()))
    assert Settings(**from_tables(found["settings"], "summary")) == started.settings


def test_summary_with_infinite_and_undefined_losses_is_valid_toml(
    started: ExperimentStarted,
) -> None:
    journal = Journal(ExperimentRecord.begin(started), Recorder())
    journal.add(RunStarted(RUN, 1, 1, 1))
    bad = EpochResult(1, float("nan"), 0.1, float("inf"), 0.1, 0.001, 1.0, 1.0, 1.0)
    journal.add(EpochFinished(RUN, bad))
    assert read(journal)["runs"][0]["epochs"][0]["test_loss"] == float("inf")


def test_summary_is_on_disk_when_add_returns_but_progress_writes_nothing(
    started: ExperimentStarted,
) -> None:
    journal = Journal(ExperimentRecord.begin(started), Recorder())
    journal.add(RunStarted(RUN, 1234, 1, 1))
    assert read(journal)["runs"][0]["status"] == "running"
    journal.record.summary.unlink()
    journal.add(Progress(RUN, "train", 1, 1, 2, 0.1, 0.2, 3.0, 4.0, 4.0, 0.1, 0.2))
    assert not journal.record.summary.exists()


def test_disk_that_refuses_is_told_once_and_again_when_it_takes(
    started: ExperimentStarted, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    journal = Journal(ExperimentRecord.begin(started), recorder)
    summary = journal.record.summary

    def refuse(path: Path, content: str | bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", refuse)
        journal.add(RunStarted(RUN, 1234, 2, 1))
        journal.add(EpochFinished(RUN, RESULT))
        (notice,) = recorder.of(Notice)
    assert notice.level == "error"
    assert "No space left on device" in notice.text
    assert str(summary) in notice.text
    journal.add(ended(RUN))
    assert [event.level for event in recorder.of(Notice)] == ["error", "info"]
    assert read(journal)["runs"][0]["status"] == "finished"


def test_log_has_records_and_tracebacks(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with logging_to(path):
        assert not path.exists()
        logging.getLogger("anything").warning("look %s", "here")
        try:
            raise ValueError("a bad value")
        except ValueError:
            logging.getLogger("mnist_tui").exception("mlp-r1 failed")
    logging.getLogger("anything").warning("later")
    text = path.read_text(encoding="utf-8")
    for part in ("look here", "mlp-r1 failed", "Traceback", "ValueError: a bad value"):
        assert part in text
    assert "later" not in text


def test_log_has_warnings(tmp_path: Path) -> None:
    logging.captureWarnings(False)  # an earlier test's capture ended with that test
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with logging_to(tmp_path / "log.txt"):
            warnings.warn("deprecated thing", stacklevel=1)
        logging.captureWarnings(False)
    assert "deprecated thing" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_notices_go_to_the_log(
    started: ExperimentStarted, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(ExperimentRecord.begin(started), Recorder()).add(Notice("warning", "100 % of the disk"))
    assert "100 % of the disk" in caplog.text


def test_notice_about_a_refusing_disk_goes_to_the_log_too(
    started: ExperimentStarted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # `mnist-tui run` shows a user no other notices than those in the log.
    journal = Journal(ExperimentRecord.begin(started), Recorder())

    def refuse(path: Path, content: str | bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_atomically", refuse)
    journal.add(RunStarted(RUN, 1234, 2, 1))
    assert "not saved" in caplog.text


def test_log_that_cannot_be_opened_does_not_raise(tmp_path: Path) -> None:
    with logging_to(tmp_path / "gone" / "log.txt"):
        logging.getLogger("mnist_tui").warning("nowhere to go")
