"""The doctor says what works, and of what does not, what to do."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine import device
from engine.assets import AssetError
from engine.device import unused_gpu
from engine.doctor import computing, examinations, machine, stored
from engine.doctor.check import Check, Examination
from engine.doctor.computing import TOLERANCE, agreement, speed, training
from engine.doctor.examinations import EXAMINATIONS, checks
from engine.doctor.machine import gpus, memory, threads
from engine.doctor.reference import Step, first_step
from engine.doctor.stored import cache, data, results, weights
from engine.load import Load
from engine.settings import Settings

HERE = torch.device("cpu")


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "SECONDS", 0.0)
    monkeypatch.setattr(machine, "LISTENING", 0.01)


def only(found: Iterator[Check]) -> Check:
    (check,) = found
    return check


def problem(name: str, settings: Settings) -> Check:
    """What an examination that cannot succeed ends with."""
    examination = next(each for each in EXAMINATIONS if each.name == name)
    *_, last = examination.checks(settings)
    assert last.state == "problem"
    assert last.advice
    assert last.found.isprintable()
    return last


def test_nothing_is_a_problem_here(short: Settings) -> None:
    found = list(checks(short))
    assert [check for check in found if check.state == "problem"] == []
    assert {each.name for each in EXAMINATIONS} - {"gpu"} <= {check.name for check in found}
    assert all(check.found.isprintable() for check in found)
    assert all(check.advice for check in found if check.state != "ok")
    assert not Path(short.results).exists()


def test_a_check_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Check("a", "ok", "b").state = "problem"  # type: ignore[misc]


def test_what_raises_is_a_problem_and_what_was_known_before_is_told() -> None:
    def look(settings: Settings) -> Iterator[Check]:
        yield Check("first", "ok", "there")
        raise RuntimeError("broken\n\x1b[2Jat length")

    first, last = Examination("second", look, "mend it").checks(Settings())
    assert first == Check("first", "ok", "there")
    assert last == Check("second", "problem", r"RuntimeError: broken\n\x1b[2Jat length", "mend it")


def test_without_torch_the_rest_is_looked_at(tmp_path: Path) -> None:
    lines = (
        "import json, sys",
        "sys.modules['torch'] = None",
        "from engine.doctor.examinations import checks",
        "from engine.settings import Settings",
        f"there = Settings(results={str(tmp_path)!r}, cache_folder={str(tmp_path)!r})",
        "print(json.dumps([vars(check) for check in checks(there)]))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, timeout=60, check=True
    )
    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert list(found) == ["python", "torch", "threads", "memory", "results", "cache"]
    assert [name for name, check in found.items() if check["state"] == "problem"] == ["torch"]
    assert "import of torch" in found["torch"]["found"]
    assert found["torch"]["found"].endswith("; nothing that trains works")


def test_two_devices_that_do_the_same_agree(short: Settings) -> None:
    for model in ("mlp", "cnn"):
        one, other = first_step(model, HERE, short), first_step(model, HERE, short)
        assert one.learns
        assert one == other
        assert one.before == pytest.approx(math.log(10), abs=0.3)  # it has learned nothing yet
        assert agreement("other", {model: one}, {model: other}).state == "ok"


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (2.3 + TOLERANCE / 2, 2.0, "ok"),
        (2.3, 2.0 + 2 * TOLERANCE, "problem"),
        (2.3 + 2 * TOLERANCE, 2.0, "problem"),
        (2.3, math.nan, "problem"),
        (math.inf, 2.0, "problem"),
    ],
)
def test_devices_agree_within_the_tolerance(before: float, after: float, state: str) -> None:
    check = agreement("gpu", {"mlp": Step(2.3, 2.0)}, {"mlp": Step(before, after)})
    assert check.state == state
    assert str(TOLERANCE) in check.found


def test_a_device_is_compared_with_the_cpu(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "available_devices", lambda: ["cpu:0", "cpu"])
    first, second = training(short)
    assert first.found.startswith("cpu: ")
    assert second.found.startswith("cpu:0: losses of one step are the CPU's within 0.00000")
    cpu_alone, other = speed(short)
    assert cpu_alone.state == "ok"
    assert other.state in ("ok", "warning")


def test_wrong_products_are_a_problem(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(1e9, 0.0), (1e12, math.nan)])
    monkeypatch.setattr(computing, "available_devices", lambda: ["cpu:0", "cpu"])
    monkeypatch.setattr("engine.doctor.reference.multiply", lambda *_: next(found))
    assert [check.state for check in speed(short)] == ["ok", "problem"]


def test_a_slow_accelerator_is_a_warning(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(1e9, 0.0), (1e8, 0.0)])
    monkeypatch.setattr(computing, "available_devices", lambda: ["cpu:0", "cpu"])
    monkeypatch.setattr("engine.doctor.reference.multiply", lambda *_: next(found))
    assert [check.state for check in speed(short)] == ["ok", "warning"]


def test_a_step_that_does_not_learn_is_a_problem(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.doctor.reference.first_step", lambda *_: Step(2.3, math.nan))
    assert next(training(short)).state == "problem"


def test_images_are_counted_or_what_is_wrong_with_them_is_said(
    short: Settings, small_folder: Path, tmp_path: Path
) -> None:
    check = only(data(short))
    assert check.found == f"1,000 training and 200 test images: {small_folder}"
    broken = shutil.copytree(small_folder, tmp_path / "broken")
    (broken / "t10k-labels-idx1-ubyte").write_bytes(b"no labels")
    last = problem("data", dataclasses.replace(short, data=str(broken)))
    assert "t10k-labels-idx1-ubyte" in last.found


def test_damaged_weights_are_a_problem(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(name: str) -> bytes:
        raise AssetError(f"{name}: is damaged")

    monkeypatch.setattr(stored, "read_asset", damaged)
    assert "mobilenet_v2" in problem("weights", short).found


def test_weights_that_must_be_fetched_are_a_warning(short: Settings) -> None:
    fetched = dataclasses.replace(short, mobilenetv2_weights="IMAGENET1K_V2")
    assert only(weights(fetched)).state == "warning"


def test_folders_are_tried_and_left_as_they_were(short: Settings, tmp_path: Path) -> None:
    check = only(results(dataclasses.replace(short, results=str(tmp_path / "a/b/c"))))
    assert check.state == "ok"
    assert "made when it is needed" in check.found
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    for inside in ("file", "file/results"):
        path = str(tmp_path / inside)
        last = problem("results", dataclasses.replace(short, results=path))
        assert last.found == f"{path}: cannot be written to: Not a directory"
    cached = dataclasses.replace(short, cache_folder=str(tmp_path / "file"))
    problem("cache", cached)
    assert "off" in only(cache(dataclasses.replace(cached, cache=False))).found
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_is_nearly_full_is_a_warning(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    for check in (only(results(short)), only(cache(short))):
        assert check.state == "warning"
        assert "MB may be needed" in check.found


def test_a_busy_cpu_and_little_memory_are_warnings(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.psutil, "cpu_percent", lambda seconds: 93.0)
    busy = only(threads(short))
    assert busy.state == "warning"
    assert "others use 93 %" in busy.found
    little = SimpleNamespace(available=10**9, total=8 * 10**9)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: little)
    assert only(memory(short)).found == "1.0 GB of 8.0 GB free"
    assert only(memory(short)).state == "warning"


@pytest.mark.parametrize(
    ("load", "state"),
    [
        (Load("H", 3.0, 10**9, 80 * 10**9), "ok"),
        (Load("H", None, 10**9, 80 * 10**9), "ok"),
        (Load("H", 97.0, 10**9, 80 * 10**9), "warning"),
        (Load("H", 0.0, 60 * 10**9, 80 * 10**9), "warning"),
        (Load("H"), "ok"),
        (None, "ok"),
    ],
)
def test_a_gpu_that_others_use_is_a_warning(
    load: Load | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "available_devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(machine, "device_name", lambda device: "NVIDIA H")
    monkeypatch.setattr(machine, "compute_capability", lambda device: "9.0")
    monkeypatch.setattr(machine, "sample_loads", lambda name: {name: load} if load else {})
    check = only(gpus(Settings()))
    assert (check.name, check.state) == ("cuda", state)
    assert check.found.startswith("NVIDIA H, compute capability 9.0, driver ")


def test_a_device_that_is_not_there_is_a_problem(short: Settings) -> None:
    assert "available: " in problem("device", dataclasses.replace(short, device="cuda:99")).found


@pytest.mark.parametrize(
    ("driver", "built", "visible", "reason"),
    [
        ("", "13.0", None, ""),
        ("580.1", None, None, "cannot use a GPU"),
        ("580.1", "13.0", "", "CUDA_VISIBLE_DEVICES='' hides"),
        ("580.1", "13.0", None, "no GPU found, though there is driver 580.1"),
    ],
)
def test_why_a_gpu_is_not_used(
    driver: str,
    built: str | None,
    visible: str | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found, advice = unused_gpu()
    assert reason in found
    assert bool(found) == bool(advice) == bool(reason)
    warned = list(examinations.torch_build(Settings()))
    assert [check.state for check in warned] == ["warning" if reason else "ok"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_agrees_with_the_cpu(short: Settings) -> None:
    (gpu, *_) = gpus(short)
    assert "compute capability" in gpu.found
    assert {check.state for check in training(short)} == {"ok"}
    assert "problem" not in {check.state for check in speed(short)}
