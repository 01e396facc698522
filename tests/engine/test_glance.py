"""Experiments at a glance: what is listed is what the whole summary says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from engine_support import one_line
from test_compare import experiment

from engine.events import ExperimentFinished
from engine.glance import Glance, glance, glances
from engine.lock import working_on
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.results_folder import Unreadable
from engine.summary import SummaryText


@pytest.fixture
def record(tmp_path: Path) -> ExperimentRecord:
    """A summary on disk, of a training that has not said its last word."""
    record = experiment(tmp_path / "20261122-073012-mlp-cnn", {"mlp": [0.9, 0.95], "cnn": [0.99]})
    record.folder.mkdir()
    record.summary.write_bytes(SummaryText(record).encoded())
    return record


def test_a_glance_tells_what_the_record_does(record: ExperimentRecord) -> None:
    record.record(ExperimentFinished(record.id, "finished", record.summary, record.started))
    record.summary.write_bytes(SummaryText(record).encoded())
    found, whole = glance(record.folder), read_record(record.folder)
    assert (found.id, found.status, found.started) == (whole.id, "finished", whole.started)
    assert found.finished == whole.finished
    assert [model.name for model in found.models] == list(whole.model_names)
    for model, summary in zip(found.models, whole.models, strict=True):
        assert summary.test_accuracy is not None
        assert model.runs == summary.runs
        assert model.mean == pytest.approx(summary.test_accuracy.mean)
        assert (model.std is None) == (summary.runs == 1)
    assert found.best is not None
    assert found.best.name == whole.ranking()[0].name == "cnn"


def test_whoever_trains_it_decides_whether_it_runs(record: ExperimentRecord) -> None:
    assert glance(record.folder).status == "interrupted"
    with working_on(record.folder):
        assert glance(record.folder).status == "running"


def test_one_without_a_run_is_listed(tmp_path: Path) -> None:
    record = experiment(tmp_path / "x", {"mlp": []})
    record.folder.mkdir()
    record.summary.write_bytes(SummaryText(record).encoded())
    found = glance(record.folder)
    assert (found.best, [model.runs for model in found.models]) == (None, [0])


@pytest.mark.parametrize("told", ["2026-11-22T12:30:12+05:00", "2026-11-22T07:30:12"])
def test_dates_are_in_utc_whatever_their_zone(record: ExperimentRecord, told: str) -> None:
    text = record.summary.read_bytes()
    begun = re.sub(rb"started = .*", f"started = {told}".encode(), text, count=1)
    assert begun != text
    record.summary.write_bytes(begun)
    for found in (glance(record.folder).started, read_record(record.folder).started):
        assert found.isoformat() == "2026-11-22T07:30:12+00:00"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b"started = 2026-11-22 07:30:12", b"started = 0001-01-01T00:00:00+01:00 #", "date in UTC"),
        (b"schema = 2", b"schema = 3", "schema is 3"),
        (b'status = "running"', b'status = "going"', "status is 'going'"),
        (b"mean = 0.9", b"mean = 1.9", "test_accuracy is 1.9"),
        (b'name = "cnn"', b'name = "gpt"', "allowed: mlp, cnn"),
        (b"started = ", b"started = x", "is not valid TOML"),
    ],
)
def test_a_bad_one_is_named_and_hides_no_other(
    record: ExperimentRecord, old: bytes, new: bytes, part: str
) -> None:
    bad = record.folder.with_name("20261123-120000-bad")
    bad.mkdir()
    text = record.summary.read_bytes()
    assert old in text
    (bad / "summary.toml").write_bytes(text.replace(old, new))
    refused, good = glances(record.folder.parent)
    assert isinstance(refused, Unreadable)
    one_line(ResultsError(refused.reason), str(bad / "summary.toml"), part)
    assert isinstance(good, Glance)


def test_one_that_was_cut_is_refused(record: ExperimentRecord) -> None:
    text = record.summary.read_bytes()
    begin = text.index(b"[[runs]]") + 8
    ends = [end for end in range(begin + 1, len(text)) if text[end - 1 : end] != b"\n"]
    for end in ends[:: len(ends) // 50]:
        record.summary.write_bytes(text[:end])
        with pytest.raises(ResultsError, match="ends within a line"):
            glance(record.folder)
