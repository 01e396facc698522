"""What the engine says while it works.

``Progress`` is frequent and may be dropped by a listener, and so may ``Snapshot``; every other
event is rare and must not be. All are immutable and, but for ``Snapshot``, hold plain Python
values, so they can cross threads and be written as JSON. Losses are mean cross-entropies in nats,
accuracies fractions 0–1, times seconds.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

Phase = Literal["features", "train", "validation", "test"]
RunStatus = Literal["finished", "stopped", "skipped", "failed"]
ExperimentStatus = Literal["running", "finished", "stopped", "failed", "interrupted"]


@dataclass(frozen=True, order=True)
class RunId:
    """One training of one model with one seed."""

    model: str
    repeat: int
    """Counted from 1."""

    def __str__(self) -> str:
        return f"{self.model}-r{self.repeat}"


@dataclass(frozen=True)
class EpochResult:
    """What one epoch of one run came to."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean over the epoch's batches as they were trained on, so it lags the test loss."""
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float
    """Of the epoch's last step."""
    seconds: float
    """Training alone, without the evaluation and without pauses. Of runs that train side by side
    each has an equal share, so that the seconds of all add up."""
    images_per_second: float
    """Training images over ``seconds``: of all runs that train side by side together."""
    evaluation_seconds: float
    validation_loss: float | None = None
    """On the held-out training images; None where ``validation_split`` is 0."""
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class ModelSize:
    """A model and its number of parameters."""

    name: str
    parameters: int
    trainable_parameters: int


@dataclass(frozen=True)
class Cost:
    """What a model asks of a device, measured there. None where that could not be measured."""

    flops_per_image: int | None = None
    """Floating-point operations to read one image, as torch counts them: two for a multiplication
    and the addition after it; those of convolutions and matrix products."""
    latency_seconds: float | None = None
    """To read one image, its preparation included: the median of several."""
    inference_images_per_second: float | None = None
    """Of large batches, their preparation included."""


@dataclass(frozen=True)
class ExperimentStarted:
    """The folder exists and the runs are about to begin."""

    id: str
    folder: Path
    started: datetime
    """UTC."""
    settings: Settings
    runs: tuple[RunId, ...]
    """All runs in the order they will be trained."""
    environment: dict[str, str | int]
    """What it runs on: python, torch, device, device_name, host, threads…"""


@dataclass(frozen=True)
class ExperimentResumed:
    """An experiment that had ended, or been ended, too early goes on. What it had come to has been
    told anew by the events before this one.
    """

    at: datetime
    """UTC."""
    was: ExperimentStatus
    """What its summary said."""
    epochs: int
    """Finished ones that are kept, of all runs."""


@dataclass(frozen=True)
class RunStarted:
    """A run begins: the model is about to be built, then trained."""

    run: RunId
    seed: int
    epochs: int
    threads: int
    """CPU threads that train."""
    precision: str = "fp32"
    """Or "bf16": what the arithmetic is done in, once "auto" is decided."""
    place: str = ""
    """Which of several workers trains it; empty where there is one."""


@dataclass(frozen=True)
class Progress:
    """Where a run is, a few times a second. Droppable."""

    run: RunId
    phase: Phase
    epoch: int
    """Counted from 1; 0 while features are computed."""
    step: int
    """Steps done in this phase."""
    steps: int
    """Steps this phase has."""
    loss: float
    """Mean since the last Progress of this phase; NaN while features are computed."""
    accuracy: float
    images_per_second: float
    """That all runs side by side have seen together."""
    seconds: float
    """Since the phase began, without pauses."""
    epoch_seconds: float
    """Since the epoch's training began, without pauses."""
    train_loss: float
    """Mean over what the epoch has trained on so far; NaN while features are computed."""
    train_accuracy: float


@dataclass(frozen=True)
class EpochFinished:
    """An epoch was trained and evaluated."""

    run: RunId
    result: EpochResult


@dataclass(frozen=True)
class Snapshot:
    """A network as it is after an epoch, and what it makes of every test image. Droppable.

    Nothing of it is printed or saved.
    """

    run: RunId
    epoch: int
    predicted: bytes
    """A digit for each test image, in their order."""
    confidence: bytes
    """The probability of each of those digits, from 0 to 255."""
    weights: Mapping[str, Tensor] = dataclasses.field(compare=False)
    """A copy on the CPU of the state dict of what trains."""


@dataclass(frozen=True)
class RunFinished:
    """A run ended by itself, or because it was told to."""

    run: RunId
    size: ModelSize
    status: RunStatus
    seconds: float
    """Training time, without evaluations, pauses and the features' computation."""
    features_seconds: float
    """Time to compute the frozen features, if this was the run that did."""
    test_accuracy: float | None
    """After the last finished epoch; None if there was none."""
    test_loss: float | None
    confusion: tuple[tuple[int, ...], ...]
    """10×10 on the test images; rows: true digit, columns: predicted. Empty without an epoch."""
    macro_f1: float | None
    peak_memory_bytes: int
    weights: str
    """File name of the saved weights in the experiment's folder; empty if none."""
    misclassified: tuple[int, ...] | None = None
    """Indices of the test images that are read wrongly, rising; None where that is not known."""
    calibration_error: float | None = None
    """Expected calibration error on the test images, a fraction 0–1 (Guo et al. 2017, 15 bins)."""
    energy_joules: float | None = None
    """Of the GPU while the run trained, its equal share where runs train side by side; None where
    no driver tells."""


@dataclass(frozen=True)
class RunFailed:
    """A run ended with an error; the next one starts."""

    run: RunId
    error: str
    """One line; the traceback is in log.txt."""
    weights: str = ""
    """As in RunFinished: of the last epoch before it."""


@dataclass(frozen=True)
class CostMeasured:
    """What the network of a model costs to use; once for each model, after its first run."""

    model: str
    cost: Cost


@dataclass(frozen=True)
class Notice:
    """Something the user should know."""

    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True)
class PlannedRun:
    """A run and how many epochs it is to have."""

    run: RunId
    epochs: int


@dataclass(frozen=True)
class PlanChanged:
    """Runs were added, removed or put in another order, or their epochs changed."""

    version: int
    """Grows with every change, so that of two it is known which is the newer."""
    runs: tuple[PlannedRun, ...]
    """All runs in their order, those that have begun first; a removed one is missing."""


@dataclass(frozen=True)
class ExperimentFinished:
    """Nothing more will be said."""

    id: str
    status: ExperimentStatus
    summary: Path
    finished: datetime
    """UTC."""


Event = (
    ExperimentStarted
    | ExperimentResumed
    | RunStarted
    | Progress
    | EpochFinished
    | Snapshot
    | RunFinished
    | RunFailed
    | CostMeasured
    | Notice
    | PlanChanged
    | ExperimentFinished
)
Emit = Callable[[Event], None]


def as_json(event: Event) -> str:
    """Return an event as one line of JSON: its name in snake case under "event", then its fields.

    Numbers that JSON cannot say (NaN, infinities) become null.
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    return json.dumps({"event": name, **plain(dataclasses.asdict(event))}, allow_nan=False)


def plain(value: Any) -> Any:
    """A value as JSON can say it: NaN and infinities are null, times and paths are text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
