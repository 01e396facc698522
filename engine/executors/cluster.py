"""Trains on a Ray cluster, or on one that is started here. The one file that imports ray.

Every group of runs is a Ray task; Ray decides where it runs. What it says, and what it is told,
goes through an actor on this machine. MNIST and the frozen features are in Ray's object store,
which brings them to a node once, however many tasks train there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import ray
import torch
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from torch import Tensor

from engine.control import Control
from engine.data import Mnist
from engine.device import DeviceError, configure, environment, installed, physical_cores
from engine.events import ExperimentStatus, Progress
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
from engine.one_line import one_line
from engine.settings import Settings

ORDERS_EVERY = 1.0
"""Seconds after which a task asks for orders anew; one that comes meanwhile is heard at once."""
TOGETHER = 0.2
"""Seconds for which messages gather before they are fetched: every call costs the actor time."""
MOST_ON_THEIR_WAY = 100
"""Messages of a task after which it is looked which have arrived."""
ADDRESS = re.compile(r"(ray://)?(?P<host>.+):(?P<port>\d+)")
CONNECT_WITHIN = 5.0
"""Seconds."""
NODES_EVERY = 1.0
"""Seconds after which it is looked at again how many tasks the cluster can train."""


class RayExecutor:
    """See ``Executor``."""

    def __init__(self) -> None:
        self._kind = "cpu"
        self._mnist: Mnist | None = None
        self._started = False

    def prepare(self, settings: Settings) -> dict[str, str | int]:
        self._mnist = load_for(settings, torch.device("cpu"))
        self._started = not ray.is_initialized()
        if self._started:
            _connect(settings.ray)
        wanted = settings.device.partition(":")[0]
        has_gpus = ray.cluster_resources().get("GPU", 0) >= 1
        if wanted not in ("auto", "cpu", "cuda") or (wanted == "cuda" and not has_gpus):
            self._leave()
            have = "auto, cpu, cuda" if has_gpus else "auto, cpu"
            raise DeviceError(f"device: {settings.device!r} is not in the cluster; it has {have}")
        self._kind = "cuda" if has_gpus and wanted != "cpu" else "cpu"
        around = environment(torch.device("cpu"), settings.threads or 1)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        return around | {
            "device": self._kind,
            "device_name": _names(nodes) if self._kind == "cuda" else around["device_name"],
            "ray": installed("ray"),
            "nodes": len(nodes),
        }

    def train_all(self, job: Job) -> ExperimentStatus:
        assert self._mnist is not None  # prepare() came first
        try:
            with RayPool(self._kind, self._mnist, job.record.settings) as pool:
                return HandOut(pool, job).train_all()
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._started:
            ray.shutdown()


def _connect(address: str) -> None:
    """Raises ``DeviceError`` where there is no cluster."""
    own: dict[str, Any] = {"num_cpus": physical_cores(), "include_dashboard": False}
    where = own if address == "local" else {"address": address}
    try:
        if (at := ADDRESS.fullmatch(address)) is not None:  # Ray would try for minutes
            socket.create_connection((at["host"], int(at["port"])), CONNECT_WITHIN).close()
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        reason = one_line(" ".join(str(error).split()), 200)
        raise DeviceError(f"ray: {address!r} cannot be reached: {reason}") from error


def _names(nodes: Sequence[dict[str, Any]]) -> str:
    """The kinds of GPU, as Ray calls them."""
    prefix = "accelerator_type:"
    found = {name for node in nodes for name in node["Resources"] if name.startswith(prefix)}
    return ", ".join(sorted(name.removeprefix(prefix) for name in found)) or "GPU"


class RayPool:
    """See ``Pool``. A place is a Ray task; a lost one is never the same again."""

    def __init__(self, kind: str, mnist: Mnist, settings: Settings) -> None:
        self.kind = kind
        self._cores = settings.threads or 1
        self._needs = {"CPU": self._cores} | ({"GPU": 1} if kind == "cuda" else {})
        self._fitting, self._looked = 0, -NODES_EVERY
        self.size = max(1, self._fit())
        self._count = 0
        """Of tasks so far."""
        self._tasks: dict[str, ray.ObjectRef[None]] = {}
        self._lines: dict[str, Line] = {}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._mailbox = Mailbox.options(num_cpus=0, scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self._mnist = ray.put({name: tensor.numpy() for name, tensor in vars(mnist).items()})

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *exception: object) -> None:
        for task in self._tasks.values():
            ray.cancel(task, force=True)
        ray.kill(self._mailbox)

    def _fit(self) -> int:
        """How many tasks the nodes that are alive can train at the same time."""
        if time.monotonic() - self._looked >= NODES_EVERY:
            self._looked = time.monotonic()
            alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            self._fitting = sum(
                int(min(has.get(name, 0) // number for name, number in self._needs.items()))
                for has in alive
            )
        return self._fitting

    def free(self) -> Sequence[str]:
        free = max(0, self._fit() - len(self._tasks))
        return [f"task {self._count + number}" for number in range(1, free + 1)]

    def begin(self, place: str, task: Task) -> None:
        self._count += 1
        options = {"num_cpus": self._needs["CPU"], "num_gpus": self._needs.get("GPU", 0)}
        # Its features are an object in the store, which Ray brings to where the task runs.
        features = task.features[0] if task.features else None
        self._tasks[place] = train_task.options(**options).remote(
            self._mailbox, place, task, self._mnist, features, self._cores
        )

    def order(self, place: str, orders: Orders) -> None:
        with contextlib.suppress(RayError):
            ray.get(self._mailbox.order.remote(place, orders))  # or they might change places

    def receive(self, seconds: float) -> Iterator[tuple[str, Message]]:
        yield from self._new(max(seconds, TOGETHER))
        done = ray.wait(list(self._tasks.values()), timeout=0)[0] if self._tasks else []
        if done:  # all that those had to say was said before
            yield from self._new(0)
        for place in [place for place, task in self._tasks.items() if task in done]:
            task = self._tasks.pop(place)
            self._lines.pop(place, None)
            try:
                ray.get(task)
            except RayError as error:
                yield place, Lost(_reason(error))

    def _new(self, seconds: float) -> Iterator[tuple[str, Message]]:
        for place, number, message in ray.get(self._mailbox.take.remote(seconds)):
            line = self._lines.setdefault(place, Line())
            for each in line.in_order(number, message):
                if isinstance(each, Ended):
                    self._tasks.pop(place, None)
                    del self._lines[place]
                yield place, each


def _reason(error: RayError) -> str:
    said = str(error).strip().splitlines() or [type(error).__name__]
    return one_line(f"Ray lost its task: {said[-1].strip() or said[0]}", 300)


class Line:
    """The messages of one task, which Ray may bring in another order than they were sent."""

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, Message] = {}

    def in_order(self, number: int, message: Message) -> Iterator[Message]:
        """Those that it is the turn of, now that this one has come."""
        self._early[number] = message
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next += 1


@ray.remote
class Mailbox:
    """What tasks have said, and what they are told."""

    def __init__(self) -> None:
        self._said: list[tuple[str, int, Message]] = []
        self._orders: dict[str, list[Orders]] = {}
        self._news = asyncio.Event()
        self._ordered = asyncio.Event()

    async def put(self, place: str, number: int, message: Message) -> None:
        self._said.append((place, number, message))
        self._news.set()

    async def take(self, seconds: float) -> list[tuple[str, int, Message]]:
        """All that is new; waits so long for something, and then for what comes with it."""
        if seconds:
            await _within(seconds, self._news)
            await asyncio.sleep(TOGETHER if self._said else 0)
        said, self._said = self._said, []
        self._news.clear()
        return said

    async def order(self, place: str, orders: Orders) -> None:
        self._orders.setdefault(place, []).append(orders)
        self._ordered.set()
        self._ordered = asyncio.Event()

    async def orders(self, place: str, seconds: float) -> list[Orders]:
        """All that are new for a task; waits so long for some."""
        if place not in self._orders:
            await _within(seconds, self._ordered)
        return self._orders.pop(place, [])

    async def keep(self, features: Any) -> list[Any]:
        """Put features into the store as this actor's own, as the task that has computed them may
        be gone before they are used. In a list, as Ray would fetch a bare reference.
        """
        return [ray.put(features)]


async def _within(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


@ray.remote(max_retries=0)  # who hands out counts the tries, and knows what to go on from
def train_task(mailbox: Any, place: str, task: Task, mnist: Any, features: Any, cores: int) -> None:
    """Train the runs of a task on the node and the device that Ray has chosen."""

    send = Sender(mailbox, place)

    def share(found: Tensor) -> None:
        send(FeaturesReady(ray.get(mailbox.keep.remote(found.cpu().numpy()))))

    logging.getLogger().addHandler(log := SentLog(send))
    control = control_of(task)
    over = threading.Event()
    threading.Thread(target=_listen, args=(mailbox, place, task, control, over)).start()
    try:
        device = torch.device("cuda" if ray.get_gpu_ids() else "cpu")
        configure(device, task.settings.deterministic)
        images = Mnist(**{name: _tensor(array).to(device) for name, array in mnist.items()})
        worker = Worker(_where(device), device, images, cores, send, share)
        worker.train(task, None if features is None else _tensor(features), control)
        send.flush()
    finally:
        over.set()
        logging.getLogger().removeHandler(log)


class Sender:
    """Sends what a task says, numbered, without waiting for it to get there. Where the last
    Progress has not got there yet, the next one is dropped: a thousand tasks say more than one
    actor can take in.
    """

    def __init__(self, mailbox: Any, place: str) -> None:
        self._mailbox, self._place = mailbox, place
        self._lock = threading.Lock()
        self._count = 0
        self._on_their_way: list[ray.ObjectRef[None]] = []
        self._progress: ray.ObjectRef[None] | None = None

    def __call__(self, message: Message) -> None:
        with self._lock:
            droppable = isinstance(message, Progress)
            if droppable and self._progress and not ray.wait([self._progress], timeout=0)[0]:
                return
            sent = self._mailbox.put.remote(self._place, self._count, message)
            self._count += 1
            if droppable:
                self._progress = sent
            self._on_their_way.append(sent)
            if len(self._on_their_way) >= MOST_ON_THEIR_WAY:
                sent = self._on_their_way
                self._on_their_way = ray.wait(sent, num_returns=len(sent), timeout=0)[1]

    def flush(self) -> None:
        """Return when all is there."""
        ray.get(self._on_their_way)


def _listen(mailbox: Any, place: str, task: Task, control: Control, over: threading.Event) -> None:
    while not over.is_set():
        try:
            for orders in ray.get(mailbox.orders.remote(place, ORDERS_EVERY)):
                obey(orders, control, task.runs[0])
        except RayError:  # nobody listens any more
            control.stop()
            return


def _where(device: torch.device) -> str:
    """The name of the node, which is its address unless it was given one, and the device; of a
    CPU, which many share, the process.
    """
    here = ray.get_runtime_context().get_node_id()
    node = next(node["NodeName"] for node in ray.nodes() if node["NodeID"] == here)
    which = f":{ray.get_gpu_ids()[0]}" if device.type == "cuda" else f" {os.getpid()}"
    return f"{node} {device.type}{which}"


def _tensor(array: Any) -> Tensor:
    """A tensor over an array of the store, which is only read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)
