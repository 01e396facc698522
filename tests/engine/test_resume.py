"""An experiment that was broken off ends, resumed, as if nothing had happened."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engine_support import Recorder

from engine.checkpoint import FILE_NAME
from engine.control import Control
from engine.events import (
    EpochFinished,
    Event,
    ExperimentResumed,
    Notice,
    Progress,
    RunFinished,
    RunId,
)
from engine.experiment import resume_experiment, run_experiment
from engine.models import CNN
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.results_folder import newest_unfinished
from engine.settings import Settings

FIRST, SECOND = RunId("mlp", 1), RunId("mlp", 2)


def broken_off(settings: Settings, at: Callable[[Event], bool]) -> Path:
    """Train until an event; then the process is as good as gone. Return the folder."""

    def react(event: Event) -> None:
        if at(event):
            raise KeyboardInterrupt

    recorder = Recorder(react)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, recorder)
    (folder,) = Path(settings.results).iterdir()
    return folder


def in_epoch(run: RunId, epoch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Progress) and (event.run, event.epoch) == (run, epoch)


def assert_alike(resumed: ExperimentRecord, unbroken: ExperimentRecord) -> None:
    """Every figure that no clock has measured, and every bit of the weights."""
    assert resumed.status == unbroken.status
    assert resumed.status in ("finished", "failed")
    assert list(resumed.runs) == list(unbroken.runs)
    timed = {"seconds": 0.0, "images_per_second": 0.0, "evaluation_seconds": 0.0}
    for id_, run in unbroken.runs.items():
        again = resumed.runs[id_]
        assert [replace(e, **timed) for e in again.epochs] == [
            replace(e, **timed) for e in run.epochs
        ]
        assert again.status == run.status
        if again.finished is not None and run.finished is not None:  # neither, if they failed
            assert again.finished.confusion == run.finished.confusion
            assert again.finished.misclassified == run.finished.misclassified is not None
            assert again.finished.calibration_error == run.finished.calibration_error is not None
        ours, theirs = (
            torch.load(record.folder / f"{id_}.pt", weights_only=True)
            for record in (resumed, unbroken)
        )
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [("mlp", "adam"), ("mlp", "sgd"), ("cnn", "adamw"), ("mobilenetv2", "adam")],
)
@pytest.mark.parametrize("at_once", [1, 2])
def test_ends_bit_for_bit_where_an_unbroken_one_ends(
    short: Settings, tmp_path: Path, model: str, at_once: int, optimizer: str
) -> None:
    settings = replace(
        short,
        models=(model,),
        epochs=4,
        repeats=2,
        repeats_at_once=at_once,
        optimizer=optimizer,
        shift=None if model == "mobilenetv2" else 1,
        batch_size=15,
        train_limit=60,
        test_limit=20,
        cache_folder=str(tmp_path / "cache"),
    )
    unbroken = run_experiment(replace(settings, results=str(tmp_path / "unbroken")))
    folder = broken_off(settings, in_epoch(RunId(model, 2), 3))
    recorder = Recorder()
    assert_alike(resume_experiment(folder, recorder), unbroken)
    trained = [
        event.result.epoch
        for event in recorder.events[recorder.rare().index("ExperimentResumed") :]
        if isinstance(event, EpochFinished) and event.run == RunId(model, 2)
    ]
    assert trained[-2:] == [3, 4], "what was there is not trained again"
    assert not (folder / FILE_NAME).exists()


def test_run_that_ended_before_its_neighbours_is_not_told_twice(
    short: Settings, tmp_path: Path
) -> None:
    settings = replace(short, epochs=3, repeats=2, repeats_at_once=2)
    unbroken = run_experiment(replace(settings, results=str(tmp_path / "unbroken")))
    folder = broken_off(settings, lambda event: isinstance(event, RunFinished))
    assert_alike(resume_experiment(folder), unbroken)


def test_checkpoint_of_another_device_is_refused_and_kept(short: Settings) -> None:
    folder = broken_off(short, in_epoch(FIRST, 2))
    content = torch.load(folder / FILE_NAME, weights_only=True)
    (order, _), *_ = content["random"]
    content["random"] = [(order, torch.zeros(16, dtype=torch.uint8))]  # as CUDA's are
    torch.save(content, folder / FILE_NAME)
    with pytest.raises(ResultsError, match="another kind of device than cpu"):
        resume_experiment(folder)
    assert (folder / FILE_NAME).exists()
    assert len(read_record(folder).runs[FIRST].epochs) == 1


def test_a_failure_before_is_not_forgotten(both: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(both, models=("cnn", "mlp"))
    with monkeypatch.context() as patch:
        patch.setattr(CNN, "__init__", lambda self: 1 / 0)
        folder = broken_off(settings, in_epoch(FIRST, 2))
    record = resume_experiment(folder)
    assert [run.status for run in record.runs.values()] == ["failed", "finished"]
    assert record.status == "failed"


def test_is_told_as_it_was_and_in_the_summary_too(short: Settings) -> None:
    settings = replace(short, epochs=3, repeats=2)
    folder = broken_off(settings, in_epoch(SECOND, 2))
    recorder = Recorder()
    record = resume_experiment(folder, recorder)
    (resumed,) = recorder.of(ExperimentResumed)
    assert (resumed.was, resumed.epochs) == ("interrupted", 4)
    assert [(e.run, e.result.epoch) for e in recorder.of(EpochFinished)] == [
        (run, epoch) for run in (FIRST, SECOND) for epoch in (1, 2, 3)
    ]
    assert len(recorder.of(RunFinished)) == 2
    found = tomllib.loads(record.summary.read_text(encoding="utf-8"))
    assert [each["was"] for each in found["interruptions"]] == ["interrupted"]
    assert "queue" not in found


def test_stopped_experiment_goes_on_with_its_queue_as_it_was_changed(both: Settings) -> None:
    control = Control()
    settings = replace(both, models=("mlp",), repeats=2)

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished):
            control.plan.change_epochs(SECOND, 1, most=10)
            control.plan.add("cnn", 1)
            control.stop()

    stopped = run_experiment(settings, Recorder(react), control)
    assert stopped.status == "stopped"
    record = resume_experiment(stopped.folder)
    assert {str(id_): len(run.epochs) for id_, run in record.runs.items()} == {
        "mlp-r1": 2,
        "mlp-r2": 3,
        "cnn-r1": 1,
    }
    assert record.status == "finished"


def test_plan_of_a_resumed_experiment_can_be_changed(short: Settings) -> None:
    folder = broken_off(replace(short, repeats=2), in_epoch(FIRST, 2))
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, ExperimentResumed):
            assert control.plan.remove(SECOND)

    record = resume_experiment(folder, Recorder(react), control)
    assert list(record.runs) == [FIRST]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
        lambda path: path.write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR."),
        lambda path: torch.save({"runs": []}, path),
        lambda path: torch.save([1, 2], path),
    ],
    ids=["gone", "truncated", "pickle that runs code", "empty", "another file"],
)
def test_without_its_checkpoint_a_run_begins_anew(
    short: Settings,
    tmp_path: Path,
    damage: Callable[[Path], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    unbroken = run_experiment(replace(short, results=str(tmp_path / "unbroken")))
    folder = broken_off(short, in_epoch(FIRST, 2))
    damage(folder / FILE_NAME)
    recorder = Recorder()
    assert_alike(resume_experiment(folder, recorder), unbroken)
    assert not (tmp_path / "hacked").exists()
    said = [notice.text for notice in recorder.of(Notice)]
    assert len(said) <= 1
    assert all("resume.pt" in text and "begin anew" in text for text in said)


def test_checkpoint_of_another_experiment_is_not_believed(both: Settings, tmp_path: Path) -> None:
    other = broken_off(
        replace(both, models=("cnn",), results=str(tmp_path / "other")),
        in_epoch(RunId("cnn", 1), 2),
    )
    folder = broken_off(replace(both, models=("mlp",)), in_epoch(FIRST, 2))
    (folder / FILE_NAME).write_bytes((other / FILE_NAME).read_bytes())
    recorder = Recorder()
    assert resume_experiment(folder, recorder).status == "finished"
    assert "does not fit" in recorder.of(Notice)[0].text


def test_what_has_ended_is_refused(short: Settings) -> None:
    record = run_experiment(short)
    with pytest.raises(ResultsError, match="nothing left to train; it is finished"):
        resume_experiment(record.folder)
    with pytest.raises(ResultsError, match="no experiment that could go on"):
        newest_unfinished(Path(short.results))


def test_the_newest_that_can_go_on_is_found_beside_bad_folders(short: Settings) -> None:
    folder = broken_off(short, in_epoch(FIRST, 2))
    run_experiment(short)
    results = Path(short.results)
    (results / "zzz").mkdir()
    (results / "zzzz").mkdir()
    (results / "zzzz" / "summary.toml").write_text("schema = 1\n")
    assert newest_unfinished(results).folder == folder


def test_a_record_reads_back_as_it_was_written(short: Settings) -> None:
    stopping = Control()

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.run == SECOND:
            stopping.stop()

    settings = replace(short, repeats=3, validation_split=0.1)
    record = run_experiment(settings, Recorder(react), stopping)
    found = read_record(record.folder)
    assert found == record
