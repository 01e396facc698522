"""Hands the runs of an experiment out to workers, and makes what they say one stream of events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.checkpoint import checkpoint_bytes, file_of
from engine.events import (
    CostMeasured,
    EpochFinished,
    Event,
    ExperimentStatus,
    Notice,
    PlanChanged,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
    Snapshot,
)
from engine.executors.job import Job
from engine.executors.last_weights import save_last_weights
from engine.executors.messages import (
    Ended,
    FeaturesReady,
    Lost,
    Message,
    Orders,
    Saved,
    Task,
)
from engine.past_experiment import ENDED

LOOK = 0.05
"""Seconds after which what the user wants is looked at again."""
TRIES = 2
"""Of a run whose worker dies."""
FROZEN = "mobilenetv2"
"""The model whose features are computed once for all workers."""

OfRun = RunStarted | Progress | EpochFinished | Snapshot | RunFinished | RunFailed


class Pool(Protocol):
    """Workers, wherever they are. A place has one worker, which trains one task at a time."""

    kind: str
    """Of device."""
    size: int
    """How many tasks are trained at the same time."""

    def free(self) -> Sequence[str]:
        """The names of the places that wait for a task."""

    def begin(self, place: str, task: Task) -> None:
        """Give a task to the worker at a free place."""

    def order(self, place: str, orders: Orders) -> None:
        """Tell the worker at a place; one that is gone hears nothing."""

    def receive(self, seconds: float) -> Iterable[tuple[str, Message]]:
        """What the workers have said, by place, each in its order; wait so long for the first."""


@dataclass
class _Group:
    """Runs that were taken from the plan to train side by side."""

    task: Task
    losses: int = 0
    """How often their worker died."""
    not_at: str = ""
    """The place where that was."""
    orders: Orders | None = None
    """The newest that were passed on."""
    skip: bool = False
    """Whether it is to be skipped, by this worker or the next."""


@dataclass
class HandOut:
    """One experiment that is handed out."""

    pool: Pool
    job: Job
    _under_way: dict[str, _Group] = field(default_factory=dict, init=False)
    """By place."""
    _again: list[_Group] = field(default_factory=list, init=False)
    """Those whose worker died, and that wait for another."""
    _stopped: bool = field(default=False, init=False)
    """Whether a group was told to stop; then the others are, too."""
    _waiting: bool = field(default=False, init=False)
    """Whether there is no worker at all."""
    _features: object = field(default=None, init=False)

    def train_all(self) -> ExperimentStatus:
        """See ``Executor``."""
        self.job.control.take_skips()
        while True:
            free = self.pool.free()
            self._begin(free)
            if not self._under_way and (free or self._stopping):
                left = any(map(self._is_left, self.job.record.runs))
                return "stopped" if self._stopping and left else "finished"
            self._tell_of_waiting()
            self._pass_on_orders()
            for place, message in self.pool.receive(LOOK):
                self._take(place, message)

    @property
    def _stopping(self) -> bool:
        return self._stopped or self.job.control.stopping

    # Handing out

    def _begin(self, free: Sequence[str]) -> None:
        for place in free:
            if self._stopping:
                return
            group = self._next_for(place)
            if group is not None:
                self._under_way[place] = group
                self.pool.begin(place, group.task)

    def _tell_of_waiting(self) -> None:
        """Once, where nobody is left who could train, until somebody is."""
        waiting = not self._under_way
        if waiting and not self._waiting:
            self.job.emit(Notice("warning", "nobody is there to train: waiting for a worker"))
        self._waiting = waiting

    def _next_for(self, place: str) -> _Group | None:
        """A group whose worker died elsewhere, or a new one. Where nothing else is left to do, a
        CPU gets one back that died there: its worker is a new process.
        """
        elsewhere = [group for group in self._again if group.not_at != place]
        here_too = self.pool.kind == "cpu" or self.pool.size == 1
        group = next(iter(elsewhere), None) or self._new_group()
        if group is None and here_too:
            group = next(iter(self._again), None)
        if group in self._again:
            self._again.remove(group)
        return group

    def _new_group(self) -> _Group | None:
        plan, job = self.job.control.plan, self.job
        runs = plan.begin_next(
            lambda run: job.at_once(run, self.pool.kind, self.pool.size), self._is_ready
        )
        if not runs:
            return None
        checkpoint = job.checkpoint_of(runs[0])
        return _Group(
            Task(
                runs,
                plan.epochs_of(runs[0]),
                job.record.settings,
                None if checkpoint is None else checkpoint_bytes(checkpoint),
                self._features,
                measure_cost=runs[0].model not in job.record.costs,
            )
        )

    def _is_ready(self, model: str) -> bool:
        """One worker computes the features; until they are there its siblings have to wait."""
        if model != FROZEN or self._features is not None:
            return True
        groups = [*self._under_way.values(), *self._again]
        return all(group.task.runs[0].model != FROZEN for group in groups)

    # What workers say

    def _take(self, place: str, message: Message) -> None:
        group = self._under_way.get(place)
        if isinstance(message, logging.LogRecord):
            logging.getLogger(message.name).handle(message)
        elif group is None:
            pass  # a worker that has no task is of no interest
        elif isinstance(message, Saved):
            self._save(group, message)
        elif isinstance(message, FeaturesReady):
            self._features = message.where
        elif isinstance(message, Ended):
            self._end(place, message)
        elif isinstance(message, Lost):
            self._lose(place, message)
        else:
            self._tell(message)

    def _tell(self, event: Event) -> None:
        """Pass an event on, unless it was told already by a worker that has died since."""
        record = self.job.record
        if isinstance(event, OfRun):
            run = record.runs[event.run]
            if run.status in ENDED:
                return
            if isinstance(event, EpochFinished) and event.result.epoch <= len(run.epochs):
                return
            if isinstance(event, Progress):
                self._note_epoch(event)
        elif isinstance(event, CostMeasured) and event.model in record.costs:
            return
        elif isinstance(event, PlanChanged):
            return  # it is of the worker's own plan
        self.job.emit(event)

    def _note_epoch(self, event: Progress) -> None:
        """The plan is told which epoch a run is in, and that it has that many at least."""
        plan = self.job.control.plan
        if event.epoch and plan.is_under_way(event.run):
            more = event.epoch - plan.epochs_of(event.run)
            if more > 0:
                plan.change_epochs(event.run, more, event.epoch)
            plan.begin_epoch(event.run, event.epoch)

    def _save(self, group: _Group, file: Saved) -> None:
        if file.name == file_of(group.task.runs[0]):
            group.task = replace(group.task, checkpoint=file.content)
        self.job.files.save(self.job.record.folder / file.name, file.content)

    def _end(self, place: str, message: Ended) -> None:
        group = self._under_way.pop(place)
        self.job.control.plan.end_group(group.task.runs[0])
        if message.status == "stopped":
            self._stopped = True
        else:
            self._forget_checkpoint(group)

    def _forget_checkpoint(self, group: _Group) -> None:
        self.job.files.forget(self.job.record.folder / file_of(group.task.runs[0]))

    # Workers that die

    def _lose(self, place: str, message: Lost) -> None:
        group = self._under_way.pop(place)
        group.not_at, group.orders = place, None
        if self._stopping:  # it has ended sooner, and what it has saved is kept
            self._again.append(group)
            return
        group.losses += 1
        left = [run for run in group.task.runs if self._is_left(run)]
        names = ", ".join(map(str, left))
        if left and group.losses < TRIES:
            text = f"{place}: {message.reason}; trained again from the last epoch: {names}"
            self.job.emit(Notice("warning", text))
            group.task = replace(group.task, features=self._features)
            self._again.append(group)
            return
        for run in left:
            error = f"its worker died twice: {message.reason}"
            logging.getLogger("mnist_tui").error("%s failed: %s", run, error)
            weights = save_last_weights(run, group.task.checkpoint, self.job)
            self.job.emit(RunFailed(run, error, weights))
        self.job.control.plan.end_group(group.task.runs[0])
        self._forget_checkpoint(group)

    def _is_left(self, run: RunId) -> bool:
        return self.job.record.runs[run].status not in ENDED

    # What the user wants

    def _pass_on_orders(self) -> None:
        control = self.job.control
        skips = control.take_skips()
        for group in (*self._under_way.values(), *self._again):
            group.skip |= None in skips or not skips.isdisjoint(group.task.runs)
        for place, group in self._under_way.items():
            first = group.task.runs[0]
            orders = Orders(
                paused=control.paused,
                stop=control.stopping and not control.stopping_after_epoch,
                stop_after_epoch=control.stopping_after_epoch or self._stopped,
                skip=group.skip,
                epochs=control.plan.epochs_of(first),
            )
            if orders != group.orders:
                self.pool.order(place, orders)
                group.orders = orders
