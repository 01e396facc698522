"""How busy a device is, as its driver says. The one file that knows NVIDIA's management library.

Needs no torch, so that the dashboard can show the load before torch is there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import takewhile
from typing import Any, TypeVar

import psutil

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """How busy a device is. None where the machine does not say."""

    name: str
    percent: float | None = None
    """Of the CPU (all cores) or of the GPU, 0–100."""
    memory_used: int | None = None
    """Bytes in use by all processes."""
    memory_total: int | None = None
    """Bytes."""
    temperature: float | None = None
    """Of a GPU, °C."""
    power: float | None = None
    """Of a GPU, watts."""


def sample_loads(device: str) -> dict[str, Load]:
    """Return how busy ``device`` ("cpu", "cuda:0") is, and after it the other GPUs torch may use.

    It is now, but of a CPU since the last call. Where a GPU's driver says nothing, and on other
    accelerators, it is the CPU's load. The first call for a GPU loads its library, which may take
    a second: not for a thread that draws.
    """
    if device.startswith("cuda"):
        own = device if ":" in device else "cuda:0"
        loads = _nvidia_loads()
        if own in loads:
            return {own: loads.pop(own), **loads}
    memory = psutil.virtual_memory()
    used = memory.total - memory.available
    return {"cpu": Load("CPU", psutil.cpu_percent(), used, memory.total)}


def energy_meter(device: str) -> Callable[[], float | None]:
    """Begin to measure what ``device`` ("cuda:0") uses; return what tells the joules since.

    It tells None for what is no NVIDIA GPU, and where the driver does not count (it does since
    Volta).
    """
    before = _joules(device)

    def used() -> float | None:
        now = _joules(device)
        if now is None or before is None or now < before:  # the driver was loaded anew
            return None
        return now - before

    return used


def _joules(device: str) -> float | None:
    """Since the driver was loaded."""
    nvml = _nvml() if device.startswith("cuda") else None
    if nvml is None:
        return None
    handles, index = _handles(nvml), int(device.partition(":")[2] or 0)
    if index >= len(handles):
        return None
    millijoules = _told(nvml, lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handles[index]))
    return None if millijoules is None else millijoules / 1000


def nvidia_driver() -> str:
    """The version of NVIDIA's driver; empty where there is none."""
    nvml = _nvml()
    return "" if nvml is None else str(_told(nvml, nvml.nvmlSystemGetDriverVersion) or "")


@cache
def _nvml() -> Any:
    """NVIDIA's management library, initialised; None where there is no driver."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception:  # any failure of a driver means the same here: no figures
            return None
    return pynvml


def _nvidia_loads() -> dict[str, Load]:
    """By the names that torch gives them; empty without a driver."""
    nvml = _nvml()
    handles = _handles(nvml) if nvml is not None else []
    return {f"cuda:{index}": _nvidia_load(nvml, handle) for index, handle in enumerate(handles)}


def _nvidia_load(nvml: Any, handle: Any) -> Load:
    name = _told(nvml, lambda: nvml.nvmlDeviceGetName(handle))
    busy = _told(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    memory = _told(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    sensor = getattr(nvml, "NVML_TEMPERATURE_GPU", 0)
    temperature = _told(nvml, lambda: nvml.nvmlDeviceGetTemperature(handle, sensor))
    milliwatts = _told(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    return Load(
        name=str(name or "GPU"),
        percent=None if busy is None else float(busy.gpu),
        memory_used=None if memory is None else int(memory.used),
        memory_total=None if memory is None else int(memory.total),
        temperature=None if temperature is None else float(temperature),
        power=None if milliwatts is None else milliwatts / 1000,
    )


def _told(nvml: Any, ask: Callable[[], T]) -> T | None:
    """What the driver answers; None where it refuses, as many do for a figure or two."""
    try:
        return ask()
    except nvml.NVMLError:
        return None


def _handles(nvml: Any) -> list[Any]:
    """The GPUs that torch calls ``cuda:0``, ``cuda:1`` and so on.

    The library counts all GPUs of the machine; torch those that ``CUDA_VISIBLE_DEVICES`` names, by
    number or by the beginning of an id, up to the first that is not there.
    """
    count = _told(nvml, nvml.nvmlDeviceGetCount) or 0
    every = [_told(nvml, partial(nvml.nvmlDeviceGetHandleByIndex, n)) for n in range(count)]
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if visible == [""]:
        return list(takewhile(lambda handle: handle is not None, every))
    ids = [h is not None and _told(nvml, partial(nvml.nvmlDeviceGetUUID, h)) for h in every]
    chosen = []
    for entry in visible:
        if entry.isdecimal():
            numbers = [int(entry)]
        else:
            numbers = [number for number, id_ in enumerate(ids) if str(id_).startswith(entry)]
        if not entry or not numbers or numbers[0] >= len(every) or every[numbers[0]] is None:
            break
        chosen.append(every[numbers[0]])
    return chosen
