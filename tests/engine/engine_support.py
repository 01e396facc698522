"""What the engine's tests share: IDX files, a listener, a clock to turn by hand."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from engine.events import Event, Progress, Snapshot

Kind = TypeVar("Kind")
PARTS = ("train", "t10k")


def idx_images(images: Tensor) -> bytes:
    """The IDX3 file of uint8 [N, 28, 28]."""
    return struct.pack(">4I", 2051, *images.shape) + images.numpy().tobytes()


def idx_labels(labels: Tensor) -> bytes:
    """The IDX1 file of int64 [N]."""
    return struct.pack(">2I", 2049, len(labels)) + labels.to(torch.uint8).numpy().tobytes()


def write_mnist(folder: Path, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Path:
    """Write images and labels as MNIST's four files, plain; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in zip(PARTS, (train, test), strict=True):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_images(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_labels(labels))
    return folder


class Recorder:
    """A listener that keeps every event and then calls ``react`` with it."""

    def __init__(self, react: Callable[[Event], None] = lambda event: None) -> None:
        self.events: list[Event] = []
        self._react = react

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._react(event)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The events of one class, in their order."""
        return [event for event in self.events if isinstance(event, kind)]

    def rare(self) -> list[str]:
        """The class names of all events that may not be dropped, in their order."""
        droppable = Progress | Snapshot
        return [type(event).__name__ for event in self.events if not isinstance(event, droppable)]


def fuses_bf16() -> bool:
    """Whether torch's fused convolutions take bfloat16 on this CPU, in the words of their error."""
    able = torch.cpu.get_capabilities()
    return bool(
        able.get("avx_ne_convert")
        or all(able.get(name) for name in ("avx512_bw", "avx512_vl", "avx512_dq"))
    )


class Clock:
    """Stands in for the ``time`` module: its time moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.read = threading.Event()

    def perf_counter(self) -> float:
        """The time by this clock."""
        self.read.set()
        return self.now


def one_line(error: BaseException, *parts: str) -> None:
    """Assert that an error's text is one line with all ``parts`` in it."""
    text = str(error)
    assert len(text.splitlines()) == 1, text
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} not in {text!r}"


def f1_by_hand(true: Sequence[int], predicted: Sequence[int], classes: int) -> float:
    """Macro F1 from precision and recall, class by class."""
    scores = []
    pairs = list(zip(true, predicted, strict=True))
    for digit in range(classes):
        hits = sum(pair == (digit, digit) for pair in pairs)
        precision = hits / max(1, sum(guess == digit for guess in predicted))
        recall = hits / max(1, sum(truth == digit for truth in true))
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / classes
