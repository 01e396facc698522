"""Whole experiments on small subsets: events, seeds, failures, commands, what is left on disk."""

from __future__ import annotations

import itertools
import shutil
import threading
import tomllib
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from datetime import tzinfo as TimeZone
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_support import Clock, Recorder, one_line
from torch import Tensor, nn

import engine.control
import engine.experiment
import engine.progress
import engine.workbench
from engine import files
from engine.control import Control
from engine.data import DataError, Samples, load_mnist
from engine.device import DeviceError
from engine.events import (
    EpochFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Notice,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.experiment import resume_experiment, run_experiment
from engine.lock import Owner, owner_of, this_process
from engine.models import CNN, MODELS
from engine.recipes import PRESETS
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.settings import Settings
from engine.settings_file import from_tables
from engine.stack import Stack
from engine.training import evaluate

FIRST, SECOND = RunId("mlp", 1), RunId("mlp", 2)


def summary(record: ExperimentRecord) -> dict[str, Any]:
    """What is in an experiment's summary."""
    return tomllib.loads(record.summary.read_text(encoding="utf-8"))


def weights(record: ExperimentRecord, run: RunId) -> dict[str, Tensor]:
    """The saved weights of a run."""
    state: dict[str, Tensor] = torch.load(record.folder / f"{run}.pt", weights_only=True)
    return state


def figures(record: ExperimentRecord, run: RunId) -> list[tuple[float, ...]]:
    """What a run came to, epoch by epoch, without anything that a clock has measured."""
    return [
        (e.epoch, e.train_loss, e.train_accuracy, e.test_loss, e.test_accuracy, e.learning_rate)
        for e in record.runs[run].epochs
    ]


def same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts are equal to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def accuracy_of_saved(record: ExperimentRecord, run: RunId) -> float:
    """The test accuracy of a run's saved weights in a network of their own."""
    spec, settings = MODELS[run.model], record.settings
    model = spec.build()
    model.load_state_dict(weights(record, run))
    mnist = load_mnist(
        folder=settings.data, train_limit=settings.train_limit, test_limit=settings.test_limit
    )
    samples = Samples(mnist.test_images, mnist.test_labels, spec.prepare)
    (scores,) = evaluate(Stack([model.eval()]), samples, batch_size=50).scores
    return scores.accuracy


def test_events_come_in_order(both: Settings) -> None:
    recorder = Recorder()
    record = run_experiment(replace(both, repeats=2), recorder)
    run = ["RunStarted", "EpochFinished", "EpochFinished", "RunFinished"]
    both = [*run, "CostMeasured", *run]
    assert recorder.rare() == ["ExperimentStarted", *both * 2, "ExperimentFinished"]
    runs = [RunId(model, repeat) for model in ("mlp", "cnn") for repeat in (1, 2)]
    (started,) = recorder.of(ExperimentStarted)
    assert started.runs == tuple(runs)
    assert started.settings == record.settings
    assert [event.run for event in recorder.of(RunStarted)] == runs
    assert [event.run for event in recorder.of(RunFinished)] == runs
    assert [event.status for event in recorder.of(RunFinished)] == ["finished"] * 4
    assert [event.result.epoch for event in recorder.of(EpochFinished)] == [1, 2] * 4
    (finished,) = recorder.of(ExperimentFinished)
    assert (finished.id, finished.status) == (started.id, "finished")
    assert finished.summary == record.summary == started.folder / "summary.toml"


def test_progress_lies_between_its_run_and_epoch_and_ends_each_phase(short: Settings) -> None:
    recorder = Recorder()
    run_experiment(short, recorder)
    phases: list[tuple[str, int]] = []
    epochs = 0
    for event in recorder.events:
        if isinstance(event, EpochFinished):
            epochs += 1
        if isinstance(event, Progress):
            assert event.epoch == epochs + 1
            assert event.steps == {"train": 20, "test": 1}[event.phase]
            if event.step == event.steps:
                phases.append((event.phase, event.epoch))
    assert phases == [("train", 1), ("test", 1), ("train", 2), ("test", 2)]


def test_repeats_side_by_side_finish_each_epoch_together_and_each_has_its_own_curve(
    short: Settings,
) -> None:
    recorder = Recorder()
    record = run_experiment(replace(short, repeats=3, repeats_at_once=2), recorder)
    both = ["RunStarted"] * 2 + ["EpochFinished"] * 4 + ["RunFinished"] * 2 + ["CostMeasured"]
    last = ["RunStarted", "EpochFinished", "EpochFinished", "RunFinished"]
    assert recorder.rare() == ["ExperimentStarted", *both, *last, "ExperimentFinished"]
    epochs = [(event.run.repeat, event.result.epoch) for event in recorder.of(EpochFinished)]
    assert epochs == [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (3, 2)]
    assert len({event.result.train_loss for event in recorder.of(EpochFinished)}) == 6
    assert {event.run.repeat for event in recorder.of(Progress)} == {1, 2, 3}
    for run in record.runs:
        assert accuracy_of_saved(record, run) == record.runs[run].epochs[-1].test_accuracy


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_repeats_side_by_side_come_to_what_they_come_to_one_by_one(
    short: Settings, model: str
) -> None:
    settings = replace(short, models=(model,), repeats=3, train_limit=500)
    alone = run_experiment(settings)
    together = run_experiment(replace(settings, repeats_at_once=3))
    for run in alone.runs:
        expected = figures(alone, run)
        for found, wanted in zip(figures(together, run), expected, strict=True):
            assert found == pytest.approx(wanted, rel=0.02, abs=0.011)


def test_small_networks_train_side_by_side_unless_told_otherwise(both: Settings) -> None:
    recorder = Recorder()
    run_experiment(replace(both, repeats=3, repeats_at_once=0, epochs=1), recorder)
    at_once = ["RunStarted"] * 3 + ["EpochFinished"] * 3 + ["RunFinished"] * 3
    one_by_one = ["RunStarted", "EpochFinished", "RunFinished"] * 3
    runs = [event for event in recorder.rare() if event != "CostMeasured"]
    assert runs[1:-1] == [*at_once, *one_by_one]


def test_skip_ends_the_runs_side_by_side(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "skip_run", (Progress, FIRST, 1))
    settings = replace(short, epochs=50, repeats=3, repeats_at_once=2)
    record = run_experiment(replace(settings, epochs=3), recorder, control)
    statuses = [event.status for event in recorder.of(RunFinished)]
    assert statuses == ["skipped", "skipped", "finished"]
    assert record.status == "finished"


def test_patience_ends_each_run_by_its_own_validation_loss(short: Settings) -> None:
    # At so high a rate the loss soon gets no better.
    settings = replace(
        short, repeats=3, repeats_at_once=3, epochs=30, learning_rate=0.05, schedule="constant"
    )
    record = run_experiment(replace(settings, validation_split=0.3, patience=2))
    counts = []
    for run in record.runs.values():
        losses = [epoch.validation_loss for epoch in run.epochs]
        best = losses.index(min(losses))  # type: ignore[type-var]
        assert len(losses) == min(30, best + 1 + 2)
        counts.append(len(losses))
        assert run.finished is not None
        assert run.status == "finished"
        assert run.finished.seconds == pytest.approx(sum(epoch.seconds for epoch in run.epochs))
        assert accuracy_of_saved(record, run.id) == run.epochs[-1].test_accuracy
    assert min(counts) < 30


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_learns_with_validation(short: Settings, preset: str) -> None:
    settings = replace(short, models=("mlp", "cnn"), epochs=12, preset=preset)
    settings = replace(settings, train_limit=200, validation_split=0.2, patience=1)
    record = run_experiment(settings)
    for run in record.runs.values():
        assert run.epochs[-1].train_loss < run.epochs[0].train_loss
        losses = [epoch.validation_loss for epoch in run.epochs]
        assert None not in losses
        # It ended because it was over, or with the first epoch that was no better.
        better = [new < old for old, new in itertools.pairwise(losses)]  # type: ignore[operator]
        assert all(better[:-1])
        assert len(losses) == 12 or not better[-1]


def test_validation_split_holds_out_an_image_at_least(short: Settings) -> None:
    settings = replace(short, models=("mlp",), validation_split=0.001, patience=1, train_limit=300)
    record = run_experiment(settings)
    for run in record.runs.values():
        assert run.last is not None
        assert run.last.validation_loss is not None


def test_precision_of_every_run_is_in_the_summary(both: Settings) -> None:
    settings = replace(both, epochs=1, per_model={"cnn": {"precision": "bf16"}})
    record = run_experiment(settings)
    assert [run["precision"] for run in summary(record)["runs"]] == ["fp32", "bf16"]


def test_how_each_model_was_trained_is_in_the_summary(both: Settings) -> None:
    settings = replace(both, epochs=1, weight_decay=0.001)
    record = run_experiment(replace(settings, per_model={"cnn": {"optimizer": "sgd"}}))
    mlp, cnn = (model["recipe"] for model in summary(record)["models"])
    assert (mlp["optimizer"], cnn["optimizer"]) == ("adam", "sgd")
    assert mlp["schedule"] == cnn["schedule"] == "one-cycle"
    assert mlp["weight_decay"] == cnn["weight_decay"] == 0.001
    assert Settings(**from_tables(summary(record)["settings"], "x")) == record.settings


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_optimizer_learns(both: Settings, model: str, optimizer: str) -> None:
    settings = replace(both, models=(model,), optimizer=optimizer, learning_rate=0.003, epochs=3)
    (run,) = run_experiment(settings).runs.values()
    assert run.epochs[-1].train_loss < run.epochs[0].train_loss


def test_bf16_trains_with_the_same_outcome_within_the_spread(short: Settings) -> None:
    settings = replace(short, models=("mlp", "cnn"), learning_rate=0.005, epochs=3)
    settings = replace(settings, train_limit=400, batch_size=20)
    exact = run_experiment(replace(settings, precision="fp32"))
    rough = run_experiment(replace(settings, precision="bf16"))
    for run in exact.runs:
        expected = exact.runs[run].epochs[-1]
        found = rough.runs[run].epochs[-1]
        assert found.train_loss != expected.train_loss
        assert found.train_loss == pytest.approx(expected.train_loss, rel=0.1)
        assert found.test_accuracy == pytest.approx(expected.test_accuracy, abs=0.04)


def test_repeats_use_the_seed_and_the_ones_after_it(short: Settings) -> None:
    recorder = Recorder()
    record = run_experiment(replace(short, seed=40, repeats=3, epochs=1), recorder)
    assert [event.seed for event in recorder.of(RunStarted)] == [40, 41, 42]
    assert [run["seed"] for run in summary(record)["runs"]] == [40, 41, 42]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_experiment_learns_with_every_schedule(short: Settings, schedule: str) -> None:
    record = run_experiment(replace(short, schedule=schedule, epochs=3))
    first, *_, last = record.runs[FIRST].epochs
    assert last.train_loss < first.train_loss / 2
    assert last.test_accuracy > 0.75


def test_mlp_reads_nine_of_ten_digits_after_one_epoch_on_10000_images(tmp_path: Path) -> None:
    settings = Settings(
        models=("mlp",),
        epochs=1,
        repeats=1,
        train_limit=10_000,
        device="cpu",
        results=str(tmp_path),
    )
    (model,) = run_experiment(settings).models
    assert model.test_accuracy is not None
    assert model.test_accuracy.mean > 0.9


def test_same_seed_gives_the_same_bits_and_the_order_of_models_does_not_matter(
    both: Settings,
) -> None:
    one = run_experiment(replace(both, repeats=2))
    other = run_experiment(replace(both, repeats=2, models=("cnn", "mlp")))
    assert one.folder != other.folder
    for run in one.runs:
        assert figures(one, run) == figures(other, run)
        assert same_weights(weights(one, run), weights(other, run))
        ends = one.runs[run].finished, other.runs[run].finished
        assert ends[0] and ends[1] and ends[0].confusion == ends[1].confusion


def test_repeat_equals_a_first_run_with_its_seed(short: Settings) -> None:
    two = run_experiment(replace(short, seed=5, repeats=2))
    one = run_experiment(replace(short, seed=6, repeats=1))
    assert figures(two, SECOND) == figures(one, FIRST)
    assert same_weights(weights(two, SECOND), weights(one, FIRST))


def test_different_seeds_give_different_weights_and_figures(short: Settings) -> None:
    record = run_experiment(replace(short, repeats=2))
    assert figures(record, FIRST) != figures(record, SECOND)
    assert not same_weights(weights(record, FIRST), weights(record, SECOND))


def test_weights_reproduce_the_test_accuracy_in_the_summary(both: Settings) -> None:
    record = run_experiment(both)
    for run in summary(record)["runs"]:
        id_ = RunId(run["model"], run["repeat"])
        assert run["weights"] == f"{id_}.pt"
        assert accuracy_of_saved(record, id_) == run["test_accuracy"]


def test_summary_has_what_the_events_said(short: Settings) -> None:
    recorder = Recorder()
    record = run_experiment(replace(short, epochs=2, repeats=2), recorder)
    found = summary(record)
    assert found["status"] == "finished"
    assert found["finished"] >= found["started"]
    assert found["environment"]["device"] == "cpu"
    assert found["environment"]["torch"] == torch.__version__
    for run, end in zip(found["runs"], recorder.of(RunFinished), strict=True):
        assert (run["test_accuracy"], run["seconds"]) == (end.test_accuracy, end.seconds)
        assert [sum(row) for row in run["confusion"]] == load_mnist(
            folder=short.data
        ).test_labels.bincount(minlength=10).tolist()
        right = sum(row[digit] for digit, row in enumerate(run["confusion"]))
        assert right / 200 == run["test_accuracy"]
        assert run["seconds"] == pytest.approx(sum(e["seconds"] for e in run["epochs"]))
        for epoch in run["epochs"]:
            assert epoch["images_per_second"] * epoch["seconds"] == pytest.approx(1000)
    (model,) = found["models"]
    assert (model["runs"], model["parameters"]) == (2, 79_510)
    assert model["test_accuracy"]["mean"] == pytest.approx(
        sum(run["test_accuracy"] for run in found["runs"]) / 2
    )


def test_summary_is_valid_toml_and_running_at_every_event_but_the_last(short: Settings) -> None:
    statuses: list[tuple[str, str]] = []

    def look(event: Event) -> None:
        (folder,) = Path(short.results).iterdir()
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
        found = tomllib.loads((folder / "summary.toml").read_text(encoding="utf-8"))
        statuses.append((type(event).__name__, found["status"]))
        if isinstance(event, EpochFinished):
            assert found["runs"][-1]["epochs"][-1]["epoch"] == event.result.epoch
        if isinstance(event, RunFinished):
            assert (folder / event.weights).is_file()

    run_experiment(replace(short, repeats=2), Recorder(look))
    assert statuses[0] == ("ExperimentStarted", "running")
    assert statuses[-1] == ("ExperimentFinished", "finished")
    assert {status for _, status in statuses[:-1]} == {"running"}


def test_folder_has_the_summary_the_weights_and_nothing_else(short: Settings) -> None:
    record = run_experiment(replace(short, repeats=2, epochs=1))
    names = sorted(path.name for path in record.folder.iterdir())
    assert names == ["mlp-r1.pt", "mlp-r2.pt", "summary.toml"]


def test_weights_are_not_saved_where_that_is_switched_off(short: Settings) -> None:
    record = run_experiment(replace(short, epochs=1, save_weights=False))
    assert [path.name for path in record.folder.iterdir()] == ["summary.toml"]
    assert "weights" not in summary(record)["runs"][0]


def test_settings_read_back_from_the_summary_repeat_the_experiment(short: Settings) -> None:
    record = run_experiment(replace(short, learning_rate=0.004, batch_size=40, epochs=1))
    again = Settings(**from_tables(summary(record)["settings"], "summary"))
    assert again == record.settings
    assert figures(run_experiment(again), FIRST) == figures(record, FIRST)


def test_two_experiments_in_one_second_get_folders_of_their_own(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: TimeZone | None = None) -> Frozen:
            return cls(2026, 11, 22, 7, 30, 12, 345, tzinfo=tz)

    monkeypatch.setattr(engine.experiment, "datetime", Frozen)
    records = [run_experiment(replace(short, epochs=1, train_limit=50)) for _ in range(2)]
    assert [record.id for record in records] == ["20261122-073012-mlp", "20261122-073012-mlp-2"]
    assert [record.folder.name for record in records] == [record.id for record in records]
    assert summary(records[1])["id"] == "20261122-073012-mlp-2"
    assert summary(records[1])["started"] == datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)


