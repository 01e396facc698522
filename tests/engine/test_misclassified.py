"""What a run says in the end: which images it misreads, how sure it was, what it used."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engine_support import Recorder

import engine.run
from engine.calibration import calibration_error
from engine.checkpoint import FILE_NAME
from engine.control import Control
from engine.data import Mnist
from engine.events import Event, Progress, RunFinished, RunId
from engine.experiment import resume_experiment, run_experiment
from engine.models import MODELS, predict_proba
from engine.settings import Settings


@pytest.fixture
def two(short: Settings) -> Settings:
    """Two runs side by side, tested on the first images."""
    return replace(short, repeats=2, repeats_at_once=2, test_limit=120)


def broken_off(settings: Settings) -> Path:
    """Both runs have had all their epochs, but only one is told to have ended."""

    def react(event: Event) -> None:
        if isinstance(event, RunFinished):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, Recorder(react))
    (folder,) = Path(settings.results).iterdir()
    return folder


def test_indices_are_those_that_the_saved_network_misreads(two: Settings, mnist: Mnist) -> None:
    record = run_experiment(two)
    images, labels = mnist.test_images[:120], mnist.test_labels[:120]
    ends = [run.finished for run in record.runs.values()]
    for end in ends:
        assert end is not None
        network = MODELS["mlp"].build().eval()
        network.load_state_dict(torch.load(record.folder / end.weights, weights_only=True))
        with torch.inference_mode():
            sure, read = predict_proba(network, MODELS["mlp"].prepare(images)).max(1)
        wrong = [index for index in range(120) if read[index] != labels[index]]
        assert 0 < len(wrong) < 120
        assert list(end.misclassified or ()) == wrong
        assert end.calibration_error == pytest.approx(
            calibration_error(sure, read == labels), abs=1e-4
        )
    assert ends[0] and ends[1] and ends[0].misclassified != ends[1].misclassified
    found = tomllib.loads(record.summary.read_text(encoding="utf-8"))
    for run, end in zip(found["runs"], ends, strict=True):
        assert run["misclassified"] == list(end.misclassified or ())
        mistakes = sum(map(sum, run["confusion"])) - sum(
            row[digit] for digit, row in enumerate(run["confusion"])
        )
        assert mistakes == len(run["misclassified"])
        assert sum(run["per_digit"]["f1"]) / 10 == pytest.approx(run["macro_f1"])


def test_run_without_an_epoch_says_nothing_of_the_images(short: Settings) -> None:
    control = Control()
    react = Recorder(lambda event: control.stop() if isinstance(event, Progress) else None)
    (run,) = run_experiment(replace(short, batch_size=1), react, control).runs.values()
    assert run.finished is not None
    assert run.finished.misclassified is None
    assert run.finished.calibration_error is None


def test_checkpoint_of_an_earlier_version_leaves_it_unknown(two: Settings) -> None:
    folder = broken_off(replace(two, epochs=1))
    content = torch.load(folder / FILE_NAME, weights_only=True)
    for run in content["runs"]:
        for name in ("misclassified", "calibration_error", "joules"):
            del run[name]
    torch.save(content, folder / FILE_NAME)
    record = resume_experiment(folder)
    assert record.status == "finished"
    for run in record.runs.values():
        assert run.finished is not None
        assert run.finished.confusion
        assert run.finished.misclassified is None
    assert record.models[0].calibration_error is None


def test_energy_is_shared_by_runs_side_by_side_and_added_up_over_a_resume(
    two: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def meter(device: str) -> object:
        asked.append(device)
        return lambda: 30.0

    monkeypatch.setattr(engine.run, "energy_meter", meter)

    def react(event: Event) -> None:
        if isinstance(event, Progress) and (event.run.repeat, event.epoch) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(replace(two, epochs=3), Recorder(react))
    (folder,) = Path(two.results).iterdir()
    assert asked == ["cpu"] * 2
    record = resume_experiment(folder)
    assert [run.finished and run.finished.energy_joules for run in record.runs.values()] == [45, 45]
    assert record.models[0].energy_joules is not None
    assert record.models[0].energy_joules.mean == 45


def test_energy_on_a_cpu_is_unknown(short: Settings) -> None:
    record = run_experiment(replace(short, epochs=1, train_limit=100))
    end = record.runs[RunId("mlp", 1)].finished
    assert end is not None
    assert end.energy_joules is None
    assert record.models[0].energy_joules is None
    assert "energy_joules" not in record.summary.read_text(encoding="utf-8")
