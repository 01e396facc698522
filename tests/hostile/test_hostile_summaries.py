"""A past experiment's summary gives a record that all can be done with, or one line."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hostile_support import INPUTS, changed, changes, clear_line, edited, edits, examples
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from engine.events import as_json
from engine.glance import glance
from engine.past_experiment import LONGEST, read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.results_folder import newest_unfinished
from engine.resume import rest_of
from engine.summary import SummaryText
from tui.bridge import Delivery
from tui.chart_lines import MEASURES, chart_lines
from tui.chart_options import ChartOptions
from tui.commands.results.list import _plain, _row
from tui.commands.results.show import say_experiment
from tui.eta import estimate
from tui.experiment_view import ExperimentView
from tui.export.markdown import markdown
from tui.headless import _line, _started_line
from tui.page import Page
from tui.widgets.summary_panel import summary_text
from tui.wording import ranking_lines

VALID = """\
schema = 2
status = "stopped"
started = 2026-11-22T07:30:12Z
finished = 2026-11-22T07:40:12Z
[environment]
device = "cpu"
device_name = "a CPU"
threads = 2
[[interruptions]]
at = 2026-11-22T07:31:12Z
was = "interrupted"
epochs = 1
[settings.experiment]
models = ["mlp", "cnn"]
preset = "mine"
epochs = 2
[settings.models.cnn]
shift = 1
[settings.presets.mine]
learning_rate = 0.01
[[models]]
name = "mlp"
parameters = 79510
trainable_parameters = 79510
flops_per_image = 158800
latency_seconds = 0.00004
inference_images_per_second = 470000.5
[[runs]]
model = "mlp"
repeat = 1
seed = 1234
threads = 1
precision = "fp32"
planned_epochs = 1
status = "finished"
test_accuracy = 0.97
test_loss = 0.1
macro_f1 = 0.96
seconds = 4.5
calibration_error = 0.02
energy_joules = 250.5
misclassified = [8, 247, 9999]
peak_memory_bytes = 1000
weights = "mlp-r1.pt"
[[runs.epochs]]
epoch = 1
train_loss = 0.3
train_accuracy = 0.9
test_loss = 0.2
test_accuracy = 0.97
learning_rate = 0.003
seconds = 2.5
images_per_second = 24000.0
evaluation_seconds = 0.5
[[runs]]
model = "mlp"
repeat = 2
planned_epochs = 2
status = "failed"
error = "out of memory"
[[queue]]
model = "cnn"
repeat = 1
planned_epochs = 2
"""
TABLES = tomllib.loads(VALID)
CONFUSION = [[1] * 10] * 10
NOTHING = Delivery((), {})


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    """Of one experiment among others."""
    (place / "one").mkdir()
    return place / "one"


def read(folder: Path, content: str | bytes) -> ExperimentRecord | None:
    """The record of a summary, used in every way; None if it was refused as it should be."""
    path = folder / "summary.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    glanced_at(folder)
    try:
        record = read_record(folder)
    except ResultsError as error:
        clear_line(error, str(path))
        return None
    path.write_bytes(SummaryText(record).encoded())
    look_at(read_record(folder))
    try:
        rest = rest_of(record)
    except ResultsError as error:
        clear_line(error, record.id)
        return record
    view = ExperimentView()
    view.apply(Delivery(rest.events, {}))
    assert view.record is not None
    for event in rest.events:
        as_json(event)
        _line(event, view.record)
    _started_line(rest.events[0])  # type: ignore[arg-type]
    assert 0 <= view.fraction_of_all() <= 1
    estimate(view.record, {}, stopping=False)
    return record


def glanced_at(folder: Path) -> None:
    """Listed, or refused as it should be."""
    try:
        found = glance(folder)
    except ResultsError as error:
        clear_line(error, str(folder / "summary.toml"))
        return
    assert _row(found)["status"] == found.status
    json.dumps(_plain(found), allow_nan=False)


def look_at(record: ExperimentRecord) -> None:
    """All that a screen shows of it."""
    lines = ranking_lines(record)
    lines += summary_text(record, Color(0, 0, 0), 120).plain.split("\n")
    lines += markdown(record).split("\n")
    say_experiment(Page("unicode"), record, everything=True)
    assert all(line.isprintable() for line in lines)
    for measure in MEASURES:
        for options in (ChartOptions(), ChartOptions(seconds=True, band=False)):
            chart_lines(record, {}, measure, options)


def test_the_valid_one_is_read(folder: Path) -> None:
    assert read(folder, VALID) is not None
    TABLES["runs"][0]["confusion"] = CONFUSION
    assert read(folder, tomli_w.dumps(TABLES)) is not None


@pytest.mark.slow
def test_cut_anywhere(folder: Path) -> None:
    assert len(VALID) >= INPUTS["summary.toml, cut"]
    taken = [read(folder, VALID[:length]) is not None for length in range(len(VALID))]
    assert any(taken)
    assert not all(taken)


@pytest.mark.slow
@examples("summary.toml, tables")
@given(changes)
def test_any_values_anywhere(folder: Path, wanted: list[tuple[int, str, Any]]) -> None:
    read(folder, tomli_w.dumps(changed(TABLES, wanted)))


@pytest.mark.slow
@examples("summary.toml, bytes")
@given(st.one_of(st.binary(max_size=60), edits))
def test_any_bytes(folder: Path, wanted: Any) -> None:
    read(folder, wanted if isinstance(wanted, bytes) else edited(VALID.encode(), wanted))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 2", "schema = 3", "schema is 3; this version of mnist-tui reads 1 and 2"),
        ("seconds = 4.5", "seconds = nan", "seconds is nan; allowed: 0 to"),
        ("seconds = 2.5", "seconds = inf", "seconds is inf; allowed: 0 to"),
        ("test_loss = 0.2", "test_loss = 1e300", "test_loss is 1e+300; allowed: 0 to 1e+39"),
        ("test_accuracy = 0.97\nl", "test_accuracy = 1.5\nl", "test_accuracy is 1.5"),
        ("seed = 1234", f"seed = 0x{'F' * 10_000}", "seed is a int too large to show"),
        ("repeat = 2", "repeat = 1", "mlp-r1 is there twice"),
        ("repeat = 2", "repeat = 0", "repeat is 0; allowed: 1 to"),
        ("epoch = 1\n", "epoch = 7\n", "epochs of mlp-r1 are not in their order"),
        ("threads = 2", "threads = 07:30:12", "threads is datetime.time"),
        ("threads = 2", f"threads{'.a' * 9000} = 1", "has a line with more than 1000 dots"),
        ("seconds = 4.5", f"seconds = 4.5\nconfusion = {[*CONFUSION, 3]}", "is not 10 × 10"),
        ("seconds = 4.5", f"seconds = 4.5\nconfusion = {[*CONFUSION[:9], ['x'] * 10]}", "'x'"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "summary.toml").write_text(VALID.replace(old, new, 1))
    with pytest.raises(ResultsError) as caught:
        read_record(folder)
    clear_line(caught.value, said)


def test_losses_of_trainings_that_went_astray_are_read(folder: Path) -> None:
    for loss in ("nan", "inf"):
        assert read(folder, VALID.replace("_loss = 0.2", f"_loss = {loss}")) is not None


def test_a_bad_folder_hides_no_other(tmp_path: Path, pipe: Path) -> None:
    good = tmp_path / "20261122-073012-mlp"
    bad = tmp_path / "20261122-073013-mlp"
    for folder in (good, bad):
        folder.mkdir()
        (folder / "resume.pt").touch()
    (good / "summary.toml").write_text(VALID)
    summary, owner = bad / "summary.toml", bad / "running.toml"
    for content in (
        b"",
        b"\xff",
        b"schema = 3",
        VALID.replace("repeat = 2", "repeat = 1").encode(),
    ):
        summary.write_bytes(content)
        assert newest_unfinished(tmp_path).folder == good
    with summary.open("wb") as file:
        file.truncate(LONGEST * 1000)  # sparse: it takes no room
    assert newest_unfinished(tmp_path).folder == good
    for place in (summary, owner):
        for target in (Path("/dev/zero"), pipe, bad, bad / "nothing", bad / "summary.toml"):
            place.unlink(missing_ok=True)
            place.symlink_to(target)
            assert newest_unfinished(tmp_path).folder == good
    os.unlink(bad / "resume.pt")
    (bad / "resume.pt").mkdir()
    assert newest_unfinished(tmp_path).folder == good
