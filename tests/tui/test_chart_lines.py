"""Which curves the charts are given, and how repeats become one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import nan
from pathlib import Path

import pytest

from engine.events import EpochFinished, EpochResult, ExperimentStarted, RunId, RunStarted
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.chart_line import ChartLine, Kind
from tui.chart_lines import MOST, chart_lines
from tui.chart_options import ChartOptions
from tui.curve import Bucket
from tui.read_out import readings

ONE, TWO, THREE = (RunId("mlp", repeat) for repeat in (1, 2, 3))
CNN = RunId("cnn", 1)
LINES = ChartOptions(band=False)


def record_of(accuracies: dict[RunId, Sequence[float]]) -> ExperimentRecord:
    """An experiment whose runs came to these test accuracies, in epochs of 2 s."""
    settings = Settings(models=("mlp", "cnn"))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    runs = tuple(accuracies)
    record = ExperimentRecord.begin(ExperimentStarted("x", Path("x"), now, settings, runs, {}))
    for run, reached in accuracies.items():
        if reached:
            record.record(RunStarted(run, 1, 10, 1))
        for epoch, accuracy in enumerate(reached, start=1):
            result = EpochResult(epoch, 0.1, 0.9, 0.2, accuracy, 0.001, 2.0, 1.0, 0.0)
            record.record(EpochFinished(run, result))
    return record


def train(*runs: RunId) -> dict[RunId, tuple[Bucket, ...]]:
    return {run: (Bucket(0.5, 0.5, 0.5, 0.5),) for run in runs}


def kinds(lines: Sequence[ChartLine]) -> list[tuple[Kind, str]]:
    return [(line.kind, f"{line.model}-r{line.repeat}") for line in lines]


def test_repeats_are_one_mean_and_the_band_that_they_lie_in() -> None:
    record = record_of({ONE: [0.90, 0.96], TWO: [0.92, 0.97], THREE: [0.94, 0.95]})
    band, mean = chart_lines(record, None, "accuracy")
    assert (band.kind, mean.kind) == ("band", "test")
    assert [(p.x, p.low, p.high) for p in band.points] == [(1, 0.90, 0.94), (2, 0.95, 0.97)]
    assert [p.mean for p in mean.points] == pytest.approx([0.92, 0.96])


def test_a_mean_is_over_the_runs_that_came_so_far_and_the_one_behind_has_a_line() -> None:
    record = record_of({ONE: [0.90, 0.96, 0.97], TWO: [0.92]})
    lines = chart_lines(record, None, "accuracy")
    assert [line.kind for line in lines] == ["band", "past", "test"]
    assert [p.mean for p in lines[2].points] == pytest.approx([0.91, 0.96, 0.97])
    assert [p.mean for p in lines[1].points] == [0.92]


def test_a_repeat_that_diverged_does_not_take_the_others_with_it() -> None:
    record = record_of({ONE: [0.90, nan], TWO: [0.92, 0.97], THREE: [0.94, 0.95]})
    band, mean = chart_lines(record, None, "accuracy")
    assert [p.mean for p in mean.points] == pytest.approx([0.92, 0.96])
    assert (band.points[1].low, band.points[1].high) == (0.95, 0.97)
    reading = readings(record, "accuracy", 2)[0]
    assert (reading.test, reading.spread) == ("96.00 %", "95.00–97.00")


def test_one_run_has_no_band() -> None:
    record = record_of({ONE: [0.9], TWO: [], CNN: [0.95]})
    assert kinds(chart_lines(record, None, "accuracy")) == [("test", "mlp-r1"), ("test", "cnn-r1")]


def test_lines_instead_of_the_band_show_the_newest_run_in_full() -> None:
    record = record_of({ONE: [0.9], TWO: [0.92], THREE: [0.93]})
    assert kinds(chart_lines(record, None, "accuracy", LINES)) == [
        ("past", "mlp-r1"),
        ("past", "mlp-r2"),
        ("test", "mlp-r3"),
    ]


@pytest.mark.parametrize("options", [ChartOptions(), LINES])
def test_only_the_newest_run_of_a_model_shows_its_training(options: ChartOptions) -> None:
    record = record_of({ONE: [0.9], TWO: [0.92], THREE: [], CNN: []})
    lines = chart_lines(record, train(ONE, TWO, THREE, CNN), "accuracy", options)
    trains = [item for item in kinds(lines) if item[0] == "train"]
    assert trains == [("train", "mlp-r3"), ("train", "cnn-r1")]


def test_while_a_repeat_is_behind_the_training_of_the_furthest_stays_faintly() -> None:
    record = record_of({ONE: [0.9, 0.91, 0.92], TWO: [0.92]})
    lines = chart_lines(record, train(TWO), "accuracy")
    assert kinds(lines)[2:4] == [("raw", "mlp-r1"), ("train", "mlp-r2")]
    level = record_of({ONE: [0.9, 0.91], TWO: [0.92, 0.93]})
    assert "raw" not in [line.kind for line in chart_lines(level, train(TWO), "accuracy")]


def test_epochs_that_nobody_saw_have_the_mean_of_their_training() -> None:
    record = record_of({ONE: [0.9, 0.91, 0.92]})
    (trained, _) = chart_lines(record, {}, "accuracy")
    assert [(p.x, p.mean) for p in trained.points] == [(0.5, 0.9), (1.5, 0.9), (2.5, 0.9)]
    went_on = {ONE: (Bucket(2.1, 0.95, 0.95, 0.95), Bucket(2.6, 0.96, 0.96, 0.96))}
    (trained, _) = chart_lines(record, went_on, "accuracy")
    assert [p.x for p in trained.points] == [0.5, 1.5, 2.1, 2.6]
    seen = {ONE: (Bucket(0.1, 0.5, 0.5, 0.5), Bucket(2.9, 0.96, 0.96, 0.96))}
    (trained, _) = chart_lines(record, seen, "accuracy")
    assert [p.x for p in trained.points] == [0.1, 2.9]


def test_tests_of_every_model_lie_in_front_of_all_that_trains() -> None:
    record = record_of({ONE: [0.9], TWO: [0.92], CNN: [0.95]})
    lines = chart_lines(record, train(TWO, CNN), "accuracy", ChartOptions(smoothing=0.6))
    order = ["band", "raw", "raw", "train", "train", "test", "test"]
    assert [line.kind for line in lines] == order


def test_over_seconds_every_run_is_a_line() -> None:
    record = record_of({ONE: [0.9, 0.91], TWO: [0.92, 0.93]})
    lines = chart_lines(record, None, "accuracy", ChartOptions(seconds=True))
    assert kinds(lines) == [("past", "mlp-r1"), ("test", "mlp-r2")]
    assert [p.x for p in lines[0].points] == [2.0, 4.0]


def test_a_thousand_epochs_become_few_points_that_keep_every_extreme() -> None:
    accuracies = [0.9] * 1000
    accuracies[700], accuracies[300] = 0.1, 0.99
    record = record_of({ONE: accuracies, TWO: accuracies[:999]})
    band, past, mean = chart_lines(record, None, "accuracy")
    assert len(band.points) == len(mean.points) <= MOST
    assert min(point.low for point in band.points) == 0.1
    assert max(point.high for point in band.points) == 0.99
    assert len(past.points) <= MOST


def test_the_last_of_a_thousand_epochs_are_shown_one_by_one() -> None:
    record = record_of({ONE: [0.9 + epoch / 10_000 for epoch in range(1000)]})
    (line,) = chart_lines(record, None, "accuracy", ChartOptions(last=10))
    assert [point.x for point in line.points] == list(range(990, 1001))