class Broken(CNN):
    """A network that fails at its first step."""

    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("the matrix\nis too large")


def no_memory() -> nn.Module:
    raise MemoryError


@pytest.mark.parametrize(
    ("build", "told"), [(Broken, "the matrix is too large"), (no_memory, "MemoryError")]
)
def test_run_that_raises_fails_alone(
    both: Settings, monkeypatch: pytest.MonkeyPatch, build: Any, told: str
) -> None:
    monkeypatch.setitem(MODELS, "mlp", replace(MODELS["mlp"], build=build, by_hand=None))
    recorder = Recorder()
    record = run_experiment(replace(both, epochs=1), recorder)
    assert recorder.rare() == [
        "ExperimentStarted",
        "RunStarted",
        "RunFailed",
        "RunStarted",
        "EpochFinished",
        "RunFinished",
        "CostMeasured",
        "ExperimentFinished",
    ]
    assert recorder.of(RunFailed) == [RunFailed(FIRST, told)]
    found = summary(record)
    assert found["status"] == record.status == "failed"
    assert [(run["model"], run["status"]) for run in found["runs"]] == [
        ("mlp", "failed"),
        ("cnn", "finished"),
    ]
    assert found["runs"][0]["error"] == told
    log = (record.folder / "log.txt").read_text(encoding="utf-8")
    assert "mlp-r1 failed" in log
    assert "Traceback (most recent call last)" in log


