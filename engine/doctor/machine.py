"""Processors and memory, and whether others use them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil

from engine.device import (
    available_devices,
    choose_device,
    compute_capability,
    cpu_features,
    device_name,
    physical_cores,
)
from engine.doctor.check import Check
from engine.load import Load, nvidia_driver, sample_loads
from engine.settings import Settings

BUSY = 50.0
"""Per cent of a processor, or of a GPU's memory, that others may use without being mentioned."""
LISTENING = 0.5
"""Seconds that the CPU is watched."""
NEEDED_MEMORY = 2 * 2**30
"""Bytes; the features of all images took 1.5 GB with everything else."""


def cpu(settings: Settings) -> Iterator[Check]:
    """Its name and what torch uses of it."""
    import torch

    yield Check("cpu", "ok", f"{device_name(torch.device('cpu'))}: {', '.join(cpu_features())}")


def threads(settings: Settings) -> Iterator[Check]:
    """On how many cores it trains, and whether others keep them busy."""
    found = f"{settings.threads or physical_cores()} of {os.cpu_count()} cores"
    if variable := os.environ.get("OMP_NUM_THREADS"):
        found += f"; OMP_NUM_THREADS is {variable!r}, which the program sets aside"
    busy = psutil.cpu_percent(LISTENING)
    if busy > BUSY:
        advice = "end them, or expect a slower training; --threads 1 is the steadiest then"
        yield Check("threads", "warning", f"{found}; others use {busy:.0f} % of the CPU", advice)
    else:
        yield Check("threads", "ok", found)


def memory(settings: Settings) -> Iterator[Check]:
    """Whether there is enough for the largest network."""
    there = psutil.virtual_memory()
    found = f"{_gigabytes(there.available)} of {_gigabytes(there.total)} free"
    if there.available < NEEDED_MEMORY:
        advice = "mobilenetv2 needs about 2 GB; mlp and cnn need less, and less with --train-limit"
        yield Check("memory", "warning", found, advice)
    else:
        yield Check("memory", "ok", found)


def device(settings: Settings) -> Iterator[Check]:
    """Which device would train, by the settings.

    Raises:
        DeviceError: that which they name is not there.
    """
    yield Check("device", "ok", f"{choose_device(settings.device)} trains ({settings.device})")


def gpus(settings: Settings) -> Iterator[Check]:
    """Every accelerator: its name, memory, compute capability, driver, and who uses it."""
    import torch

    names = [name for name in available_devices() if name != "cpu"]
    if not names:
        yield Check("gpu", "ok", "none that torch can use")
    for name in names:
        load = sample_loads(_with_index(name)).get(_with_index(name))
        gpu = torch.device(name)
        parts = [device_name(gpu)]
        if capability := compute_capability(gpu):
            parts.append(f"compute capability {capability}, driver {nvidia_driver() or 'unknown'}")
        yield _gpu(name, ", ".join(parts), load)


def _with_index(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _gpu(name: str, found: str, load: Load | None) -> Check:
    """What a GPU is, and a warning if others use it."""
    if load is None or load.memory_used is None or not load.memory_total:
        return Check(name, "ok", found)
    used, total = load.memory_used, load.memory_total
    found += f", {_gigabytes(total - used)} of {_gigabytes(total)} free"
    if load.percent is not None:
        found += f", {load.percent:.0f} % busy"
    if (load.percent or 0.0) > BUSY or 100 * used / total > BUSY:
        return Check(name, "warning", found, "others use it; nvidia-smi names them; take another")
    return Check(name, "ok", found)


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB"
