"""Frozen features: folding, the fast layers, the threads that compute them, ending them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
from engine_support import Recorder, fuses_bf16
from torch import Tensor, nn

import engine.features
import engine.fused
from engine import run_experiment
from engine.data import Mnist, prepare_224
from engine.device import Capabilities, capabilities
from engine.events import Notice
from engine.features import FEATURES, extract_features, fold_batch_norms, plain_layers
from engine.models import MobileNetV2
from engine.settings import Settings

CPU = torch.device("cpu")
FP32, BF16 = torch.float32, torch.bfloat16


class Stopped(Exception):
    """What ends an extraction."""


class Extract(Protocol):
    """Extracts the features of the first so many test images."""

    def __call__(self, count: int, able: Capabilities, **options: Any) -> Tensor: ...


@pytest.fixture(scope="module")
def able() -> Capabilities:
    """What this machine's CPU can do, in fp32 and in small batches."""
    return replace(capabilities(CPU), feature_dtype=FP32, feature_batch=2)


@pytest.fixture(scope="module")
def exact(pretrained: MobileNetV2, mnist: Mnist) -> Tensor:
    """The fp32 features of 32 images, by the network as it is."""
    with torch.inference_mode():
        return pretrained.extract(prepare_224(mnist.test_images[:32]))


@pytest.fixture
def extract(pretrained: MobileNetV2, mnist: Mnist) -> Extract:
    def extracted(count: int, able: Capabilities, **options: Any) -> Tensor:
        options = {"prepare": prepare_224, "warn": pytest.fail} | options
        return extract_features(pretrained, mnist.test_images[:count], able=able, **options)

    return extracted


def test_folding_changes_nothing_beyond_rounding(
    pretrained: MobileNetV2, mnist: Mnist, exact: Tensor
) -> None:
    folded = fold_batch_norms(pretrained.features)
    with torch.inference_mode():
        features = folded(prepare_224(mnist.test_images[:4])).mean((2, 3))
    torch.testing.assert_close(features, exact[:4], atol=1e-4, rtol=1e-3)


def test_folding_leaves_no_batch_norm_and_does_not_touch_the_original(
    pretrained: MobileNetV2,
) -> None:
    before = {name: value.clone() for name, value in pretrained.features.state_dict().items()}
    folded = fold_batch_norms(pretrained.features)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    after = pretrained.features.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", [FP32, BF16, torch.float16])
def test_layers_in_another_dtype_leave_the_model_in_fp32(
    pretrained: MobileNetV2, able: Capabilities, dtype: torch.dtype
) -> None:
    layers = plain_layers(pretrained.features, replace(able, feature_dtype=dtype))
    assert {value.dtype for value in layers[-1].parameters()} == {dtype}
    assert {value.dtype for value in pretrained.parameters()} == {FP32}


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
@pytest.mark.parametrize(("dtype", "most"), [(FP32, 5e-4), (BF16, 0.04)], ids=["fp32", "bf16"])
def test_fast_features_are_those_of_the_network_as_it_is(
    extract: Extract,
    able: Capabilities,
    exact: Tensor,
    fused: bool,
    dtype: torch.dtype,
    most: float,
) -> None:
    if fused and not (able.fused_convolutions and (dtype is FP32 or fuses_bf16())):
        pytest.skip("no such fused convolutions on this CPU")
    fast = replace(able, feature_dtype=dtype, feature_batch=8, fused_convolutions=fused)
    count = 32 if fused else 8  # a CPU without bfloat16 computes it by hand
    features = extract(count, fast)
    assert (features.shape, features.dtype) == ((count, FEATURES), torch.float16)
    assert (features.float() - exact[:count]).norm() / exact[:count].norm() < most


def test_batches_of_any_size_give_the_same_within_rounding(
    extract: Extract, able: Capabilities
) -> None:
    some, all_at_once = (extract(5, replace(able, feature_batch=size)) for size in (2, 5))
    torch.testing.assert_close(some.float(), all_at_once.float(), atol=2e-3, rtol=2e-3)


def test_an_image_in_the_incomplete_batch_gets_the_bits_of_a_complete_one(
    extract: Extract, able: Capabilities
) -> None:
    able = replace(able, feature_batch=4)
    assert torch.equal(extract(5, able), extract(8, able)[:5])


def test_bits_depend_neither_on_the_workers_nor_on_torchs_threads(
    extract: Extract, able: Capabilities
) -> None:
    torch.set_num_threads(1)
    alone = extract(14, able)
    torch.set_num_threads(2)
    assert all(torch.equal(alone, extract(14, able, workers=count)) for count in (1, 2, 3))
    assert torch.get_num_threads() == 2


