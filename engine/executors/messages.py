"""What workers and the one who hands out runs say to each other. All of it can be pickled."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from engine.control import Control
from engine.events import Event, RunId, RunStatus
from engine.settings import Settings


@dataclass(frozen=True)
class Task:
    """Runs to train side by side."""

    runs: tuple[RunId, ...]
    epochs: int
    settings: Settings
    checkpoint: bytes | None
    """File to go on from; None to begin anew."""
    features: Any
    """Of the frozen network: what a worker gave with ``FeaturesReady``; None if they are not
    needed, or have to be computed."""
    measure_cost: bool
    """Whether to measure, in the end, what the model costs to use."""


@dataclass(frozen=True)
class Orders:
    """What the runs under way are told, as far as they have to heed it. The newest holds."""

    paused: bool
    stop: bool
    stop_after_epoch: bool
    skip: bool
    epochs: int
    """That they are to have; not less than the epoch they are in."""


@dataclass(frozen=True)
class Saved:
    """A file for the experiment's folder, which may be on another machine."""

    name: str
    content: bytes


@dataclass(frozen=True)
class FeaturesReady:
    """The frozen features were computed, and ``where`` leads others to them."""

    where: Any


@dataclass(frozen=True)
class Ended:
    """The task has come to its end, and all its events have been sent."""

    status: RunStatus


@dataclass(frozen=True)
class Lost:
    """The worker died, or could not begin."""

    reason: str


Message = Event | logging.LogRecord | Saved | FeaturesReady | Ended | Lost


def control_of(task: Task) -> Control:
    """A control for the one who trains a task; the task's runs are its plan, and under way."""
    control = Control()
    control.plan.lay_out(task.runs, task.epochs)
    control.plan.begin_next(lambda run: len(task.runs))
    return control


def obey(orders: Orders, control: Control, run: RunId) -> None:
    """Hand orders on to the control of ``run`` and those beside it."""
    control.plan.change_epochs(run, orders.epochs - control.plan.epochs_of(run), orders.epochs)
    if orders.skip:
        control.skip_run()
    if orders.stop_after_epoch:
        control.stop_after_epoch()
    else:
        control.keep_on()
    if orders.paused:
        control.pause()
    else:
        control.resume()
    if orders.stop:
        control.stop()
