"""Events as lines of JSON."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from engine.events import (
    Cost,
    CostMeasured,
    EpochFinished,
    EpochResult,
    Event,
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    ModelSize,
    Notice,
    PlanChanged,
    PlannedRun,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
    Snapshot,
    as_json,
)
from engine.settings import Settings

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)
RUN = RunId("cnn", 3)
RESULT = EpochResult(1, math.nan, 0.9, math.inf, 0.8, 0.001, 1.5, 40.0, 0.2)
EVENTS: dict[str, Event] = {
    "experiment_started": ExperimentStarted(
        "x", Path("results/x"), NOW, Settings(), (RUN,), {"host": "tüb\ningen", "threads": 2}
    ),
    "experiment_resumed": ExperimentResumed(NOW, "stopped", 3),
    "run_started": RunStarted(RUN, 1236, 10, 1),
    "progress": Progress(RUN, "features", 0, 8, 64, math.nan, -math.inf, 100.0, 0.1, 0.1, 0.2, 0.3),
    "epoch_finished": EpochFinished(RUN, RESULT),
    "run_finished": RunFinished(
        RUN,
        ModelSize("cnn", 50_186, 50_186),
        "stopped",
        1.5,
        0.0,
        None,
        None,
        ((1, 2),),
        None,
        9,
        "",
    ),
    "run_failed": RunFailed(RUN, 'out of "memory"\n\x1b[31m\u2028\udcff'),
    "cost_measured": CostMeasured("cnn", Cost(3_838_464, math.nan, None)),
    "notice": Notice("error", "line one\nline two"),
    "plan_changed": PlanChanged(1, (PlannedRun(RUN, 10),)),
    "experiment_finished": ExperimentFinished("x", "finished", Path("x/summary.toml"), NOW),
}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_every_event_class_is_tried_here() -> None:
    assert {type(event) for event in EVENTS.values()} == set(get_args(Event)) - {Snapshot}


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_one_line_of_plain_ascii_json_that_begins_with_its_name(name: str) -> None:
    line = as_json(EVENTS[name])
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line, parse_constant=refuse)
    assert next(iter(found)) == "event"
    assert found["event"] == name


def test_numbers_that_json_cannot_say_are_null() -> None:
    progress = json.loads(as_json(EVENTS["progress"]))
    assert (progress["loss"], progress["accuracy"]) == (None, None)
    assert progress["images_per_second"] == 100.0
    result = json.loads(as_json(EVENTS["epoch_finished"]))["result"]
    assert (result["train_loss"], result["test_loss"]) == (None, None)
    assert (result["train_accuracy"], result["validation_loss"]) == (0.9, None)


def test_fields_keep_their_names_and_values() -> None:
    started = json.loads(as_json(EVENTS["experiment_started"]))
    assert started["folder"] == "results/x"
    assert datetime.fromisoformat(started["started"]) == NOW
    assert started["runs"] == [{"model": "cnn", "repeat": 3}]
    assert started["settings"]["models"] == ["mlp", "cnn", "mobilenetv2"]
    assert started["environment"]["host"] == "tüb\ningen"
    finished = json.loads(as_json(EVENTS["run_finished"]))
    assert finished["confusion"] == [[1, 2]]
    assert finished["test_accuracy"] is None
    assert finished["size"] == {"name": "cnn", "parameters": 50186, "trainable_parameters": 50186}


@pytest.mark.parametrize("name", EVENTS)
def test_events_cannot_be_changed(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        EVENTS[name].extra = 1  # type: ignore[union-attr]


def test_run_is_written_as_its_weights_file_is_named() -> None:
    assert str(RUN) == "cnn-r3"
