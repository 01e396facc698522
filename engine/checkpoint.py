"""`resume.pt`: all that runs under way need to go on after an epoch as if nothing had happened.

Where several workers train, each group of runs has a file of its own, named after its first run.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.data import RunSeed
from engine.events import EpochResult, RunId
from engine.optimizers import Optimizer, state_names
from engine.results import ResultsError
from engine.saved_values import fill, indices, take
from engine.stack import Stack
from engine.tensor_file import load_tensors, plain, tensor_bytes

FILE_NAME = "resume.pt"


@dataclass(frozen=True)
class Progressed:
    """How far one run has come; what no tensor says."""

    run: RunId
    last: EpochResult
    seconds: float
    """Of training so far."""
    lowest_loss: float
    """On the validation images."""
    epochs_in_vain: int
    """Since then."""
    misclassified: tuple[int, ...] | None = None
    """Indices of the test images that are read wrongly; None, like all below, where that is not
    known, as in the checkpoints of earlier versions."""
    calibration_error: float | None = None
    joules: float | None = None
    """Of the device while it trained."""


@dataclass(frozen=True)
class Checkpoint:
    """R runs that train side by side, after the same epoch. Tensors are on the CPU."""

    runs: tuple[Progressed, ...]
    parameters: dict[str, Tensor]
    """By name, [R, ...]."""
    optimizer: tuple[dict[str, Tensor], ...]
    """Of each parameter, in their order."""
    random: tuple[tuple[Tensor, Tensor], ...]
    """The states of each run's generators."""
    confusion: Tensor
    """int64 [R, 10, 10], of the epoch's test."""

    @property
    def ids(self) -> tuple[RunId, ...]:
        """Which runs they are."""
        return tuple(progressed.run for progressed in self.runs)

    @property
    def epoch(self) -> int:
        """The last finished one."""
        return self.runs[0].last.epoch

    def restore(self, networks: Stack, optimizer: Optimizer, seeds: Sequence[RunSeed]) -> None:
        """Give networks, optimizer and generators, fresh ones of the same kind, their states back.

        Raises:
            ResultsError: they are of another kind.
        """
        shapes = {name: value.shape for name, value in networks.parameters.items()}
        kept = {name: value.shape for name, value in self.parameters.items()}
        if shapes != kept or len(self.optimizer) != len(shapes) or len(self.random) != len(seeds):
            raise ResultsError(f"{FILE_NAME}: is of another network or optimizer")
        with torch.no_grad():
            for name, parameter in networks.parameters.items():
                parameter.copy_(self.parameters[name])
            _restore(optimizer, list(networks.parameters.values()), self.optimizer)
        try:
            for seed, states in zip(seeds, self.random, strict=True):
                seed.set_states(*states)
        except (RuntimeError, TypeError) as error:  # each kind of device has its own
            raise ResultsError(
                f"{FILE_NAME}: its random numbers are of another kind of device than "
                f"{networks.device.type}"
            ) from error


def checkpoint_of(
    runs: Sequence[Progressed],
    networks: Stack,
    optimizer: Optimizer,
    seeds: Sequence[RunSeed],
    confusion: Tensor,
    places: Sequence[int],
) -> Checkpoint:
    """What is to be kept of runs that train side by side, a copy of nothing that is on the CPU.

    Args:
        runs: those to be kept.
        networks: with the optimizer and the seeds, of all that train.
        confusion: of those to be kept.
        places: where those are among all.
    """
    chosen = slice(None) if len(places) == networks.size else list(places)
    parameters = {name: value.detach()[chosen].cpu() for name, value in networks.parameters.items()}
    states = tuple(
        {
            # Some states are of the whole stack: the count of steps.
            name: (state[chosen] if state.shape == parameter.shape else state).detach().cpu()
            for name, state in optimizer.state[parameter].items()
        }
        for parameter in networks.parameters.values()
    )
    random = tuple(seeds[place].states() for place in places)
    return Checkpoint(tuple(runs), parameters, states, random, confusion)


def _restore(
    optimizer: Optimizer, parameters: Sequence[Tensor], states: Sequence[dict[str, Tensor]]
) -> None:
    for parameter, kept in zip(parameters, states, strict=True):
        state: Any = optimizer.state[parameter]
        shapes = {name: value.shape for name, value in kept.items()}
        count = torch.Size()  # of steps
        if shapes != {
            name: count if name == "step" else parameter.shape for name in state_names(optimizer)
        }:
            raise ResultsError(f"{FILE_NAME}: is of another optimizer")
        for name, value in kept.items():
            if name not in state:  # torch's own make theirs at the first step
                like = value if name == "step" else parameter
                # Where it counts on the device, so does its count of steps.
                device = parameter.device if optimizer.param_groups[0].get("capturable") else None
                state[name] = torch.empty_like(like, dtype=value.dtype, device=device)
            state[name].copy_(value)


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of the file."""
    return tensor_bytes(
        {
            "runs": [asdict(progressed) for progressed in checkpoint.runs],
            "parameters": checkpoint.parameters,
            "optimizer": list(checkpoint.optimizer),
            "random": list(checkpoint.random),
            "confusion": checkpoint.confusion,
        }
    )


def file_of(run: RunId) -> str:
    """Name of the file of a group of runs, of which ``run`` is the first, beside other groups."""
    return f"resume-{run}.pt"


def checkpoint_files(folder: Path) -> list[Path]:
    """Where an experiment's folder has checkpoints."""
    return sorted(folder.glob("resume*.pt"))


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None if it is not there.

    Nothing in the file is executed, whatever it holds.

    Raises:
        ResultsError: it cannot be read, or is something else.
    """
    try:
        return _checkpoint(load_tensors(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch raises nearly anything for a damaged file
        raise ResultsError(f"{path}: is damaged or not a checkpoint") from error


def parsed(content: bytes) -> Checkpoint:
    """What ``checkpoint_bytes`` was given; the content is our own."""
    return _checkpoint(torch.load(io.BytesIO(content), weights_only=True))


def _checkpoint(content: dict[str, Any]) -> Checkpoint:
    runs = tuple(_progressed(table) for table in content["runs"])
    if len({progressed.run for progressed in runs}) < len(runs):
        raise ValueError("a run is there twice")
    return Checkpoint(
        runs=runs,
        parameters=_tensors(content["parameters"]),
        optimizer=tuple(_tensors(state) for state in content["optimizer"]),
        random=tuple(
            (plain(order, torch.uint8), plain(noise, torch.uint8))
            for order, noise in content["random"]
        ),
        confusion=_counts(content["confusion"].reshape(len(runs), 10, 10)),
    )


def _progressed(saved: dict[str, Any]) -> Progressed:
    table = _known(saved)
    misclassified = take(table, "misclassified", tuple, None)
    return Progressed(
        run=fill(RunId, table["run"], "run"),
        last=fill(EpochResult, _known(table["last"]), "last"),
        seconds=take(table, "seconds", float),
        lowest_loss=take(table, "lowest_loss", float),
        epochs_in_vain=take(table, "epochs_in_vain", int),
        misclassified=misclassified and indices("misclassified", misclassified),
        calibration_error=take(table, "calibration_error", float, None),
        joules=take(table, "joules", float, None),
    )


def _known(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not None}


def _tensors(table: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: plain(value, torch.float32) for name, value in table.items()}


def _counts(value: Tensor) -> Tensor:
    if bool((plain(value, torch.int64) < 0).any()):
        raise ValueError("less than none")
    return value
