"""How busy a device is, by psutil and by a driver that is played here."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from engine import load
from engine.load import Load, energy_meter, nvidia_driver, sample_loads


def sample_load(device: str) -> Load:
    """Of the device itself, which comes first."""
    return next(iter(sample_loads(device).values()))


class Refusal(Exception):
    """What the driver's library raises."""


class FakeDriver:
    """Three GPUs; ``refused`` are the questions it does not answer."""

    NVMLError = Refusal
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.energy = [10**9] * 3

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml") and name in object.__getattribute__(self, "refused"):
            return self._refuse
        return object.__getattribute__(self, name)

    def _refuse(self, *_: object) -> None:
        raise Refusal("not supported")

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.1"

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= 3:
            raise Refusal("no such device")
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}{handle}{handle}-abc"

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"GPU number {handle}"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=97, memory=3)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=3 * 2**30, total=80 * 2**30)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return 310_500

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        """In millijoules; grows with every look."""
        self.energy[handle] += 1500 * (handle + 1)
        return self.energy[handle]


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a driver in place that refuses the questions named."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(*refused: str) -> None:
        driver = FakeDriver(*refused)
        monkeypatch.setattr(load, "_nvml", lambda: driver)

    return put


def test_load_of_the_cpu_is_a_percentage_and_bytes() -> None:
    sample_load("cpu")
    time.sleep(0.05)
    load = sample_load("cpu")
    assert load.name == "CPU"
    assert load.percent is not None
    assert 0 <= load.percent <= 100
    assert load.memory_used is not None
    assert load.memory_total is not None
    assert 0 < load.memory_used < load.memory_total


def test_load_of_a_gpu_that_says_nothing_is_that_of_the_cpu() -> None:
    assert sample_load("cuda:99").name == "CPU"


def test_load_of_a_gpu_is_what_its_driver_says(drive: Callable[..., None]) -> None:
    drive()
    found = sample_load("cuda:1")
    assert found == load.Load("GPU number 1", 97.0, 3 * 2**30, 80 * 2**30, 61.0, 310.5)
    assert sample_load("cuda").name == "GPU number 0"
    assert nvidia_driver() == "580.1"


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "percent"),
        ("nvmlDeviceGetMemoryInfo", "memory_used"),
        ("nvmlDeviceGetTemperature", "temperature"),
        ("nvmlDeviceGetPowerUsage", "power"),
    ],
)
def test_what_the_driver_refuses_is_unknown_and_the_rest_is_there(
    drive: Callable[..., None], question: str, field: str
) -> None:
    drive(question)
    found = sample_load("cuda:0")
    assert getattr(found, field) is None
    assert found.name == "GPU number 0"
    assert [found.percent, found.memory_used, found.temperature, found.power].count(None) == 1


def test_driver_that_knows_no_such_gpu_leaves_the_cpus_load(drive: Callable[..., None]) -> None:
    drive()
    assert sample_load("cuda:7").name == "CPU"
    drive("nvmlDeviceGetName", "nvmlSystemGetDriverVersion")
    assert sample_load("cuda:0").name == "GPU"
    assert nvidia_driver() == ""


@pytest.mark.parametrize(
    ("visible", "device", "name"),
    [
        ("2,0", "cuda:0", "GPU number 2"),
        ("2,0", "cuda:1", "GPU number 0"),
        ("GPU-111", "cuda:0", "GPU number 1"),
        ("GPU-999", "cuda:0", "CPU"),
        ("2", "cuda:1", "CPU"),
        ("", "cuda:1", "GPU number 1"),
    ],
)
def test_gpus_are_counted_as_torch_counts_them(
    drive: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    visible: str,
    device: str,
    name: str,
) -> None:
    drive()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert sample_load(device).name == name


@pytest.mark.parametrize(
    ("visible", "device", "names"),
    [
        ("", "cuda:1", ["GPU number 1", "GPU number 0", "GPU number 2"]),
        ("2,0", "cuda:0", ["GPU number 2", "GPU number 0"]),
        ("1,9,0", "cuda:0", ["GPU number 1"]),
        ("0,", "cuda:0", ["GPU number 0"]),
    ],
)
def test_the_other_gpus_that_torch_may_use_come_after_it(
    drive: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    visible: str,
    device: str,
    names: list[str],
) -> None:
    drive()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = sample_loads(device)
    assert [load.name for load in found.values()] == names
    assert next(iter(found)) == device
    assert sorted(found) == [f"cuda:{index}" for index in range(len(names))]


def test_a_driver_that_does_not_even_count_leaves_the_cpus_load(drive: Callable[..., None]) -> None:
    drive("nvmlDeviceGetCount")
    assert list(sample_loads("cuda:0")) == ["cpu"]


def test_energy_is_what_the_driver_has_counted_since(
    drive: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    drive()
    used = energy_meter("cuda:1")
    assert used() == 3.0
    assert used() == 6.0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert energy_meter("cuda")() == 4.5


def test_energy_that_nobody_counts_is_unknown(drive: Callable[..., None]) -> None:
    assert energy_meter("cpu")() is None
    drive()
    assert energy_meter("cuda:7")() is None
    assert energy_meter("cpu")() is None
    drive("nvmlDeviceGetTotalEnergyConsumption")
    assert energy_meter("cuda:0")() is None
