"""Trains on a Ray cluster, or on one that is started here.

Every group of runs is a Ray task; Ray decides where it runs. What it says, and what it is told,
goes through a mailbox on this machine. MNIST and the frozen features are in Ray's object store,
which brings them to a node once, however many tasks train there.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import re
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import ray
import torch
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.data import Mnist
from engine.device import DeviceError, environment, installed, physical_cores
from engine.events import ExperimentStatus, Notice
from engine.executors.hand_out import HandOut
from engine.executors.job import Job
from engine.executors.local import load_for
from engine.executors.mailbox import Mailbox
from engine.executors.messages import Ended, FeaturesReady, Lost, Message, Orders, Task
from engine.executors.ray_task import train_task
from engine.one_line import one_line
from engine.settings import Settings

log = logging.getLogger("mnist_tui")

ADDRESS = re.compile(r"(ray://)?(?P<host>.+):(?P<port>\d+)")
TOKEN = "RAY_AUTH_MODE"
"""Ray's own variable; see docs.ray.io/en/latest/ray-security/token-auth.html."""
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
        try:
            self._kind = _kind(settings)
        except DeviceError:
            self._leave()
            raise
        around = environment(torch.device("cpu"), settings.threads or 1)
        nodes = _alive()
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
        except RayError as error:
            log.exception("the cluster is lost")
            text = f"ray: the cluster is lost: {_reason(error)}; go on with mnist-tui resume"
            job.emit(Notice("error", text))
            return "interrupted"
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._started:
            ray.shutdown()


def _connect(address: str) -> None:
    """Raises ``DeviceError`` where there is no cluster."""
    cores = physical_cores()
    own: dict[str, Any] = {"address": "local", "num_cpus": cores, "include_dashboard": False}
    where = own if address == "local" else {"address": address}
    at = ADDRESS.fullmatch(address)
    try:
        if at is not None:  # Ray would try for minutes
            socket.create_connection((at["host"], int(at["port"])), CONNECT_WITHIN).close()
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        reason = one_line(" ".join(str(error).split()), 200)
        text = f"ray: {address!r} cannot be reached: {reason}"
        if at is not None and not isinstance(error, OSError) and not os.environ.get(TOKEN):
            text += f"; a cluster that asks for a token needs {TOKEN}=token"
        raise DeviceError(text) from error


def _kind(settings: Settings) -> str:
    """The kind of device that the cluster trains on.

    Raises:
        DeviceError: it has none, or no node has the threads that a run is to have.
    """
    has_gpus = ray.cluster_resources().get("GPU", 0) >= 1
    have = ("auto", "cpu", "cuda") if has_gpus else ("auto", "cpu")
    if settings.device not in have:
        allowed = ", ".join(have)
        raise DeviceError(f"device: {settings.device!r} is not in the cluster; it has {allowed}")
    kind = "cuda" if has_gpus and settings.device != "cpu" else "cpu"
    if not _tasks_at_once(_needs(kind, settings)):
        found = max((node["Resources"].get("CPU", 0) for node in _alive()), default=0)
        threads = settings.threads or 1
        raise DeviceError(f"threads: {threads}: no node has so many CPUs; {found:g} at most")
    return kind


def _needs(kind: str, settings: Settings) -> dict[str, int]:
    """What a task takes, as Ray calls it."""
    return {"CPU": settings.threads or 1} | ({"GPU": 1} if kind == "cuda" else {})


def _alive() -> list[dict[str, Any]]:
    """The nodes of the cluster that are there."""
    return [node for node in ray.nodes() if node["Alive"]]


def _tasks_at_once(needs: dict[str, int]) -> int:
    """How many the nodes can train, if they do nothing else."""
    return sum(
        int(min(node["Resources"].get(name, 0) // number for name, number in needs.items()))
        for node in _alive()
    )


def _names(nodes: Sequence[dict[str, Any]]) -> str:
    """The kinds of GPU, as Ray calls them."""
    prefix = "accelerator_type:"
    found = {name for node in nodes for name in node["Resources"] if name.startswith(prefix)}
    return ", ".join(sorted(name.removeprefix(prefix) for name in found)) or "GPU"


class RayPool:
    """See ``Pool``. A place is a Ray task; a lost one is never the same again."""

    def __init__(self, kind: str, mnist: Mnist, settings: Settings) -> None:
        self.kind = kind
        self._needs = _needs(kind, settings)
        self._fitting, self._looked = 0, -NODES_EVERY
        self.size = max(1, self._fit())
        self._names = (f"task {number}" for number in itertools.count(1))
        self._unused: list[str] = []
        """Names for the next tasks."""
        self._heard: set[str] = set()
        """Those that have begun, and said something."""
        self._tasks: dict[str, ray.ObjectRef[None]] = {}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._mailbox = Mailbox.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
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
            self._fitting = _tasks_at_once(self._needs)
        return self._fitting

    def free(self) -> Sequence[str]:
        free = max(0, self._fit() - len(self._tasks))
        self._unused += itertools.islice(self._names, max(0, free - len(self._unused)))
        return self._unused[:free]

    def begin(self, place: str, task: Task) -> None:
        self._unused.remove(place)
        options = {"num_cpus": self._needs["CPU"], "num_gpus": self._needs.get("GPU", 0)}
        # Its features are an object in the store, which Ray brings to where the task runs.
        features = task.features[0] if task.features else None
        self._tasks[place] = train_task.options(**options).remote(
            self._mailbox, place, task, self._mnist, features, self._needs["CPU"]
        )

    def order(self, place: str, orders: Orders) -> None:
        if orders.stop and place in self._tasks and place not in self._heard:
            ray.cancel(self._tasks[place])  # it may wait for other people's tasks
        with contextlib.suppress(RayError):
            # Waited for, as the next might overtake them.
            ray.get(self._mailbox.order.remote(place, pickle.dumps(orders)))

    def receive(self, seconds: float) -> Iterator[tuple[str, Message]]:
        yield from self._new(seconds)
        done = ray.wait(list(self._tasks.values()), timeout=0)[0] if self._tasks else []
        if done:  # all that those had to say was said before
            yield from self._new(0)
        for place in [place for place, task in self._tasks.items() if task in done]:
            task = self._tasks.pop(place)
            reason = "its task has ended before the end"
            try:
                ray.get(task)
            except RayError as error:
                reason = _reason(error)
            yield place, Lost(reason)

    def _new(self, seconds: float) -> Iterator[tuple[str, Message]]:
        for place, letter in ray.get(self._mailbox.take.remote(seconds)):
            self._heard.add(place)
            messages: list[Message] = pickle.loads(letter)
            for message in messages:
                if isinstance(message, Ended):
                    self._tasks.pop(place, None)
                elif isinstance(message, FeaturesReady):
                    message = FeaturesReady(ray.get(self._mailbox.kept.remote()))
                yield place, message


def _reason(error: RayError) -> str:
    said = str(error).strip().splitlines() or [type(error).__name__]
    return one_line(f"Ray lost its task: {said[-1].strip() or said[0]}", 300)
