"""Trains in processes of this machine: one for each device, or several that share the CPU."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import pickle
import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from torch import Tensor

from engine.control import Control
from engine.device import choose_devices, configure, environment, physical_cores
from engine.events import ExperimentStatus, Notice
from engine.executors.hand_out import HandOut
from engine.executors.job import Job
from engine.executors.local import load_for
from engine.executors.messages import (
    Ended,
    FeaturesReady,
    Lost,
    Message,
    Orders,
    Task,
    control_of,
    obey,
)
from engine.executors.worker import SentLog, Worker
from engine.features import FEATURES
from engine.one_line import one_line
from engine.settings import Settings

PATIENCE = 5.0
"""Seconds that a worker whose pipe is closed has to be gone."""


class ProcessExecutor:
    """See ``Executor``. A program that uses it needs the usual ``if __name__ == "__main__"``, as
    the workers import its main module.
    """

    def __init__(self) -> None:
        self._devices: list[str] = []

    def prepare(self, settings: Settings) -> dict[str, str | int]:
        devices = choose_devices(settings)
        self._devices = [str(device) for device in devices]
        load_for(settings, torch.device("cpu"))  # what is wrong with the data is said now
        around = environment(devices[0], settings.threads)
        return around | {
            "device": ", ".join(dict.fromkeys(self._devices)),
            "workers": len(devices),
        }

    def train_all(self, job: Job) -> ExperimentStatus:
        with ProcessPool(self._devices, job.record.settings) as pool:
            return HandOut(pool, job).train_all()


@dataclass(frozen=True)
class Equipment:
    """What a worker process begins with."""

    place: str
    device: str
    cores: int
    settings: Settings
    features: Path
    """File for the frozen features, which the one who computes them writes."""


@dataclass
class _Place:
    equipment: Equipment
    process: BaseProcess
    connection: Connection
    busy: bool = False


class ProcessPool:
    """See ``Pool``. A worker that has died is replaced when its place gets the next task."""

    def __init__(self, devices: Sequence[str], settings: Settings) -> None:
        self.kind = devices[0].partition(":")[0]
        self.size = len(devices)
        self._context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        self._features = tempfile.TemporaryDirectory(
            prefix="mnist-tui-", ignore_cleanup_errors=True
        )
        cores = max(1, (settings.threads or physical_cores()) // self.size)
        features = Path(self._features.name) / "features"
        self._places = {
            name: self._started(Equipment(name, device, cores, settings, features))
            for name, device in zip(_names(devices), devices, strict=True)
        }

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *exception: object) -> None:
        for place in self._places.values():
            place.connection.close()
            place.process.kill()  # nothing is on its mind that was not sent
        for place in self._places.values():
            place.process.join()
        self._features.cleanup()

    def free(self) -> Sequence[str]:
        return [name for name, place in self._places.items() if not place.busy]

    def begin(self, place: str, task: Task) -> None:
        if not self._places[place].process.is_alive():
            self._places[place] = self._started(self._places[place].equipment)
        self._places[place].busy = True
        self._send(place, task)

    def order(self, place: str, orders: Orders) -> None:
        self._send(place, orders)

    def receive(self, seconds: float) -> Iterator[tuple[str, Message]]:
        speaking = {place.connection: name for name, place in self._places.items() if place.busy}
        for ready in connection.wait(list(speaking), seconds):
            assert isinstance(ready, Connection)
            name = speaking[ready]
            place = self._places[name]
            try:
                while place.busy and ready.poll():
                    message: Message = pickle.loads(ready.recv_bytes())
                    place.busy = not isinstance(message, Ended | Lost)
                    if isinstance(message, Lost):  # it is about to end, and takes no more tasks
                        place.process.kill()
                        place.process.join()
                    yield name, message
            except (EOFError, OSError):  # also in the midst of a message
                place.busy = False
                yield name, Lost(_how_it_died(place.process))

    def _started(self, equipment: Equipment) -> _Place:
        ours, theirs = self._context.Pipe()
        # As a daemon it does not outlive the program, whatever happens.
        process = self._context.Process(
            target=work, args=(theirs, equipment), name=equipment.place, daemon=True
        )
        process.start()
        theirs.close()  # so that ours ends when the worker does
        return _Place(equipment, process, ours)

    def _send(self, name: str, message: Task | Orders) -> None:
        with contextlib.suppress(OSError):  # of one that is dead ``receive`` tells
            self._places[name].connection.send_bytes(pickle.dumps(message))


def _names(devices: Sequence[str]) -> list[str]:
    """Of the places: the device, with a number where it has several workers."""
    if devices.count("cpu") == len(devices):
        return [f"worker {number}" for number in range(1, len(devices) + 1)]
    before = [devices[:index].count(device) for index, device in enumerate(devices)]
    return [
        f"{device} ({number + 1})" if devices.count(device) > 1 else device
        for device, number in zip(devices, before, strict=True)
    ]


def _how_it_died(process: BaseProcess) -> str:
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        return "its worker process does not answer"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"its worker process was ended by {signal.Signals(-code).name}"
    return f"its worker process ended with exit code {code}"


def work(pipe: Connection, equipment: Equipment) -> None:
    """What a worker process does, until the other end of ``pipe`` is closed."""
    # Ctrl-C and a closed terminal are for the one who hands out, who then tells the workers.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    sending = threading.Lock()

    def send(message: Message) -> None:
        data = pickle.dumps(message)
        with sending:
            pipe.send_bytes(data)

    post = Post(pipe)
    logging.getLogger().addHandler(SentLog(send))
    logging.captureWarnings(True)
    try:
        worker = _worker(equipment, send)
        while (task := post.next_task()) is not None:
            worker.train(task, _read_features(task.features), post.control)
    except Exception as error:
        logging.getLogger("mnist_tui").exception("%s", equipment.place)
        send(Lost(one_line(" ".join(str(error).split()) or type(error).__name__, 300)))


class Post:
    """Takes in what is sent to a worker, on a thread of its own: orders are for the task under way,
    and the next task may be there before this one's end is known.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._tasks: queue.SimpleQueue[tuple[Task, Control] | None] = queue.SimpleQueue()
        self.control = Control()
        """Of the task that ``next_task`` returned last."""
        threading.Thread(target=self._take_in, name="post", daemon=True).start()

    def next_task(self) -> Task | None:
        """Wait for a task; None when there will be none any more."""
        found = self._tasks.get()
        if found is None:
            return None
        task, self.control = found
        return task

    def _take_in(self) -> None:
        control, run = Control(), None
        try:
            while True:
                message: Task | Orders = pickle.loads(self._pipe.recv_bytes())
                if isinstance(message, Task):
                    control, run = control_of(message), message.runs[0]
                    self._tasks.put((message, control))
                elif run is not None:
                    obey(message, control, run)
        except (EOFError, OSError):
            control.stop()  # nobody listens any more
            self._tasks.put(None)


def _worker(equipment: Equipment, send: Callable[[Message], None]) -> Worker:
    device = torch.device(equipment.device)
    settings = equipment.settings
    configure(device, settings.deterministic)

    def share(features: Tensor) -> None:
        """Files that are mapped into memory are there once, however many processes read them."""
        try:
            features.cpu().contiguous().numpy().tofile(equipment.features)
        except OSError as error:
            reason = error.strerror or error
            text = f"{equipment.features.parent}: not written: {reason}"
            send(Notice("warning", f"{text}; each worker computes the features itself"))
            equipment.features.unlink(missing_ok=True)
        send(FeaturesReady(equipment.features))

    mnist = load_for(settings, device)
    return Worker(equipment.place, device, mnist, equipment.cores, send, share)


def _read_features(path: Path | None) -> Tensor | None:
    if path is None or not path.exists():
        return None
    size = path.stat().st_size // torch.float16.itemsize
    mapped = torch.from_file(str(path), shared=True, size=size, dtype=torch.float16)
    return mapped.view(-1, FEATURES)