def test_kernels_that_are_not_there_cost_one_warning(
    extract: Extract, able: Capabilities, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = extract(4, replace(able, fused_convolutions=False))
    monkeypatch.setattr(engine.fused, "KERNELS", object())
    warnings: list[str] = []
    found = extract(4, replace(able, fused_convolutions=True), warn=warnings.append)
    assert torch.equal(found, plain)
    assert len(warnings) == 1
    assert "_reorder_convolution_weight" in warnings[0]
    assert "\n" not in warnings[0]


@pytest.mark.parametrize("factor", [-1.0, float("nan")])
def test_kernels_that_compute_something_else_are_not_used(
    extract: Extract, able: Capabilities, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    class Wrong(nn.Module):
        def forward(self, maps: Tensor) -> Tensor:
            return maps * factor

    plain = extract(4, replace(able, fused_convolutions=False))
    monkeypatch.setattr(
        engine.features, "fuse", lambda layers, images: nn.Sequential(layers, Wrong())
    )
    warnings: list[str] = []
    found = extract(4, replace(able, fused_convolutions=True), warn=warnings.append)
    assert torch.equal(found, plain)
    assert len(warnings) == 1


def test_user_is_told_once_and_the_experiment_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> nn.Sequential:
        raise RuntimeError("could not create a primitive\nwith a long story")

    can = replace(capabilities(CPU), fused_convolutions=True)
    monkeypatch.setattr("engine.workbench.capabilities", lambda device: can)
    monkeypatch.setattr(engine.features, "fuse", broken)
    listener = Recorder()
    settings = Settings(
        models=("mobilenetv2",),
        epochs=1,
        repeats=2,
        device="cpu",
        train_limit=12,
        test_limit=12,
        results=str(tmp_path),
    )
    assert run_experiment(settings, listener).status == "finished"
    (notice,) = listener.of(Notice)
    assert notice.level == "warning"
    assert notice.text.endswith("could not create a primitive")


@pytest.mark.parametrize("workers", [1, 2])
def test_watch_is_told_every_batch_in_order_on_the_thread_that_asked(
    extract: Extract, able: Capabilities, workers: int
) -> None:
    told: list[tuple[int, threading.Thread]] = []
    extract(
        5,
        able,
        workers=workers,
        watch=lambda done: told.append((done, threading.current_thread())),
    )
    assert told == [(done, threading.current_thread()) for done in (2, 4, 5)]


class Counted:
    """The input pipeline of batches of one, which counts them, and may refuse one."""

    def __init__(self, refused: int = 0) -> None:
        self.batches = 0
        self._refused = refused

    def __call__(self, images: Tensor) -> Tensor:
        self.batches += 1
        if self.batches == self._refused:
            raise Stopped
        return prepare_224(images)


def feature_threads() -> list[str]:
    """The names of the threads that compute features now."""
    return [thread.name for thread in threading.enumerate() if "features" in thread.name]


@pytest.mark.parametrize("workers", [1, 2])
def test_watch_can_end_the_work_at_once(extract: Extract, able: Capabilities, workers: int) -> None:
    def stop(done: int) -> None:
        raise Stopped

    before = torch.get_num_threads()
    prepare = Counted()
    with pytest.raises(Stopped):
        extract(60, replace(able, feature_batch=1), prepare=prepare, watch=stop, workers=workers)
    assert prepare.batches <= 1 + 2 * workers  # one to lay the weights out for
    assert feature_threads() == []
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_on_a_worker_ends_the_others_and_is_raised(
    extract: Extract, able: Capabilities, workers: int
) -> None:
    prepare = Counted(refused=5)
    with pytest.raises(Stopped):
        extract(60, replace(able, feature_batch=1), prepare=prepare, workers=workers)
    assert prepare.batches <= 5 + 2 * workers
    assert feature_threads() == []


def test_workers_wait_while_watch_does(extract: Extract, able: Capabilities) -> None:
    prepare = Counted()
    during_pause: list[int] = []

    def pause(done: int) -> None:
        if done == 3:
            time.sleep(0.5)  # for the batches under way to end
            during_pause.append(prepare.batches)
            time.sleep(0.2)
            during_pause.append(prepare.batches)

    extract(20, replace(able, feature_batch=1), prepare=prepare, watch=pause, workers=2)
    assert during_pause[0] == during_pause[1] <= 1 + 3 + 2 * 2
    assert prepare.batches == 1 + 20
