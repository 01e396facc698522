"""A summary that is damaged, foreign or hostile is refused in one line that names it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from engine_support import Recorder

from engine.control import Control
from engine.events import EpochFinished
from engine.experiment import run_experiment
from engine.past_experiment import LONGEST, read_record
from engine.results import ResultsError
from engine.results_folder import find_experiment
from engine.settings import Settings


@pytest.fixture
def folder(short: Settings) -> Path:
    """Of a small experiment that was stopped after its first epoch."""
    control = Control()

    def react(event: object) -> None:
        if isinstance(event, EpochFinished):
            control.stop()

    return run_experiment(short, Recorder(react), control).folder


def refusal(folder: Path) -> str:
    """The one line that refuses a folder's summary."""
    with pytest.raises(ResultsError) as caught:
        read_record(folder)
    text = str(caught.value)
    assert text.startswith(str(folder / "summary.toml") + ": ")
    assert "\n" not in text
    assert text.isprintable()
    return text


def test_truncated_anywhere_is_refused_or_read_as_it_stands(folder: Path) -> None:
    path = folder / "summary.toml"
    whole = path.read_bytes()
    refused = 0
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        try:
            read_record(folder)
        except ResultsError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100


def changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tables: tables.update(changes)


def in_run(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tables: tables["runs"][0].update(changes)


def in_model(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tables: tables["models"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(schema=3), "schema is 3; this version of mnist-tui reads 1 and 2"),
        (changed(schema="1"), "schema is '1', which is not of type int"),
        (changed(status="asleep"), "status is 'asleep'; allowed: running, finished"),
        (changed(started="today"), "started is 'today', which is not of type datetime"),
        (changed(runs=3), "runs is 3, which is not of type list"),
        (changed(runs=[3]), "runs holds 3, which is not a table"),
        (changed(settings={"experiment": {"epochs": -1}}), "settings: experiment.epochs"),
        (changed(settings={"colour": {}}), "settings: 'colour' is not a known section"),
        (lambda tables: tables.pop("environment"), "environment is missing"),
        (in_run(model="../../etc"), "'../../etc' is not a model; allowed: mlp"),
        (in_run(model="\x1b[2J"), r"'\x1b[2J' is not a model"),
        (in_run(repeat=True), "repeat is True, which is not of type int"),
        (in_run(status="lost"), "status of mlp-r1 is 'lost'"),
        (in_run(epochs=[{"epoch": 1}]), "train_loss is missing in epoch 1 of mlp-r1"),
        (in_run(epochs=[{"epoch": "1"}]), "epoch is '1', which is not of type int"),
        (in_run(confusion=[[1, 2], [3]]), "confusion of mlp-r1 is not 10 × 10"),
        (in_run(confusion=[[0.5] * 10] * 10), "confusion is 0.5, which is not of type int"),
        (in_run(confusion=[[-1] * 10] * 10), "confusion is -1; allowed: 0 to"),
        (in_run(confusion="[[[[" * 10_000), "which is not an array of numbers"),
        (in_run(misclassified="all"), "misclassified is 'all', which is not an array of numbers"),
        (in_run(misclassified=[7, 3]), "misclassified is not in rising order"),
        (in_run(misclassified=[3, 3]), "misclassified is not in rising order"),
        (in_run(misclassified=[-1, 3]), "misclassified is -1; allowed: 0 to 59999"),
        (in_run(misclassified=[3, 60_000]), "misclassified is 60000; allowed: 0 to 59999"),
        (in_run(misclassified=[1, 2.5]), "misclassified holds something else than whole numbers"),
        (in_run(misclassified=[1, True]), "misclassified holds something else than whole numbers"),
        (in_run(calibration_error=1.5), "calibration_error is 1.5; allowed: 0 to 1"),
        (in_run(energy_joules=-0.1), "energy_joules is -0.1; allowed: 0 to"),
        (in_model(flops_per_image=1.5), "flops_per_image is 1.5, which is not of type int"),
        (in_model(latency_seconds=float("nan")), "latency_seconds is nan; allowed: 0 to"),
        (in_run(planned_epochs=0), "planned_epochs is 0; allowed: 1 to 10000"),
        (in_run(seconds=10**400), "seconds is 1000000000"),
        (changed(environment={}), "device is missing in environment"),
        (changed(queue=[{"model": "mlp"}]), "repeat is missing"),
    ],
)
def test_what_is_wrong_is_named(
    folder: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = folder / "summary.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    change(tables)
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "schema is missing"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        (b"a = " + b"[" * 100_000, "is not valid TOML"),
        (b"a = " + b"9" * 100_000, "is not valid TOML"),
        (b"schema = \x00", "is not valid TOML"),
    ],
    ids=["empty", "not text", "deep", "long number", "control character"],
)
def test_what_is_no_summary_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "summary.toml").write_bytes(content)
    assert said in refusal(folder)


def test_a_file_too_long_is_not_read(folder: Path) -> None:
    with open(folder / "summary.toml", "r+b") as file:
        file.truncate(LONGEST + 1)  # sparse: it takes no room
    assert "is longer than 64 MiB" in refusal(folder)


def test_numbers_that_are_none_are_read(folder: Path) -> None:
    path = folder / "summary.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("test_loss = ", "test_loss = nan #"), encoding="utf-8")
    (run,) = read_record(folder).runs.values()
    assert run.last is not None
    assert run.last.test_loss != run.last.test_loss


def ascii_start(text: str) -> str:
    """A short name of a case."""
    return ascii(text)[:10]


@pytest.mark.parametrize(
    "id_", ["..", ".", "", "a/b", "/etc", "nothing", "x" * 5000, "\0"], ids=ascii_start
)
def test_an_id_is_the_name_of_a_folder_in_the_results(folder: Path, id_: str) -> None:
    assert find_experiment(folder.parent, folder.name) == folder
    with pytest.raises(ResultsError, match="has no experiment"):
        find_experiment(folder.parent, id_)
