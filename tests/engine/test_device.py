"""Which device, what it can do, how busy it is."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
import torch
from engine_support import one_line

from engine.device import (
    DeviceError,
    available_devices,
    capabilities,
    choose_device,
    configure,
    device_name,
    environment,
    feature_workers,
    peak_memory,
    physical_cores,
    start_peak_memory,
    synchronize,
    use_threads,
)

CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    """Let torch see so many CUDA devices and no other accelerator."""
    for kind in ("xpu", "mps"):
        monkeypatch.setattr(getattr(torch, kind), "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


@pytest.mark.parametrize(
    ("gpus", "names", "auto"),
    [(0, ["cpu"], "cpu"), (1, ["cuda", "cpu"], "cuda"), (2, ["cuda:0", "cuda:1", "cpu"], "cuda:0")],
)
def test_auto_takes_the_best_device_there_is(
    monkeypatch: pytest.MonkeyPatch, gpus: int, names: list[str], auto: str
) -> None:
    pretend(monkeypatch, gpus)
    assert available_devices() == names
    assert choose_device("auto") == torch.device(auto)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_device_that_is_there_is_taken_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pretend(monkeypatch, 2)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("gpus", "name"),
    [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1"), (2, "cuda:2"), (1, "mps"), (1, "xpu")],
)
def test_device_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, gpus: int, name: str
) -> None:
    pretend(monkeypatch, gpus)
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    one_line(caught.value, repr(name), *available_devices())


def test_capabilities_of_the_cpu_are_ones_it_has() -> None:
    able = capabilities(CPU)
    assert able.feature_dtype in (torch.float32, torch.bfloat16)
    assert able.feature_batch > 0
    assert able.evaluation_batch > 0
    layer = torch.nn.Conv2d(3, 8, 3).to(able.feature_dtype).to(memory_format=able.memory_format)
    assert torch.isfinite(layer(torch.randn(1, 3, 8, 8, dtype=able.feature_dtype))).all()


@pytest.mark.parametrize(
    ("features", "dtype", "batch"),
    [
        ({"amx_bf16": True}, torch.bfloat16, 8),
        ({"amx_bf16": False}, torch.float32, 4),
        ({"neon": True}, torch.float32, 4),
    ],
    ids=["tiles", "no tiles", "another architecture"],
)
def test_features_are_in_bfloat16_where_a_cpu_has_tiles_for_it(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], dtype: torch.dtype, batch: int
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    able = capabilities(CPU)
    assert (able.feature_dtype, able.feature_batch) == (dtype, batch)


@pytest.mark.parametrize(("machine", "fused"), [("x86_64", True), ("arm64", False)])
def test_convolutions_are_fused_on_cpus_that_have_the_kernels(
    monkeypatch: pytest.MonkeyPatch, machine: str, fused: bool
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert capabilities(CPU).fused_convolutions == (fused and torch.backends.mkldnn.is_available())
    assert not capabilities(torch.device("cuda")).fused_convolutions


def test_features_are_computed_by_a_worker_a_core_or_as_many_as_set() -> None:
    assert feature_workers(CPU, 0) == physical_cores()
    assert feature_workers(CPU, 3) == 3
    assert feature_workers(torch.device("cuda"), 3) == 1


def test_threads_are_set_as_asked_and_chosen_by_size_otherwise() -> None:
    assert use_threads(3, small_networks=1) == torch.get_num_threads() == 3
    assert use_threads(0, small_networks=1) == torch.get_num_threads() == 1
    assert use_threads(0, small_networks=0) == torch.get_num_threads() == physical_cores()


def test_each_thread_has_two_small_networks_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.device.physical_cores", lambda: 4)
    assert [use_threads(0, small_networks=runs) for runs in (1, 3, 5, 20)] == [1, 1, 2, 4]


def test_cores_are_at_least_one_and_no_more_than_the_machine_has() -> None:
    assert 1 <= physical_cores() <= (psutil.cpu_count() or 1)


def test_peak_memory_of_a_cpu_is_about_the_size_of_the_process() -> None:
    start_peak_memory(CPU)
    synchronize(CPU)
    assert (
        psutil.Process().memory_info().rss * 0.9 <= peak_memory(CPU) < psutil.virtual_memory().total
    )


def test_environment_says_what_an_experiment_ran_on() -> None:
    found = environment(CPU, 3)
    assert found["device"] == "cpu"
    assert found["device_name"] == device_name(CPU) != ""
    assert found["torch"] == torch.__version__
    assert set(found) == {
        "python",
        "torch",
        "torchvision",
        "mnist_tui",
        "device",
        "device_name",
        "driver",
        "host",
        "threads",
    }
    assert all(isinstance(value, str | int) for value in found.values())


@pytest.fixture
def undeterministic() -> Iterator[None]:
    """Undo what ``configure`` sets for the whole process."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("undeterministic")
def test_deterministic_algorithms_are_on_for_the_experiments_that_ask_for_them() -> None:
    configure(CPU, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    configure(CPU, deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()
