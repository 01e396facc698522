"""The estimate counts evaluations and queued runs, and admits what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.events import (
    EpochFinished,
    EpochResult,
    ExperimentStarted,
    Phase,
    Progress,
    RunId,
    RunStarted,
)
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.eta import estimate, fraction_done

MLP, MLP2, CNN = RunId("mlp", 1), RunId("mlp", 2), RunId("cnn", 1)


def begin(*runs: RunId, epochs: int = 10, workers: int = 0) -> ExperimentRecord:
    models = tuple(dict.fromkeys(run.model for run in runs))
    settings = Settings(models=models, epochs=epochs)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    around: dict[str, str | int] = {"workers": workers} if workers else {}
    return ExperimentRecord.begin(ExperimentStarted("id", Path("x"), now, settings, runs, around))


def epoch(number: int, seconds: float = 4.0, evaluation: float = 1.0) -> EpochResult:
    return EpochResult(number, 0.1, 0.9, 0.1, 0.9, 0.001, seconds, 1000.0, evaluation)


def progress(run: RunId, phase: Phase, number: int, step: int, seconds: float) -> Progress:
    latest = (0.1, 0.9, 1.0, seconds)
    return Progress(run, phase, number, step, 100, *latest, seconds, 0.1, 0.9)


def test_evaluation_and_queued_runs_are_counted() -> None:
    record = begin(MLP, MLP2)
    record.record(RunStarted(MLP, 1, 10, 1))
    for number in (1, 2, 3, 4):
        record.record(EpochFinished(MLP, epoch(number)))
    eta = estimate(record, {})
    assert eta.runs[MLP] == pytest.approx(6 * 5.0)
    assert eta.runs[MLP2] == pytest.approx(6 * 5.0 + 10 * 5.0)
    assert eta.total == eta.runs[MLP2]
    assert eta.complete


def test_an_unmeasured_model_makes_the_total_a_lower_bound() -> None:
    record = begin(MLP, CNN, MLP2)
    record.record(RunStarted(MLP, 1, 10, 1))
    record.record(EpochFinished(MLP, epoch(1)))
    eta = estimate(record, {})
    assert CNN not in eta.runs
    assert MLP2 not in eta.runs  # it comes after the unknown one
    assert not eta.complete
    assert eta.total == pytest.approx(9 * 5.0 + 10 * 5.0)


def test_the_first_epoch_is_estimated_from_its_steps() -> None:
    record = begin(MLP, epochs=2)
    record.record(RunStarted(MLP, 1, 2, 1))
    eta = estimate(record, {MLP: progress(MLP, "train", 1, 50, seconds=4.5)})
    # 9 s of training for an epoch, 10 s with its evaluation: 0.55 and one whole epoch are left.
    assert eta.total == pytest.approx(15.5)


def test_the_first_moments_of_the_first_epoch_are_no_measure() -> None:
    record = begin(MLP)
    record.record(RunStarted(MLP, 1, 10, 1))
    assert MLP not in estimate(record, {MLP: progress(MLP, "train", 1, 3, 0.9)}).runs
    assert MLP in estimate(record, {MLP: progress(MLP, "train", 1, 3, 1.1)}).runs
    assert MLP in estimate(record, {MLP: progress(MLP, "train", 1, 60, 0.2)}).runs


def test_features_are_estimated_from_their_own_rate() -> None:
    run = RunId("mobilenetv2", 1)
    record = begin(run)
    record.record(RunStarted(run, 1, 10, 1))
    now = progress(run, "features", 0, 25, seconds=10.0)
    assert estimate(record, {run: now}).total == pytest.approx(30.0)
    assert fraction_done(record.runs[run], now) == 0.25


def test_an_unfinished_features_computation_makes_the_total_a_lower_bound() -> None:
    run = RunId("mobilenetv2", 1)
    record = begin(run)
    record.record(RunStarted(run, 1, 10, 1))
    assert not estimate(record, {run: progress(run, "features", 0, 25, seconds=10.0)}).complete


def test_nothing_is_left_at_the_end_of_the_last_epoch() -> None:
    record = begin(MLP, epochs=1)
    record.record(RunStarted(MLP, 1, 1, 1))
    record.record(EpochFinished(MLP, epoch(1)))
    assert estimate(record, {}).total == 0.0
    assert fraction_done(record.runs[MLP], None) == 1.0


def test_the_first_evaluation_is_estimated_from_its_own_steps() -> None:
    record = begin(MLP, epochs=2)
    record.record(RunStarted(MLP, 1, 2, 1))
    now = Progress(MLP, "test", 1, 50, 100, 0.1, 0.9, 1.0, 2.0, 10.0, 0.1, 0.9)
    # 8 s of training and 4 s of evaluation make an epoch of 12 s.
    assert estimate(record, {MLP: now}).total == pytest.approx(12.0 + 0.05 * 12, abs=1.0)


def test_stopping_leaves_only_the_epoch_under_way() -> None:
    record = begin(MLP, MLP2)
    record.record(RunStarted(MLP, 1, 10, 1))
    record.record(EpochFinished(MLP, epoch(1)))
    eta = estimate(record, {}, stopping=True)
    assert eta.total == pytest.approx(5.0)
    assert eta.runs.keys() == {MLP}
    assert eta.complete


def test_runs_side_by_side_end_together_when_the_work_of_all_is_done() -> None:
    record = begin(MLP, MLP2, CNN)
    for run in (MLP, MLP2):
        record.record(RunStarted(run, 1, 10, 1))
        record.record(EpochFinished(run, epoch(1)))  # each run's share: 5 s
    eta = estimate(record, {})
    assert eta.runs == {MLP: pytest.approx(2 * 9 * 5.0), MLP2: pytest.approx(2 * 9 * 5.0)}
    assert not eta.complete


def test_the_first_epoch_of_runs_side_by_side_is_counted_once() -> None:
    record = begin(MLP, MLP2, epochs=2)
    for run in (MLP, MLP2):
        record.record(RunStarted(run, 1, 2, 1))
    now = {run: progress(run, "train", 1, 50, seconds=4.5) for run in (MLP, MLP2)}
    # 10 s for an epoch of both: half of the training of the first, and the second, are left.
    assert estimate(record, now).total == pytest.approx(15.5)


def test_features_for_runs_side_by_side_are_counted_once() -> None:
    runs = [RunId("mobilenetv2", repeat) for repeat in (1, 2)]
    record = begin(*runs)
    for run in runs:
        record.record(RunStarted(run, 1, 10, 1))
    now = {run: progress(run, "features", 0, 25, seconds=10.0) for run in runs}
    eta = estimate(record, now)
    assert eta.total == pytest.approx(30.0)
    assert not eta.complete


def test_several_workers_share_out_the_queue_the_first_that_is_free_takes_the_next() -> None:
    runs = [RunId("mlp", repeat) for repeat in (1, 2, 3, 4)]
    record = begin(*runs, workers=2)
    for run, place, epochs in ((runs[0], "worker 1", 4), (runs[1], "worker 2", 8)):
        record.record(RunStarted(run, 1, 10, 1, place=place))
        for number in range(1, epochs + 1):
            record.record(EpochFinished(run, epoch(number)))
    eta = estimate(record, {})
    assert eta.runs == {
        runs[0]: pytest.approx(6 * 5.0),
        runs[1]: pytest.approx(2 * 5.0),
        runs[2]: pytest.approx(2 * 5.0 + 10 * 5.0),
        runs[3]: pytest.approx(6 * 5.0 + 10 * 5.0),
    }
    assert eta.total == eta.runs[runs[3]]
    assert eta.complete


def test_what_one_worker_needs_is_known_while_another_is_not_measured() -> None:
    record = begin(MLP, CNN, MLP2, workers=2)
    for run, place in ((MLP, "worker 1"), (CNN, "worker 2")):
        record.record(RunStarted(run, 1, 10, 1, place=place))
    record.record(EpochFinished(MLP, epoch(1)))
    eta = estimate(record, {})
    assert eta.runs == {MLP: pytest.approx(9 * 5.0)}
    assert not eta.complete


def test_groups_of_one_model_are_not_taken_for_one() -> None:
    record = begin(MLP, MLP2, epochs=2, workers=2)
    for run, place in ((MLP, "worker 1"), (MLP2, "worker 2")):
        record.record(RunStarted(run, 1, 2, 1, place=place))
    now = {run: progress(run, "train", 1, 50, seconds=4.5) for run in (MLP, MLP2)}
    # 10 s for an epoch of each, as if the other were not there.
    assert estimate(record, now).total == pytest.approx(15.5)


@pytest.mark.parametrize("workers", [-3, 0, 10**12])
def test_no_number_of_workers_in_a_summary_breaks_it(workers: int) -> None:
    record = begin(MLP, MLP2, workers=workers)
    assert not estimate(record, {}).complete
