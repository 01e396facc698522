"""A run while it trains: how far it has come, and how that is kept on disk and taken up again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from engine.checkpoint import Checkpoint, Progressed, checkpoint_bytes, checkpoint_of
from engine.data import RunSeed
from engine.events import EpochResult, RunFailed, RunId
from engine.models import trained_part
from engine.optimizers import Optimizer
from engine.stack import Stack
from engine.tensor_file import tensor_bytes
from engine.workbench import Workbench

log = logging.getLogger("mnist_tui")


@dataclass
class RunUnderWay:
    """One run, as far as it got."""

    id: RunId
    seed: int
    model: nn.Module
    last: EpochResult | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    """Of what trains, as they were when ``last`` was measured."""
    confusion: list[list[int]] = field(default_factory=list)
    misclassified: tuple[int, ...] | None = None
    """Indices of test images; None without an epoch, and after an old checkpoint."""
    calibration_error: float | None = None
    """None as ``misclassified``."""
    seconds: float = 0.0
    joules: float | None = None
    """Of the device while it trained; None where that is not known."""
    lowest_loss: float = float("inf")
    """On the validation images."""
    epochs_in_vain: int = 0
    """Since then."""
    failed: bool = False


def go_on(
    runs: Sequence[RunUnderWay],
    networks: Stack,
    optimizer: Optimizer,
    seeds: Sequence[RunSeed],
    checkpoint: Checkpoint | None,
) -> int:
    """Bring everything to where the checkpoint was made; return its epoch, 0 without one."""
    if checkpoint is None or checkpoint.ids != tuple(run.id for run in runs):
        return 0
    checkpoint.restore(networks, optimizer, seeds)
    for index, (run, progressed) in enumerate(zip(runs, checkpoint.runs, strict=True)):
        run.last, run.seconds = progressed.last, progressed.seconds
        run.lowest_loss = progressed.lowest_loss
        run.epochs_in_vain = progressed.epochs_in_vain
        run.misclassified = progressed.misclassified
        run.calibration_error = progressed.calibration_error
        run.joules = progressed.joules
        run.confusion = checkpoint.confusion[index].tolist()
        run.weights = networks.state(index)
    return checkpoint.epoch


def keep(
    runs: Sequence[RunUnderWay],
    networks: Stack,
    optimizer: Optimizer,
    seeds: Sequence[RunSeed],
    bench: Workbench,
) -> Checkpoint | None:
    """Save and return the checkpoint of those that have not failed; None if none is left."""
    places = [place for place, run in enumerate(runs) if not run.failed]
    if not places:
        return None
    left = [runs[place] for place in places]
    progressed = [
        Progressed(
            run.id,
            run.last,
            run.seconds,
            run.lowest_loss,
            run.epochs_in_vain,
            run.misclassified,
            run.calibration_error,
            run.joules,
        )
        for run in left
        if run.last is not None
    ]
    confusion = torch.tensor([run.confusion for run in left])
    checkpoint = checkpoint_of(progressed, networks, optimizer, seeds, confusion, places)
    bench.files.save(bench.folder / bench.checkpoint_name, checkpoint_bytes(checkpoint))
    return checkpoint


def add_training(runs: Sequence[RunUnderWay], seconds: float, joules: float | None) -> None:
    """Add what an epoch's training took, or a part of it: each of the runs side by side has an
    equal share.
    """
    for run in runs:
        run.seconds += seconds / len(runs)
        before = run.joules if run.last else 0.0
        if before is None or joules is None:
            run.joules = None
        else:
            run.joules = before + joules / len(runs)


def fail(run: RunUnderWay, error: str, bench: Workbench) -> None:
    """End a run that went wrong; its finished epochs stay, and the weights of the last of them."""
    run.failed = True
    log.error("%s failed: %s", run.id, error)
    bench.emit(RunFailed(run.id, error, save(run, bench)))


def save(run: RunUnderWay, bench: Workbench) -> str:
    """Save the weights of the last finished epoch; return the file's name, empty if there is none.

    Steps after the last evaluation would make other weights than those it measured.
    """
    if run.last is None:
        return ""
    trained_part(run.model).load_state_dict(run.weights)
    if not bench.settings.save_weights:
        return ""
    path = bench.folder / f"{run.id}.pt"
    state = {name: value.detach().cpu() for name, value in run.model.state_dict().items()}
    bench.files.save(path, tensor_bytes(state))
    return path.name
