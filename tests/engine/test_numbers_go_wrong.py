"""Losses that are no numbers any more, and memory that does not suffice."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_support import Recorder
from test_resume import assert_alike
from torch import Tensor

import engine.measuring
import engine.run
import engine.workbench
from engine.control import Control
from engine.data import Samples
from engine.device import is_out_of_memory
from engine.events import EpochFinished, Event, Notice, RunFailed, RunId
from engine.experiment import resume_experiment, run_experiment
from engine.features import extract_features
from engine.optimizers import Optimizer
from engine.settings import Settings
from engine.stack import Stack
from engine.training import Evaluation, evaluate, train_step

FIRST, SECOND = RunId("mlp", 1), RunId("mlp", 2)
STEPS = 20
"""Of an epoch of the short settings."""


def poison(monkeypatch: pytest.MonkeyPatch, step: int, network: int, of: int = 2) -> None:
    """Spoil the weights of a network when so many steps are done with ``of`` side by side."""
    done = 0

    def spoiled(networks: Stack, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal done
        logits = train_step(networks, optimizer, inputs, targets)
        done += 1
        if done == step and networks.size == of:
            with torch.no_grad():
                for parameter in networks.parameters.values():
                    parameter[network] = torch.nan
        return logits

    monkeypatch.setattr(engine.run, "train_step", spoiled)


def test_runs_that_diverge_fail_and_the_next_model_trains(short: Settings) -> None:
    settings = replace(
        short, models=("cnn", "mlp"), repeats=2, epochs=3, schedule="constant", train_limit=300
    )
    astray = {"optimizer": "sgd", "learning_rate": 10.0}
    record = run_experiment(replace(settings, per_model={"cnn": astray}))
    assert record.status == "failed"
    assert [run.status for run in record.runs.values()] == ["failed"] * 2 + ["finished"] * 2
    assert "training loss is nan in epoch 1" in record.runs[RunId("cnn", 2)].error


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (STEPS + 5, "training loss is nan in epoch 2"),
        (2 * STEPS, "test loss is nan after epoch 2"),
    ],
)
def test_one_of_two_side_by_side_diverges_and_the_other_is_as_if_alone(
    short: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, told: str
) -> None:
    settings = replace(short, epochs=4)
    alone = run_experiment(replace(settings, results=str(tmp_path / "alone")))
    poison(monkeypatch, step, network=1)
    recorder = Recorder()
    record = run_experiment(replace(settings, repeats=2, repeats_at_once=2), recorder)
    assert record.status == "failed"
    assert_close(record.folder, alone.folder)
    failed = record.runs[SECOND]
    assert (failed.status, len(failed.epochs)) == ("failed", 1)
    assert told in failed.error
    (event,) = recorder.of(RunFailed)
    epochs = [e.run for e in recorder.events[: recorder.events.index(event)] if is_epoch(e)]
    assert epochs[:2] == [FIRST, SECOND]
    assert len(epochs) < 4, "it was told of only later"
    saved = torch.load(record.folder / failed.weights, weights_only=True)
    assert all(value.isfinite().all() for value in saved.values()), "not those of its last epoch"
    summary = tomllib.loads(record.summary.read_text(encoding="utf-8"))
    assert [(run["status"], len(run["epochs"])) for run in summary["runs"]] == [
        ("finished", 4),
        ("failed", 1),
    ]


def is_epoch(event: Event) -> bool:
    return isinstance(event, EpochFinished)


def assert_close(folder: Path, other: Path) -> None:
    """Side by side the last digits may differ."""
    one, two = (torch.load(each / "mlp-r1.pt", weights_only=True) for each in (folder, other))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=1e-3, atol=1e-4)


def test_a_validation_loss_that_is_no_number_is_named(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(networks: Stack, samples: Samples, **rest: Any) -> Evaluation:
        found = evaluate(networks, samples, **rest)
        if len(samples) == 100:  # held out
            found = replace(found, scores=[replace(found.scores[0], loss=math.inf)])
        return found

    monkeypatch.setattr(engine.measuring, "evaluate", spoiled)
    record = run_experiment(replace(short, validation_split=0.1))
    assert record.runs[FIRST].error == "validation loss is inf after epoch 1"


def test_what_is_left_of_a_group_is_resumed_bit_for_bit(
    short: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(short, epochs=4, repeats=3, repeats_at_once=3)
    poison(monkeypatch, STEPS + 5, network=1, of=3)
    unbroken = run_experiment(replace(settings, results=str(tmp_path / "unbroken")))
    control = Control()

    def stop_in_epoch_3(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.result.epoch == 3:
            control.stop_after_epoch()

    poison(monkeypatch, STEPS + 5, network=1, of=3)
    stopped = run_experiment(settings, Recorder(stop_in_epoch_3), control)
    assert stopped.status == "stopped"
    record = resume_experiment(stopped.folder)
    assert record.runs[SECOND].status == "failed"
    assert next(iter(record.runs)) == SECOND, "what has ended comes first when it goes on"
    record.runs = {run: record.runs[run] for run in unbroken.runs}
    assert_alike(record, unbroken)


def out_of_memory_above(
    batch: int, work: Callable[..., Any], size: Callable[..., int]
) -> Callable[..., Any]:
    """``work``, on a device that has no room for larger batches."""

    def limited(*args: Any, **kwargs: Any) -> Any:
        if size(*args, **kwargs) > batch:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return work(*args, **kwargs)

    return limited


def test_evaluation_that_needs_too_much_memory_is_done_in_smaller_batches(
    short: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = run_experiment(replace(short, results=str(tmp_path / "roomy")))

    def size(networks: Stack, samples: Samples, *, batch_size: int, watch: Any) -> int:
        return batch_size

    limited: Callable[..., Evaluation] = out_of_memory_above(100, evaluate, size)
    monkeypatch.setattr(engine.measuring, "evaluate", limited)
    recorder = Recorder()
    record = run_experiment(replace(short, validation_split=0.0), recorder)
    assert record.status == "finished"
    # The last digits of a test loss may differ; training knows nothing of it.
    accuracies = [[e.test_accuracy for e in one.runs[FIRST].epochs] for one in (record, roomy)]
    assert accuracies[0] == accuracies[1]
    weights = [torch.load(one.folder / "mlp-r1.pt", weights_only=True) for one in (record, roomy)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    notices = [notice.text for notice in recorder.of(Notice)]
    assert notices == [
        "out of memory on cpu with 500 images in a batch of the evaluations; tried again with 250",
        "out of memory on cpu with 250 images in a batch of the evaluations; tried again with 125",
        "out of memory on cpu with 125 images in a batch of the evaluations; tried again with 62",
    ], "said once for all epochs"
    summary = tomllib.loads(record.summary.read_text(encoding="utf-8"))
    assert [notice["text"] for notice in summary["notices"]] == notices


@pytest.mark.slow
def test_features_that_need_too_much_memory_are_computed_in_smaller_batches(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size(model: Any, images: Any, prepare: Any, able: Any, **kwargs: Any) -> int:
        return int(able.feature_batch)

    limited = out_of_memory_above(1, extract_features, size)
    monkeypatch.setattr(engine.workbench, "extract_features", limited)
    recorder = Recorder()
    settings = replace(short, models=("mobilenetv2",), train_limit=8, test_limit=8, epochs=1)
    record = run_experiment(replace(settings, cache=False), recorder)
    assert record.status == "finished"
    assert "images in a batch of the features; tried again with 1" in recorder.of(Notice)[-1].text


def test_memory_that_not_even_one_image_fits_fails_the_run(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = out_of_memory_above(0, evaluate, lambda *args, **kwargs: 1)
    monkeypatch.setattr(engine.measuring, "evaluate", limited)
    record = run_experiment(short)
    assert record.runs[FIRST].status == "failed"
    assert "CUDA out of memory" in record.runs[FIRST].error


def test_training_that_needs_too_much_memory_fails_with_the_size_that_was_tried(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def networks(stack: Stack, *rest: Any) -> int:
        return stack.size

    monkeypatch.setattr(engine.run, "train_step", out_of_memory_above(1, train_step, networks))
    settings = replace(short, models=("mlp", "cnn"), repeats=3, repeats_at_once=3, epochs=1)
    record = run_experiment(settings)
    mlp, cnn = record.runs_of("mlp"), record.runs_of("cnn")
    assert {run.status for run in mlp} == {"failed"}
    assert "out of memory on cpu (3 side by side, batches of 50): CUDA out of" in mlp[0].error
    assert {run.status for run in cnn} == {"failed"}


def test_an_allocator_that_refuses_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert is_out_of_memory(refused.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
