"""What a Ray task does: trains runs on the node and the device that Ray has chosen."""

from __future__ import annotations

import logging
import os
import warnings
from functools import partial
from typing import Any

import ray
import torch
from torch import Tensor

from engine.data import Mnist
from engine.device import configure
from engine.executors.correspondence import Correspondence
from engine.executors.messages import FeaturesReady, Task, control_of, obey
from engine.executors.worker import SentLog, Worker


@ray.remote(max_retries=0)  # who hands out counts the tries, and knows what to go on from
def train_task(mailbox: Any, place: str, task: Task, mnist: Any, features: Any, cores: int) -> None:
    """Train the runs of a task; all that comes of it goes to the mailbox.

    Args:
        mailbox: the ``Mailbox`` actor.
        place: what the task is called there.
        task: the runs.
        mnist: arrays of ``Mnist`` by name, which Ray has brought here from its store.
        features: float16 array of the frozen network's, or None.
        cores: CPU cores that training may use.
    """
    control = control_of(task)
    listen = partial(obey, control=control, run=task.runs[0])
    with Correspondence(mailbox, place, listen, control.stop) as letters:

        def share(found: Tensor) -> None:
            ray.get(mailbox.keep.remote(found.cpu().numpy()))
            letters.send(FeaturesReady(place))

        logging.getLogger().addHandler(log := SentLog(letters.send))
        try:
            device = torch.device("cuda" if ray.get_gpu_ids() else "cpu")
            configure(device, task.settings.deterministic)
            images = Mnist(**{name: _tensor(array).to(device) for name, array in mnist.items()})
            worker = Worker(_where(device), device, images, cores, letters.send, share)
            worker.train(task, None if features is None else _tensor(features), control)
        finally:
            logging.getLogger().removeHandler(log)


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
