"""Trains the tasks that it is given, one after the other, and sends all that comes of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoint import file_of, parsed
from engine.control import Control
from engine.data import Mnist
from engine.events import Event, RunFinished
from engine.executors.local import tell_cost
from engine.executors.messages import Ended, Message, Saved, Task
from engine.files import SavedFiles
from engine.run import train_runs
from engine.workbench import Workbench


class SentFiles(SavedFiles):
    """Files that another process saves."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__(lambda notice: None)
        self._send = send

    def save(self, path: Path, content: bytes) -> bool:
        """Send a file; what the disk says to it is not known here."""
        self._send(Saved(path.name, content))
        return True


class SentLog(logging.Handler):
    """Log records for the log of another process, tracebacks made into text."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text, record.exc_info = text, None
        record.msg, record.args = record.getMessage(), None
        self._send(record)


@dataclass
class Worker:
    """One device and what is on it."""

    place: str
    device: torch.device
    mnist: Mnist
    cores: int
    """CPU cores that training may use."""
    send: Callable[[Message], None]
    share_features: Callable[[Tensor], None]
    bench: Workbench | None = field(default=None, init=False)
    """Kept from task to task, with the features."""

    def train(self, task: Task, features: Tensor | None, control: Control) -> None:
        """Train the runs of a task to the end, or until ``control``, whose plan they are, says
        otherwise.
        """
        bench = self._bench_for(task)
        bench.control = control
        bench.checkpoint = parsed(task.checkpoint) if task.checkpoint else None
        bench.checkpoint_name = file_of(task.runs[0])
        bench.known_features = features
        ends: set[str] = set()

        def emit(event: Event) -> None:
            if isinstance(event, RunFinished):
                ends.add(event.status)
            self.send(event)

        bench.emit = emit
        status = train_runs(task.runs, bench)
        if task.measure_cost and "finished" in ends:
            tell_cost(task.runs[0].model, bench)
        self.send(Ended(status))

    def _bench_for(self, task: Task) -> Workbench:
        if self.bench is None:
            self.bench = Workbench(
                task.settings,
                Path(),
                self.device,
                self.mnist,
                self.send,
                SentFiles(self.send),
                Control(),
                place=self.place,
                cores=self.cores,
                share_features=self.share_features,
            )
        return self.bench
