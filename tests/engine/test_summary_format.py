"""The summary's schema says what is in the file, and nothing else says it again."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import tomli_w
from engine_support import Recorder
from jsonschema import Draft202012Validator

from engine import events
from engine.control import Control
from engine.events import EpochFinished, Event, RunStarted
from engine.experiment import resume_experiment, run_experiment
from engine.models import CNN
from engine.past_experiment import read_record
from engine.recipes import RECIPE_RULES, Recipe
from engine.records import ACCURACY_GOALS, MOST_NOTICES, ExperimentRecord
from engine.settings import FIELDS, MODEL_NAMES, Settings, rule
from engine.summary import STATISTICS
from engine.summary_docs import EXAMPLE, as_markdown
from engine.summary_format import KEYS, number, resolved, summary_schema

OLD = Path(__file__).with_name("summary_schema_1.toml")
DOCUMENT = Path(__file__).parents[2] / "docs" / "summary.md"


def plain(value: Any) -> Any:
    """TOML as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def complaints(text: str, schema: Any = None) -> list[str]:
    """What is wrong with a summary."""
    validator = Draft202012Validator(schema or summary_schema())
    return [error.message for error in validator.iter_errors(plain(tomllib.loads(text)))]


def without_news(part: Any) -> Any:
    """A schema without the keys that came after the first version."""
    if isinstance(part, dict):
        return {
            name: without_news(item)
            for name, item in part.items()
            if not (isinstance(item, dict) and "since" in item)
        }
    return part


def finished(settings: Settings) -> ExperimentRecord:
    return run_experiment(replace(settings, repeats=2, repeats_at_once=2, validation_split=0.1))


def stopped(settings: Settings) -> ExperimentRecord:
    """With a run in the queue, and one that has no epoch."""
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, RunStarted) and event.run.repeat == 2:
            control.stop()

    return run_experiment(replace(settings, repeats=3), Recorder(react), control)


def failed(settings: Settings) -> ExperimentRecord:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CNN, "__init__", lambda self: 1 / 0)
        return run_experiment(replace(settings, models=("cnn", "mlp"), test_limit=1))


def resumed(settings: Settings) -> ExperimentRecord:
    """With a notice: its checkpoint was lost."""
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished):
            control.stop()

    folder = run_experiment(settings, Recorder(react), control).folder
    (folder / "resume.pt").write_bytes(b"damaged")
    return resume_experiment(folder)


def shared_out(settings: Settings) -> ExperimentRecord:
    return run_experiment(replace(settings, repeats=2, workers=2))


@pytest.mark.parametrize("make", [finished, stopped, failed, resumed, shared_out])
def test_real_summaries_are_as_the_schema_says(
    short: Settings, make: Callable[[Settings], ExperimentRecord]
) -> None:
    record = make(short)
    text = record.summary.read_text(encoding="utf-8")
    tables = {stopped: "queue", failed: "error", resumed: "notices", shared_out: "place"}
    assert re.search(rf"^(\[\[)?{tables.get(make, 'runs')}\b", text, re.MULTILINE)
    assert complaints(text) == []
    news = complaints(text, without_news(summary_schema()))
    assert news
    assert all("unexpected" in complaint for complaint in news)


def test_the_example_is_as_the_schema_says() -> None:
    assert complaints(EXAMPLE) == []


def test_summary_of_schema_1_is_as_the_schema_says_and_is_read() -> None:
    text = OLD.read_text(encoding="utf-8")
    assert complaints(text, without_news(summary_schema())) == []


def test_summary_of_schema_1_is_read_without_what_it_does_not_say(tmp_path: Path) -> None:
    (tmp_path / "summary.toml").write_bytes(OLD.read_bytes())
    record = read_record(tmp_path)
    assert record.status == "stopped"
    assert [run.status for run in record.runs.values()] == [
        "finished",
        "stopped",
        "queued",
        "queued",
    ]
    end = next(iter(record.runs.values())).finished
    assert end is not None
    assert (end.misclassified, end.calibration_error, end.energy_joules) == (None, None, None)
    assert 0 < end.confusion[0][0] == tomllib.loads(OLD.read_text())["runs"][0]["confusion"][0][0]
    assert record.models[0].calibration_error is None
    assert record.costs == {}


def test_unknown_keys_are_refused_by_the_schema_and_passed_over_by_the_reader(
    tmp_path: Path,
) -> None:
    tables = tomllib.loads(OLD.read_text(encoding="utf-8"))
    tables["colour"] = tables["runs"][0]["colour"] = tables["models"][0]["colour"] = "red"
    text = tomli_w.dumps(tables)
    assert len([each for each in complaints(text) if "'colour' was unexpected" in each]) == 3
    (tmp_path / "summary.toml").write_text(text, encoding="utf-8")
    assert read_record(tmp_path).status == "stopped"


def test_the_document_is_made_from_the_schema() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == as_markdown(), (
        "python -m engine.summary_docs > docs/summary.md"
    )


def test_the_schema_is_one_and_explains_every_key() -> None:
    Draft202012Validator.check_schema(copy.deepcopy(summary_schema()))
    found = KEYS
    assert len(found) > 100
    assert [name for name, key in found if not key.get("description")] == []
    parts_of_statistics = {"mean", "std", "ci95", "min", "max"}
    assert [n for n, key in found if number(key) and "unit" not in key] == []
    assert [n for n, k in found if k.get("type") == "number" and "minimum" not in k] == [
        name for name, _ in found if name in parts_of_statistics
    ]


def test_words_are_those_that_the_code_knows() -> None:
    top = summary_schema()["properties"]
    run = top["runs"]["items"]["properties"]
    model = top["models"]["items"]["properties"]
    assert top["status"]["enum"] == list(get_args(events.ExperimentStatus))
    assert set(run["status"]["enum"]) == {"running", *get_args(events.RunStatus)}
    assert resolved(run["model"])["enum"] == list(MODEL_NAMES)
    assert set(top["settings"]["properties"]) == {
        *(rule(name).section for name in FIELDS),
        *("models", "presets"),
    }
    assert top["notices"]["maxItems"] == MOST_NOTICES
    assert {f"seconds_to_{goal * 100:.0f}" for goal in ACCURACY_GOALS} <= set(model)
    assert {field.name for field in fields(events.Cost)} <= set(model)
    assert set(STATISTICS) == {name for name, part in model.items() if is_statistics(part)}
    assert list(model["recipe"]["properties"]) == [field.name for field in fields(Recipe)]
    for name, part in model["recipe"]["properties"].items():
        allowed, wanted = resolved(part), RECIPE_RULES[name]
        assert tuple(allowed.get("enum", ())) == wanted.choices
        assert (allowed.get("minimum"), allowed.get("maximum")) == (wanted.low, wanted.high)


def is_statistics(part: Any) -> bool:
    return "ci95" in resolved(part).get("properties", {})
