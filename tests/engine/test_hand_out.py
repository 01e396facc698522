"""Handing runs out to workers that die, or have to wait: workers of this process stand in for them,
which train for real, and whose messages are cut off where a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from engine_support import Recorder
from torch import Tensor

from engine.control import Control
from engine.device import environment
from engine.events import (
    CostMeasured,
    EpochFinished,
    Event,
    ExperimentStatus,
    Notice,
    Progress,
    RunFailed,
    RunId,
    RunStarted,
)
from engine.executors.hand_out import HandOut
from engine.executors.job import Job
from engine.executors.local import load_for
from engine.executors.messages import (
    Ended,
    FeaturesReady,
    Lost,
    Message,
    Orders,
    Saved,
    Task,
    control_of,
)
from engine.executors.worker import Worker
from engine.experiment import run_experiment
from engine.settings import Settings

CPU = torch.device("cpu")
MLP = [RunId("mlp", repeat) for repeat in range(1, 5)]
FROZEN = [RunId("mobilenetv2", repeat) for repeat in range(1, 4)]

Cut = Callable[[Task, list[Message]], list[Message]]
"""What is heard of all that a task has to say."""


def whole(task: Task, said: list[Message]) -> list[Message]:
    return said


class StandIn:
    """A pool of workers of this process, each of which trains a task as soon as it begins; of what
    they say one message each is heard at a time.
    """

    def __init__(self, settings: Settings, places: Sequence[str], cut: Cut) -> None:
        self.kind, self.size = "cpu", len(places)
        self._settings, self._cut = settings, cut
        self._mnist = load_for(settings, CPU)
        self._said: dict[str, list[Message]] = {place: [] for place in places}
        self.tasks: list[tuple[str, Task]] = []
        self.orders: list[Orders] = []

    def free(self) -> Sequence[str]:
        return [place for place, said in self._said.items() if not said]

    def begin(self, place: str, task: Task) -> None:
        self.tasks.append((place, task))
        said: list[Message] = []
        shared: list[Tensor] = []

        def share(features: Tensor) -> None:
            shared.append(features)
            said.append(FeaturesReady(features))

        worker = Worker(place, CPU, self._mnist, 1, said.append, share)
        worker.train(replace(task, features=None), task.features, control_of(task))
        # How much Progress there is depends on the machine, and with it who is free first.
        rare = [message for message in said if not isinstance(message, Progress)]
        self._said[place] = self._cut(task, rare)

    def order(self, place: str, orders: Orders) -> None:
        """They have done their task by then."""
        self.orders.append(orders)

    def receive(self, seconds: float) -> Iterator[tuple[str, Message]]:
        for place, said in self._said.items():
            if said:
                yield place, said.pop(0)


class StandInExecutor:
    """Hands out to a ``StandIn``."""

    def __init__(self, places: Sequence[str] = ("one", "two"), cut: Cut = whole) -> None:
        self._places, self._cut = places, cut
        self.pool: StandIn | None = None

    def prepare(self, settings: Settings) -> dict[str, str | int]:
        self.pool = StandIn(settings, self._places, self._cut)
        return environment(CPU, settings.threads)

    def train_all(self, job: Job) -> ExperimentStatus:
        assert self.pool is not None
        return HandOut(self.pool, job).train_all()

    def begun(self) -> list[tuple[str, tuple[RunId, ...]]]:
        """The tasks, each with its place, in their order."""
        assert self.pool is not None
        return [(place, task.runs) for place, task in self.pool.tasks]


def dies_with(run: RunId, behind: type[Message], times: int) -> Cut:
    """The worker of a run dies so often, right behind its first message of that kind."""
    left = [times]

    def cut(task: Task, said: list[Message]) -> list[Message]:
        if run not in task.runs or not left[0]:
            return said
        left[0] -= 1
        last = next(n for n, message in enumerate(said) if isinstance(message, behind))
        return [*said[: last + 1], Lost("it was unplugged")]

    return cut


@pytest.mark.parametrize("behind", [RunStarted, EpochFinished, Saved])
def test_run_of_a_dead_worker_goes_on_elsewhere_to_the_same_bits(
    short: Settings, behind: type[Message]
) -> None:
    settings = replace(short, repeats=3)
    executor = StandInExecutor(cut=dies_with(MLP[0], behind, 1))
    recorder = Recorder()
    record = run_experiment(settings, recorder, executor=executor)
    assert record.status == "finished"
    assert [place for place, runs in executor.begun() if MLP[0] in runs] == ["one", "two"]
    plain = run_experiment(settings)
    for run in plain.runs.values():
        losses = [epoch.test_loss for epoch in record.runs[run.id].epochs]
        assert losses == [epoch.test_loss for epoch in run.epochs]
    told = [(e.run, e.result.epoch) for e in recorder.of(EpochFinished)]
    assert len(told) == len(set(told)) == 6
    texts = [notice.text for notice in recorder.of(Notice)]
    assert [text for text in texts if "unplugged" in text and "mlp-r1" in text]
    saved = [torch.load(each.folder / "mlp-r1.pt", weights_only=True) for each in (record, plain)]
    torch.testing.assert_close(*saved, rtol=0, atol=0)


def test_run_whose_worker_dies_twice_fails_with_the_weights_of_its_last_epoch(
    short: Settings,
) -> None:
    settings = replace(short, repeats=3)
    recorder = Recorder()
    cut = dies_with(MLP[0], Saved, 2)
    record = run_experiment(settings, recorder, executor=StandInExecutor(cut=cut))
    assert record.status == "failed"
    assert [run.status for run in record.runs.values()] == ["failed", "finished", "finished"]
    (failed,) = recorder.of(RunFailed)
    assert failed.run == MLP[0] and "died twice" in failed.error and "unplugged" in failed.error
    kept = torch.load(record.folder / failed.weights, weights_only=True)
    # The second worker began with the first one's epoch, and died when it had saved the next.
    plain = run_experiment(replace(settings, repeats=1))
    assert [len(run.epochs) for run in record.runs.values()] == [2, 2, 2]
    torch.testing.assert_close(
        kept, torch.load(plain.folder / "mlp-r1.pt", weights_only=True), rtol=0, atol=0
    )
    assert not list(record.folder.glob("resume*"))


def test_alone_it_is_tried_again_where_it_was(short: Settings) -> None:
    executor = StandInExecutor(["only"], dies_with(MLP[0], EpochFinished, 1))
    assert run_experiment(short, executor=executor).status == "finished"
    assert executor.begun() == [("only", (MLP[0],)), ("only", (MLP[0],))]


@pytest.mark.parametrize(("repeats", "status"), [(1, "finished"), (2, "stopped")])
def test_told_to_end_after_its_last_epoch_it_has_finished(
    short: Settings, repeats: int, status: str
) -> None:
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.result.epoch == 2:
            control.stop_after_epoch()

    executor = StandInExecutor(["only"])
    record = run_experiment(replace(short, repeats=repeats), Recorder(react), control, executor)
    assert record.status == status


def test_skip_that_finds_no_worker_waits_for_the_next(short: Settings) -> None:
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, Notice) and "unplugged" in event.text:
            control.skip_run(MLP[0])

    executor = StandInExecutor(["only"], dies_with(MLP[0], EpochFinished, 1))
    run_experiment(replace(short, epochs=3), Recorder(react), control, executor)
    assert executor.pool is not None
    assert [orders.skip for orders in executor.pool.orders].count(True) == 1


def test_without_any_worker_it_waits_and_says_so_once(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def free(pool: StandIn) -> Sequence[str]:
        looks.append(len(looks))
        return [] if len(looks) < 5 else free_later(pool)

    free_later = StandIn.free
    monkeypatch.setattr(StandIn, "free", free)
    recorder = Recorder()
    record = run_experiment(replace(short, repeats=2), recorder, None, StandInExecutor())
    assert [run.status for run in record.runs.values()] == ["finished"] * 2
    assert [notice.text for notice in recorder.of(Notice)] == [
        "nobody is there to train: waiting for a worker"
    ]


def test_stop_ends_the_waiting_for_a_worker(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control()
    monkeypatch.setattr(StandIn, "free", lambda pool: [])

    def react(event: Event) -> None:
        if isinstance(event, Notice):
            control.stop()

    record = run_experiment(short, Recorder(react), control, StandInExecutor())
    assert record.status == "stopped"


def test_of_runs_side_by_side_those_that_had_ended_are_not_told_again(short: Settings) -> None:
    def cut(task: Task, said: list[Message]) -> list[Message]:
        if any(task.runs == runs for _, runs in executor.begun()[:-1]):
            return said
        heard = [message for message in said if not isinstance(message, Ended | CostMeasured)]
        return [*heard[:-1], Lost("behind the end of the first, before that of the second")]

    executor = StandInExecutor(["one", "two"], cut)
    recorder = Recorder()
    record = run_experiment(replace(short, repeats=2, repeats_at_once=2), recorder, None, executor)
    assert record.status == "finished"
    assert recorder.rare().count("RunFinished") == 2
    assert recorder.rare().count("EpochFinished") == 4


def test_siblings_wait_for_the_features_and_others_train_meanwhile(short: Settings) -> None:
    settings = replace(
        short,
        models=("mobilenetv2", "mlp"),
        repeats=3,
        epochs=1,
        train_limit=8,
        test_limit=4,
        cache=False,
    )
    executor = StandInExecutor()
    record = run_experiment(settings, executor=executor)
    assert record.status == "finished"
    first = executor.begun()[:2]
    assert first == [("one", (FROZEN[0],)), ("two", (MLP[0],))]
    assert executor.pool is not None
    given = [
        task.features is not None
        for _, task in executor.pool.tasks
        if "mobile" in str(task.runs[0])
    ]
    assert given == [False, True, True]


def test_runs_are_shared_out_evenly_where_they_gain_from_each_other(short: Settings) -> None:
    executor = StandInExecutor(["one", "two", "three"])
    run_experiment(replace(short, repeats=4, repeats_at_once=0, epochs=1), executor=executor)
    assert [runs for _, runs in executor.begun()] == [tuple(MLP[:2]), tuple(MLP[2:])]
