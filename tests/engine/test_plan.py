"""The queue of runs: in which order they are taken, and what may be changed while one trains."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace

import pytest
from engine_support import Recorder

from engine.control import Control
from engine.events import (
    EpochFinished,
    Event,
    ExperimentStarted,
    PlanChanged,
    Progress,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.experiment import run_experiment
from engine.plan import Plan
from engine.records import ExperimentRecord
from engine.settings import Settings

MLP = [RunId("mlp", repeat) for repeat in range(1, 5)]
CNN = [RunId("cnn", repeat) for repeat in range(1, 3)]

MOST = 10_000


def alone(run: RunId) -> int:
    return 1


@pytest.fixture
def plan() -> Plan:
    """Two runs of mlp, then two of cnn, three epochs each."""
    plan = Plan()
    plan.lay_out([*MLP[:2], *CNN], 3)
    return plan


def order(plan: Plan) -> list[RunId]:
    return [planned.run for planned in plan.state().runs]


def test_runs_are_taken_from_the_front_until_there_are_none(plan: Plan) -> None:
    taken = []
    while group := plan.begin_next(alone):
        taken += group
        plan.end_group(group[0])
    assert taken == [*MLP[:2], *CNN]
    assert plan.add("mlp", 3) is None, "nobody would train it"


def test_runs_side_by_side_are_of_one_model_with_as_many_epochs(plan: Plan) -> None:
    assert plan.begin_next(lambda run: 10) == (MLP[0], MLP[1])
    assert plan.change_epochs(CNN[1], 2, MOST) == 5
    assert plan.begin_next(lambda run: 10) == (CNN[0],)
    assert plan.begin_next(lambda run: 10) == (CNN[1],)


def test_no_more_run_side_by_side_than_the_model_may(plan: Plan) -> None:

    def at_once(run: RunId) -> int:
        return {"mlp": 1, "cnn": 2}[run.model]

    assert plan.begin_next(at_once) == (MLP[0],)
    assert plan.begin_next(at_once) == (MLP[1],)
    assert plan.begin_next(at_once) == (CNN[0], CNN[1])


def test_groups_under_way_at_the_same_time_are_changed_each_on_its_own(plan: Plan) -> None:
    plan.begin_next(lambda run: 2)
    plan.begin_next(alone)
    plan.begin_epoch(MLP[0], 3)
    plan.begin_epoch(CNN[0], 1)
    assert plan.change_epochs(MLP[1], -2, MOST) == 3, "they are in the third"
    assert plan.change_epochs(CNN[0], -2, MOST) == 1
    plan.end_group(MLP[1])
    assert [plan.is_under_way(run) for run in (*MLP[:2], *CNN)] == [False, False, True, False]


def test_runs_that_are_not_ready_are_passed_over_and_keep_their_order(plan: Plan) -> None:
    def ready(model: str) -> bool:
        return model != "mlp"

    assert plan.begin_next(alone, ready) == (CNN[0],)
    assert order(plan) == [CNN[0], *MLP[:2], CNN[1]]
    assert plan.begin_next(alone, ready) == (CNN[1],)
    assert plan.begin_next(alone, ready) == ()
    assert plan.add("mlp", 3) == MLP[2], "there is still something under way"
    assert plan.begin_next(alone) == (MLP[0],)


def test_a_run_moves_within_the_queue_alone(plan: Plan) -> None:
    plan.begin_next(alone)
    assert plan.move(CNN[1], -1)
    assert order(plan) == [MLP[0], MLP[1], CNN[1], CNN[0]]
    assert plan.move(CNN[1], -10)
    assert order(plan) == [MLP[0], CNN[1], MLP[1], CNN[0]]
    assert plan.move(CNN[1], 10)
    assert order(plan) == [MLP[0], MLP[1], CNN[0], CNN[1]]
    version = plan.state().version
    assert not plan.move(CNN[1], 1), "the last has no place behind it"
    assert not plan.move(MLP[0], 1), "it has begun"
    assert plan.state().version == version


def test_a_run_is_removed_only_before_it_begins(plan: Plan) -> None:
    plan.begin_next(alone)
    assert plan.remove(MLP[1])
    assert not plan.remove(MLP[0])
    assert not plan.remove(MLP[1])
    assert order(plan) == [MLP[0], *CNN]
    assert plan.begin_next(alone) == (CNN[0],)


def test_an_added_run_is_the_models_next_and_the_last_in_the_queue(plan: Plan) -> None:
    assert plan.add("mlp", 7) == MLP[2]
    assert plan.add("mobilenetv2", 1) == RunId("mobilenetv2", 1)
    assert order(plan) == [*MLP[:2], *CNN, MLP[2], RunId("mobilenetv2", 1)]
    assert plan.epochs_of(MLP[2]) == 7


def test_epochs_of_runs_under_way_are_shared_and_not_taken_back(plan: Plan) -> None:
    plan.begin_next(lambda run: 2)
    assert plan.begin_epoch(MLP[0], 1) == plan.begin_epoch(MLP[1], 2) == 3
    assert plan.change_epochs(MLP[1], -2, MOST) == 2
    assert [plan.epochs_of(run) for run in MLP[:2]] == [2, 2], "the second epoch has begun"
    assert plan.begin_epoch(MLP[0], 3) == 0
    assert [plan.epochs_of(run) for run in CNN] == [3, 3]


def test_a_run_that_has_ended_keeps_its_epochs(plan: Plan) -> None:
    while group := plan.begin_next(alone):
        plan.end_group(group[0])
        assert plan.change_epochs(group[0], 9, MOST) is None
    assert plan.change_epochs(CNN[1], 9, MOST) is None, "the last has ended, too"
    with pytest.raises(KeyError):
        plan.epochs_of(RunId("cnn", 9))


def test_epochs_stay_within_their_limits(plan: Plan) -> None:
    assert plan.change_epochs(CNN[0], -9, MOST) == 1
    assert plan.change_epochs(CNN[0], 9, 7) == 7
    assert plan.change_epochs(RunId("cnn", 9), 1, MOST) is None, "it is not planned"


def test_a_run_that_has_had_its_epochs_is_not_under_way_any_more(plan: Plan) -> None:
    plan.begin_next(alone)
    assert plan.is_under_way(MLP[0])
    assert plan.begin_epoch(MLP[0], 4) == 0
    assert not plan.is_under_way(MLP[0])
    assert plan.change_epochs(MLP[0], 1, MOST) is None
    plan.close()
    assert plan.add("mlp", 1) is None, "nobody would train it"


# Whole experiments: the plan is changed while the first run is in its first epoch.


def trained(settings: Settings, change: Callable[[Plan], object]) -> tuple[Recorder, Control]:
    """Run an experiment; change its plan at the first progress of the first run."""
    control = Control()
    changed = []

    def react(event: Event) -> None:
        if isinstance(event, Progress) and not changed:
            changed.append(change(control.plan))

    recorder = Recorder(react)
    run_experiment(settings, recorder, control)
    assert changed, "the plan was never changed"
    return recorder, control


def epochs(recorder: Recorder) -> dict[RunId, int]:
    """How many epochs each run had, in the order they ended."""
    ends = [event.run for event in recorder.of(RunFinished)]
    finished = [event.run for event in recorder.of(EpochFinished)]
    return {run: finished.count(run) for run in ends}


def test_queue_is_trained_in_its_new_order(both: Settings) -> None:
    settings = replace(both, repeats=2, epochs=1)
    recorder, _ = trained(settings, lambda plan: plan.move(CNN[1], -2))
    assert [event.run for event in recorder.of(RunStarted)] == [MLP[0], CNN[1], MLP[1], CNN[0]]


def test_removed_run_is_not_trained_and_an_added_one_is(short: Settings) -> None:
    def change(plan: Plan) -> None:
        plan.remove(MLP[1])
        plan.add("cnn", 1)

    recorder, _ = trained(replace(short, repeats=3), change)
    assert epochs(recorder) == {MLP[0]: 2, MLP[2]: 2, CNN[0]: 1}
    seeds = {event.run: event.seed for event in recorder.of(RunStarted)}
    assert seeds == {MLP[0]: 1234, MLP[2]: 1236, CNN[0]: 1234}


def test_run_under_way_and_a_queued_one_get_other_epochs(short: Settings) -> None:
    def change(plan: Plan) -> None:
        plan.change_epochs(MLP[0], 1, MOST)
        plan.change_epochs(MLP[1], -1, MOST)

    recorder, _ = trained(replace(short, repeats=2, schedule="cosine"), change)
    assert epochs(recorder) == {MLP[0]: 3, MLP[1]: 1}
    rates = [e.result.learning_rate for e in recorder.of(EpochFinished) if e.run == MLP[0]]
    assert rates[1] > rates[2], "the schedule is laid out over three epochs from the second on"
    assert rates[2] == pytest.approx(rates[1] * 0.0, abs=rates[0] * 0.01)


def test_epochs_below_the_one_under_way_end_the_run_with_it(short: Settings) -> None:
    recorder, _ = trained(
        replace(short, epochs=5), lambda plan: plan.change_epochs(MLP[0], -4, MOST)
    )
    assert epochs(recorder) == {MLP[0]: 1}
    assert recorder.of(RunFinished)[0].status == "finished"


def test_a_changed_plan_trains_a_queued_run_to_the_same_bits(short: Settings) -> None:
    plain = Recorder()
    run_experiment(replace(short, repeats=2), plain)
    changed, _ = trained(replace(short, repeats=3), lambda plan: plan.remove(MLP[2]))

    def losses(recorder: Recorder) -> list[float]:
        return [event.result.test_loss for event in recorder.of(EpochFinished)]

    assert losses(changed) == losses(plain)


def test_the_change_is_told_and_the_summary_says_what_was_planned(short: Settings) -> None:
    def change(plan: Plan) -> None:
        plan.remove(MLP[1])
        plan.add("cnn", 1)

    recorder, control = trained(replace(short, repeats=2), change)
    told = recorder.of(PlanChanged)[-1]
    assert told == control.plan.state()
    record = ExperimentRecord.begin(recorder.of(ExperimentStarted)[0])
    for event in recorder.events:
        record.record(event)
    assert list(record.runs) == [MLP[0], CNN[0]]
    saved = tomllib.loads(record.summary.read_text(encoding="utf-8"))
    planned = {(run["model"], run["planned_epochs"]) for run in saved["runs"]}
    assert planned == {("mlp", 2), ("cnn", 1)}
    assert [model["name"] for model in saved["models"]] == ["mlp", "cnn"]


def test_of_two_changes_the_newer_counts_whichever_is_heard_first(short: Settings) -> None:
    recorder = Recorder()
    run_experiment(replace(short, epochs=1, repeats=2), recorder)
    record = ExperimentRecord.begin(recorder.of(ExperimentStarted)[0])
    plan = Plan()
    plan.lay_out(record.runs, 1)
    plan.change_epochs(MLP[1], 1, MOST)
    older = plan.state()
    plan.change_epochs(MLP[1], 1, MOST)
    record.record(plan.state())
    record.record(older)
    assert record.runs[MLP[1]].planned_epochs == 3
