"""The runs of an experiment in their order, which may be changed while it trains.

Any thread may call ``add``, ``remove``, ``move`` and ``change_epochs``; the training thread takes
the runs from the front, in groups that train side by side. What has begun keeps its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from engine.events import PlanChanged, PlannedRun, RunId


def _any(model: str) -> bool:
    return True


@dataclass
class Group:
    """Runs that train side by side, by their places in the plan."""

    places: range
    epoch: int = 0
    """That they are in."""


class Plan:
    """Empty until ``lay_out``. Those that have begun come first, then the queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: list[PlannedRun] = []
        self._begun = 0
        """So many have, the ended ones included."""
        self._under_way: list[Group] = []
        self._closed = True
        self._version = 0

    def state(self) -> PlanChanged:
        """All runs, those that have ended included; the version grows with every change."""
        with self._lock:
            return PlanChanged(self._version, tuple(self._runs))

    def lay_out(self, runs: Iterable[RunId], epochs: int) -> None:
        """Begin with these."""
        self._lay_out([PlannedRun(run, epochs) for run in runs], ended=0, version=0)

    def lay_out_rest(self, runs: Iterable[PlannedRun], ended: int) -> None:
        """Begin with these, of which so many have ended already. The version is 1."""
        self._lay_out(list(runs), ended, version=1)

    def _lay_out(self, runs: list[PlannedRun], ended: int, version: int) -> None:
        with self._lock:
            self._runs, self._version = runs, version
            self._begun = ended
            self._under_way = []
            self._closed = False

    def begin_next(
        self, at_once: Callable[[RunId], int], ready: Callable[[str], bool] = _any
    ) -> tuple[RunId, ...]:
        """Take the next runs from the queue: one, or several like it that follow each other.

        Args:
            at_once: how many runs may train side by side, the given one the first of them.
            ready: whether runs of a model can begin; those that cannot are passed over.

        Returns:
            Runs of one model with as many epochs each; none if no run is ready. If the queue is
            empty and nothing is under way, nothing can be added any more.
        """
        with self._lock:
            queue = self._runs[self._begun :]
            if not queue and not self._under_way:
                self._closed = True
            index = next((i for i, each in enumerate(queue) if ready(each.run.model)), None)
            if index is None:
                return ()
            chosen = _alike(queue[index : index + at_once(queue[index].run)])
            if index:
                rest = queue[:index] + queue[index + len(chosen) :]
                self._runs[self._begun :] = [*chosen, *rest]
                self._version += 1
            places = range(self._begun, self._begun + len(chosen))
            self._begun = places.stop
            self._under_way.append(Group(places))
            return tuple(planned.run for planned in chosen)

    def epochs_of(self, run: RunId) -> int:
        """How many epochs a run is to have.

        Raises:
            KeyError: it is not planned.
        """
        with self._lock:
            return {planned.run: planned.epochs for planned in self._runs}[run]

    def begin_epoch(self, run: RunId, epoch: int) -> int:
        """Return how many epochs a run under way, and those beside it, are to have, or 0 if
        ``epoch`` is beyond: then they have ended.
        """
        with self._lock:
            group = self._group_of(run)
            if group is None:
                return 0
            epochs = self._runs[group.places[0]].epochs
            if epoch > epochs:
                self._under_way.remove(group)
                return 0
            group.epoch = epoch
            return epochs

    def _group_of(self, run: RunId) -> Group | None:
        groups = (g for g in self._under_way if run in [self._runs[p].run for p in g.places])
        return next(groups, None)

    def add(self, model: str, epochs: int) -> RunId | None:
        """Queue one more run of a model; return its id, or None if the queue has come to its end.

        Its number is one more than the model's highest.
        """
        with self._lock:
            if self._closed:
                return None
            repeats = [planned.run.repeat for planned in self._runs if planned.run.model == model]
            run = RunId(model, max(repeats, default=0) + 1)
            self._runs.append(PlannedRun(run, epochs))
            self._version += 1
            return run

    def remove(self, run: RunId) -> bool:
        """Take a run out of the queue; return False if it is not there."""
        with self._lock:
            index = self._queued(run)
            if index is None:
                return False
            del self._runs[index]
            self._version += 1
            return True

    def move(self, run: RunId, places: int) -> bool:
        """Move a run so many places back in the queue, forward if negative, as far as there are
        places; return False if it stays where it is.
        """
        with self._lock:
            index = self._queued(run)
            if index is None:
                return False
            target = min(max(self._begun, index + places), len(self._runs) - 1)
            if target == index:
                return False
            self._runs.insert(target, self._runs.pop(index))
            self._version += 1
            return True

    def change_epochs(self, run: RunId, more: int, most: int) -> int | None:
        """Give a run so many epochs more, or fewer, but at least one and at most ``most``.

        Runs under way side by side share the number. It is not less than the epoch they are in, and
        the learning rate's schedule is laid out anew over it from their next epoch on.

        Returns:
            How many it is to have now; None if it has ended or is not planned.
        """
        with self._lock:
            index, group = self._queued(run), self._group_of(run)
            least = 1
            if index is not None:
                chosen = range(index, index + 1)
            elif group is not None:
                chosen, least = group.places, max(1, group.epoch)
            else:
                return None
            epochs = min(max(least, self._runs[chosen[0]].epochs + more), most)
            for place in chosen:
                self._runs[place] = replace(self._runs[place], epochs=epochs)
            self._version += 1
            return epochs

    def end_group(self, run: RunId) -> None:
        """A run and those beside it have ended: nothing about them can be changed any more."""
        with self._lock:
            group = self._group_of(run)
            if group is not None:
                self._under_way.remove(group)

    @property
    def closed(self) -> bool:
        """Whether no run can be added any more, or not yet."""
        return self._closed

    def close(self) -> None:
        """No run will be taken any more."""
        with self._lock:
            self._closed = True

    def is_under_way(self, run: RunId) -> bool:
        """Whether a run has begun and not ended."""
        with self._lock:
            return self._group_of(run) is not None

    def _queued(self, run: RunId) -> int | None:
        queue = enumerate(self._runs[self._begun :], self._begun)
        return next((index for index, planned in queue if planned.run == run), None)


def _alike(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Those at the front that are of one model with as many epochs each."""
    first = runs[0]
    kind = (first.run.model, first.epochs)
    return list(takewhile(lambda each: (each.run.model, each.epochs) == kind, runs))