def test_device_that_is_not_there_is_refused_before_anything_is_created(short: Settings) -> None:
    recorder = Recorder()
    with pytest.raises(DeviceError) as caught:
        run_experiment(replace(short, device="cuda:99"), recorder)
    one_line(caught.value, "cuda:99", "cpu")
    assert not recorder.events
    assert not Path(short.results).exists()


def test_data_that_cannot_be_read_are_refused_before_anything_is_created(
    short: Settings, tmp_path: Path
) -> None:
    recorder = Recorder()
    with pytest.raises(DataError):
        run_experiment(replace(short, data=str(tmp_path / "nowhere")), recorder)
    assert not recorder.events
    assert not Path(short.results).exists()


def test_results_that_cannot_be_written_are_refused_before_anything_is_created(
    short: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder()
    with pytest.raises(ResultsError):
        run_experiment(replace(short, results=str(tmp_path / "file" / "results")), recorder)
    assert not recorder.events
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def refuse_files(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[[Path, str | bytes], bool]
) -> None:
    """A disk that takes only some files, or only at times."""
    write = files.write_atomically

    def write_or_refuse(path: Path, content: str | bytes) -> None:
        if refused(path, content):
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_atomically", write_or_refuse)


def test_disk_that_refuses_gives_one_notice_and_training_goes_on(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = False

    def fill(event: Event) -> None:
        nonlocal full
        full = full or isinstance(event, RunStarted)

    refuse_files(monkeypatch, lambda path, content: full)
    recorder = Recorder(fill)
    record = run_experiment(replace(short, repeats=2, save_weights=False), recorder)
    notices = recorder.of(Notice)
    assert [notice.level for notice in notices] == ["error"] * 2
    for notice, name in zip(notices, ("summary.toml", "resume.pt"), strict=True):
        assert notice.text == (
            f"{record.folder / name}: not saved: No space left on device; "
            "tried again after every epoch, and at the end"
        )
    assert [event.status for event in recorder.of(RunFinished)] == ["finished"] * 2
    assert len(recorder.of(EpochFinished)) == 4
    assert record.status == "finished"
    assert summary(record)["status"] == "running", "the last content that the disk took stays"


def test_weights_that_cannot_be_saved_give_a_notice_and_the_run_counts(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_files(monkeypatch, lambda path, content: path.name == "mlp-r1.pt")
    recorder = Recorder()
    record = run_experiment(short, recorder)
    (notice,) = recorder.of(Notice)
    assert "mlp-r1.pt" in notice.text
    (end,) = recorder.of(RunFinished)
    assert (end.status, record.status) == ("finished", "finished")
    assert "weights" not in summary(record)["runs"][0]
    assert "mlp-r1.pt" in (record.folder / "log.txt").read_text(encoding="utf-8")


def test_weights_are_saved_when_there_is_room_again(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def make_room(event: Event) -> None:
        nonlocal full
        full = full and not (isinstance(event, EpochFinished) and event.run == SECOND)

    refuse_files(monkeypatch, lambda path, content: full)
    recorder = Recorder(make_room)
    record = run_experiment(replace(short, repeats=2), recorder)
    assert record.saved
    saved = [n.text.split(":")[0] for n in recorder.of(Notice) if n.text.endswith("saved now")]
    assert {Path(path).name for path in saved} == {"mlp-r1.pt", "resume.pt", "summary.toml"}
    assert [run["weights"] for run in summary(record)["runs"]] == ["mlp-r1.pt", "mlp-r2.pt"]
    left = {path.name for path in record.folder.iterdir()}
    assert left == {"summary.toml", "mlp-r1.pt", "mlp-r2.pt", "log.txt"}


def test_disk_that_stays_full_to_the_end_leaves_what_can_go_on(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = False

    def fill(event: Event) -> None:
        nonlocal full
        full = full or (isinstance(event, EpochFinished) and event.result.epoch == 1)

    with monkeypatch.context() as patch:
        refuse_files(patch, lambda path, content: full and path.name == "summary.toml")
        record = run_experiment(replace(short, epochs=3), Recorder(fill))
    assert not record.saved
    assert summary(record)["status"] == "running"
    again = resume_experiment(record.folder)
    assert summary(again)["status"] == "finished"
    assert figures(again, FIRST) == figures(record, FIRST)
    assert same_weights(weights(again, FIRST), weights(record, FIRST))


def test_small_files_are_saved_where_there_is_no_room_for_large_ones(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 0

    def make_some_room(event: Event) -> None:
        nonlocal room
        if isinstance(event, RunFinished) and event.run == SECOND:
            room = 500_000  # a checkpoint has twice as many

    refuse_files(monkeypatch, lambda path, content: len(content) > room)
    record = run_experiment(replace(short, repeats=2), Recorder(make_some_room))
    assert [run["weights"] for run in summary(record)["runs"]] == ["mlp-r1.pt", "mlp-r2.pt"]
    assert weights(record, FIRST).keys() == weights(record, SECOND).keys()


def test_folder_that_is_removed_is_made_anew(short: Settings) -> None:
    def remove(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.run == FIRST and event.result.epoch == 1:
            shutil.rmtree(short.results)
        if isinstance(event, EpochFinished) and event.run == SECOND and event.result.epoch == 2:
            owners.append(owner_of(next(Path(short.results).iterdir())))

    owners: list[Owner | None] = []
    recorder = Recorder(remove)
    record = run_experiment(replace(short, repeats=2), recorder)
    assert record.status == summary(record)["status"] == "finished"
    assert [len(run["epochs"]) for run in summary(record)["runs"]] == [2, 2]
    assert owners == [this_process()], "another process could have gone on with it"
    (notice,) = recorder.of(Notice)
    assert notice.text.startswith(f"{record.folder}: was removed, and is made anew")
    assert "was removed" in (record.folder / "log.txt").read_text(encoding="utf-8")


def test_error_that_ends_the_process_leaves_an_interrupted_summary(short: Settings) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, EpochFinished):
            raise KeyboardInterrupt

    recorder = Recorder(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(short, recorder)
    (end,) = recorder.of(ExperimentFinished)
    found = tomllib.loads(end.summary.read_text(encoding="utf-8"))
    assert found["status"] == "interrupted"
    assert len(found["runs"][0]["epochs"]) == 1


def commanding(control: Control, command: str, at: tuple[type[Event], RunId, int]) -> Recorder:
    """A listener that gives a command once, at an event of an epoch of a run."""
    kind, run, epoch = at
    given = False

    def react(event: Event) -> None:
        nonlocal given
        if given or not isinstance(event, kind) or getattr(event, "run", None) != run:
            return
        reached = event.result.epoch if isinstance(event, EpochFinished) else event.epoch  # type: ignore[union-attr]
        if reached == epoch:
            given = True
            getattr(control, command)()

    return Recorder(react)


def test_stop_leaves_the_finished_epochs_in_a_stopped_summary(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "stop", (EpochFinished, FIRST, 2))
    record = run_experiment(replace(short, epochs=50, repeats=2), recorder, control)
    found = summary(record)
    assert found["status"] == record.status == "stopped"
    (run,) = found["runs"]
    assert run["status"] == "stopped"
    assert [epoch["epoch"] for epoch in run["epochs"]] == [1, 2]
    assert run["test_accuracy"] == run["epochs"][-1]["test_accuracy"]
    assert recorder.rare()[-2:] == ["RunFinished", "ExperimentFinished"]
    assert found["models"][0]["runs"] == 0


def test_stop_is_obeyed_within_the_epoch(short: Settings) -> None:
    control = Control()
    short = replace(short, batch_size=1, epochs=50)
    recorder = commanding(control, "stop", (Progress, FIRST, 1))
    run_experiment(short, recorder, control)
    steps = [event.step for event in recorder.of(Progress)]
    assert len(steps) == 1, "nothing is trained after the stop"
    assert not recorder.of(EpochFinished)
    (end,) = recorder.of(RunFinished)
    assert (end.status, end.test_accuracy, end.weights) == ("stopped", None, "")


def test_stop_before_the_start_trains_nothing(short: Settings) -> None:
    control, recorder = Control(), Recorder()
    control.stop()
    record = run_experiment(short, recorder, control)
    assert recorder.rare() == ["ExperimentStarted", "ExperimentFinished"]
    assert summary(record)["status"] == "stopped"


@pytest.mark.parametrize("command", ["stop", "skip_run"])
def test_weights_of_a_run_ended_within_an_epoch_reproduce_its_test_accuracy(
    short: Settings, command: str
) -> None:
    # Steps after the last evaluated epoch must not be in weights that the summary says to have
    # that epoch's accuracy. The large learning rate makes every step show.
    control = Control()
    recorder = commanding(control, command, (Progress, FIRST, 2))
    settings = replace(short, epochs=50, batch_size=10, learning_rate=0.1, schedule="constant")
    record = run_experiment(settings, recorder, control)
    (run,) = summary(record)["runs"]
    assert len(run["epochs"]) == 1
    assert accuracy_of_saved(record, FIRST) == run["test_accuracy"]


def test_stop_after_epoch_finishes_the_epoch_under_way(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "stop_after_epoch", (Progress, FIRST, 2))
    record = run_experiment(replace(short, epochs=50, repeats=2), recorder, control)
    found = summary(record)
    assert found["status"] == "stopped"
    (run,) = found["runs"]
    assert (run["status"], len(run["epochs"])) == ("stopped", 2)
    assert accuracy_of_saved(record, FIRST) == run["test_accuracy"]


def test_stop_after_the_last_epoch_of_a_run_leaves_that_run_finished(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "stop_after_epoch", (EpochFinished, FIRST, 2))
    record = run_experiment(replace(short, epochs=2, repeats=2), recorder, control)
    assert record.status == "stopped"
    assert [event.status for event in recorder.of(RunFinished)] == ["finished"]
    assert record.models[0].runs == 1


def test_skip_ends_one_run_and_the_next_one_is_whole(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "skip_run", (EpochFinished, FIRST, 1))
    record = run_experiment(replace(short, epochs=3, repeats=2), recorder, control)
    assert [event.status for event in recorder.of(RunFinished)] == ["skipped", "finished"]
    found = summary(record)
    assert found["status"] == "finished"
    assert [len(run["epochs"]) for run in found["runs"]] == [1, 3]
    assert found["models"][0]["runs"] == 1
    undisturbed = run_experiment(replace(short, epochs=3, repeats=2))
    assert figures(record, SECOND) == figures(undisturbed, SECOND)


def test_skip_after_the_last_step_does_not_hit_the_next_run(short: Settings) -> None:
    control = Control()
    recorder = commanding(control, "skip_run", (EpochFinished, FIRST, 2))
    run_experiment(replace(short, epochs=2, repeats=2), recorder, control)
    assert [event.status for event in recorder.of(RunFinished)] == ["finished"] * 2


def test_pauses_hold_the_run_change_nothing_and_are_in_no_figure(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By this clock a batch takes a second to prepare, and nothing else takes any time.
    clock, held = Clock(), Clock()
    monkeypatch.setattr(engine.progress, "time", clock)
    monkeypatch.setattr(engine.control, "time", held)
    spec, prepared = MODELS["mlp"], 0

    def prepare(images: Tensor) -> Tensor:
        nonlocal prepared
        prepared += 1
        clock.now += 1.0
        return spec.prepare(images)

    monkeypatch.setitem(MODELS, "mlp", replace(spec, prepare=prepare))
    undisturbed = run_experiment(short)
    control, prepared = Control(), 0
    recorder = commanding(control, "pause", (Progress, FIRST, 1))
    ended: list[ExperimentRecord] = []
    thread = threading.Thread(
        target=lambda: ended.append(run_experiment(short, recorder, control)), daemon=True
    )
    thread.start()
    assert held.read.wait(20), "the pause was never reached"
    assert control.paused
    steps, events = prepared, len(recorder.events)
    thread.join(0.3)
    assert (prepared, len(recorder.events)) == (steps, events), "the training went on"
    clock.now += 5000.0
    held.now += 5000.0
    control.resume()
    thread.join(60)
    (record,) = ended
    assert figures(record, FIRST) == figures(undisturbed, FIRST)
    for epoch in record.runs[FIRST].epochs:
        assert (epoch.seconds, epoch.evaluation_seconds) == (20.0, 1.0)
        assert epoch.images_per_second == 50.0
    assert {event.images_per_second for event in recorder.of(Progress)} == {50.0, 200.0}


def test_validation_images_are_measured_but_not_trained_on(short: Settings) -> None:
    recorder = Recorder()
    record = run_experiment(replace(short, validation_split=0.3), recorder)
    for epoch in record.runs[FIRST].epochs:
        assert epoch.validation_loss is not None
        assert epoch.validation_accuracy is not None
        assert epoch.validation_accuracy != epoch.test_accuracy
        assert round(epoch.validation_accuracy * 300, 6) % 1 == 0
        assert epoch.images_per_second * epoch.seconds == pytest.approx(700)
    assert {event.steps for event in recorder.of(Progress) if event.phase == "train"} == {14}
    assert "validation_accuracy" in summary(record)["runs"][0]["epochs"][0]


def test_speed_is_never_negative_while_validation_and_test_are_measured(short: Settings) -> None:
    recorder = Recorder()
    run_experiment(replace(short, validation_split=0.5), recorder)
    assert all(event.images_per_second >= 0 for event in recorder.of(Progress))


def test_thread_setting_is_in_force(short: Settings) -> None:
    found: list[int] = []
    recorder = Recorder(lambda event: found.append(torch.get_num_threads()))
    run_experiment(replace(short, threads=3, epochs=1), recorder)
    assert found[-1] == 3


def mobile(tmp_path: Path, **changes: Any) -> Settings:
    """Settings of a MobileNetV2 on few images."""
    settings = Settings(
        models=("mobilenetv2",),
        epochs=3,
        repeats=2,
        batch_size=16,
        train_limit=64,
        test_limit=32,
        device="cpu",
        threads=1,
        repeats_at_once=1,
        results=str(tmp_path / "results"),
    )
    return replace(settings, **changes)


@pytest.mark.slow
def test_mobilenetv2_computes_its_features_once_for_all_repeats(tmp_path: Path) -> None:
    recorder = Recorder()
    record = run_experiment(mobile(tmp_path), recorder)
    first, second = recorder.of(RunFinished)
    assert first.features_seconds > 0
    assert second.features_seconds == 0
    features = [event for event in recorder.of(Progress) if event.phase == "features"]
    assert {(event.run.repeat, event.epoch, event.steps) for event in features} == {(1, 0, 96)}
    assert features[-1].step == 96
    found = summary(record)
    assert found["status"] == "finished"
    (model,) = found["models"]
    assert (model["parameters"], model["trainable_parameters"]) == (2_236_682, 12_810)
    assert model["features_seconds"] == first.features_seconds
    assert "features_seconds" not in found["runs"][1]
    for run in found["runs"]:
        assert run["epochs"][-1]["train_loss"] < run["epochs"][0]["train_loss"]
    # Features may be computed in bfloat16, the saved network is fp32: one image may differ.
    saved = accuracy_of_saved(record, RunId("mobilenetv2", 1))
    assert saved == pytest.approx(found["runs"][0]["test_accuracy"], abs=1.5 / 32)


@pytest.mark.slow
def test_repeat_of_mobilenetv2_is_the_same_whether_or_not_it_made_the_features(
    tmp_path: Path,
) -> None:
    few = mobile(tmp_path, epochs=2, train_limit=24, test_limit=8)
    two = run_experiment(few)
    one = run_experiment(replace(few, seed=few.seed + 1, repeats=1))
    first, second = RunId("mobilenetv2", 1), RunId("mobilenetv2", 2)
    assert figures(one, first) == figures(two, second)
    assert same_weights(weights(one, first), weights(two, second))


def test_skip_while_features_are_computed_leaves_them_to_the_next_repeat(tmp_path: Path) -> None:
    control = Control()
    first, second = RunId("mobilenetv2", 1), RunId("mobilenetv2", 2)
    recorder = commanding(control, "skip_run", (Progress, first, 0))
    settings = mobile(tmp_path, epochs=1, train_limit=24, test_limit=8)
    record = run_experiment(settings, recorder, control)
    assert [event.status for event in recorder.of(RunFinished)] == ["skipped", "finished"]
    skipped, finished = recorder.of(RunFinished)
    assert (skipped.run, skipped.features_seconds) == (first, 0)
    assert finished.features_seconds > 0
    assert record.runs[second].status == "finished"


def test_weights_that_cannot_be_downloaded_fail_mobilenetv2_alone(
    tmp_path: Path, small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import MobileNet_V2_Weights

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Temporary failure in name resolution")

    monkeypatch.setattr(MobileNet_V2_Weights, "get_state_dict", unreachable)
    recorder = Recorder()
    settings = mobile(
        tmp_path,
        models=("mobilenetv2", "mlp"),
        repeats=1,
        mobilenetv2_weights="IMAGENET1K_V2",
        data=str(small_folder),
    )
    record = run_experiment(settings, recorder)
    (failed,) = recorder.of(RunFailed)
    assert failed.run == RunId("mobilenetv2", 1)
    assert "IMAGENET1K_V2" in failed.error
    assert "bundled" in failed.error
    assert [event.run.model for event in recorder.of(RunFinished)] == ["mlp"]
    assert record.runs[FIRST].status == "finished"
    assert summary(record)["status"] == "failed"


def test_deterministic_experiment_says_so_and_comes_to_the_same_twice(both: Settings) -> None:
    settings = replace(both, deterministic=True)
    recorder = Recorder()
    first = run_experiment(settings, recorder)
    second = run_experiment(settings)
    run_experiment(replace(settings, models=("mlp",), epochs=1, deterministic=False))
    assert not torch.are_deterministic_algorithms_enabled()
    assert [notice.text for notice in recorder.of(Notice)] == [
        "deterministic: on a CPU the bits are the same without it, and it is a little slower"
    ]
    for run in first.runs:
        assert figures(first, run) == figures(second, run)
        assert same_weights(weights(first, run), weights(second, run))


def test_order_of_the_models_does_not_change_what_each_comes_to(both: Settings) -> None:
    settings = replace(both, repeats=2, repeats_at_once=0)
    one = run_experiment(settings)
    other = run_experiment(replace(settings, models=("cnn", "mlp")))
    for run in one.runs:
        assert figures(one, run) == figures(other, run)
        assert same_weights(weights(one, run), weights(other, run))


def test_last_epochs_train_on_images_that_are_not_moved(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(images: Tensor, *arguments: Any, **options: Any) -> Tensor:
        epochs.append(len(recorder.of(EpochFinished)) + 1)
        return images

    epochs: list[int] = []
    recorder = Recorder()
    monkeypatch.setattr(engine.workbench, "shift", counted)
    run_experiment(replace(short, epochs=4, shift=1, clean_epochs=2), recorder)
    assert sorted(set(epochs)) == [1, 2]
