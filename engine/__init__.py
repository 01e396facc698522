"""Trains three networks on MNIST. Importing this package does not import torch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from engine.rules import SettingsError
from engine.settings import Settings
from engine.settings_file import load_settings

if TYPE_CHECKING:
    from engine.control import Control
    from engine.experiment import run_experiment
    from engine.training import evaluate, train_one_epoch

# How long OpenMP's threads (libgomp's) spin at the end of each matrix before they sleep. They read
# it when torch is loaded. Undisturbed, two threads lose a tenth by it; next to two other busy
# processes they train several times as fast as with libgomp's own number.
SPIN_COUNT = "5000"
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)

# So that torch counts GPUs as nvidia-smi does, rather than the fastest first.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

_LAZY = {
    "Control": "engine.control",
    "evaluate": "engine.training",
    "run_experiment": "engine.experiment",
    "train_one_epoch": "engine.training",
}

__all__ = [
    "Control",
    "Settings",
    "SettingsError",
    "evaluate",
    "load_settings",
    "run_experiment",
    "train_one_epoch",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
