"""Frozen features: folding, the fast extractor, ending it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from engine.data import Mnist, prepare_224
from engine.device import Capabilities, capabilities
from engine.features import FEATURES, extract_features, fast_extractor, fold_batch_norms
from engine.models import MobileNetV2

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def able() -> Capabilities:
    """What this machine's CPU can do."""
    return capabilities(CPU)


@pytest.fixture(scope="module")
def exact(pretrained: MobileNetV2, mnist: Mnist) -> Tensor:
    """The fp32 features of 32 images, by the network as it is."""
    with torch.inference_mode():
        return pretrained.extract(prepare_224(mnist.test_images[:32]))


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


def test_fast_extractor_leaves_the_model_in_fp32(
    pretrained: MobileNetV2, able: Capabilities
) -> None:
    fast_extractor(pretrained, replace(able, feature_dtype=torch.bfloat16))
    kinds = {value.dtype for value in pretrained.parameters()}
    assert kinds == {torch.float32}


def test_fast_features_are_close_to_exact_ones(
    pretrained: MobileNetV2, mnist: Mnist, able: Capabilities, exact: Tensor
) -> None:
    features = extract_features(pretrained, mnist.test_images[:32], prepare_224, able)
    assert (features.shape, features.dtype) == ((32, FEATURES), torch.float16)
    alike = cosine_similarity(features.float(), exact)
    other = cosine_similarity(features.float(), exact.roll(1, 0))
    assert alike.min() > 0.95  # bfloat16 keeps 8 bits through 52 layers
    assert (alike > other).all()


@pytest.mark.parametrize(
    ("dtype", "least"), [(torch.float32, 0.999999), (torch.bfloat16, 0.95)], ids=["fp32", "bf16"]
)
def test_features_are_close_in_every_dtype_that_a_device_may_use(
    pretrained: MobileNetV2,
    mnist: Mnist,
    able: Capabilities,
    exact: Tensor,
    dtype: torch.dtype,
    least: float,
) -> None:
    able = replace(able, feature_dtype=dtype)
    features = extract_features(pretrained, mnist.test_images[:4], prepare_224, able)
    assert cosine_similarity(features.float(), exact[:4]).min() > least


def test_features_do_not_depend_on_the_batch(
    pretrained: MobileNetV2, mnist: Mnist, able: Capabilities
) -> None:
    exactly = replace(able, feature_dtype=torch.float32)

    def features(batch: int) -> Tensor:
        chosen = replace(exactly, feature_batch=batch)
        return extract_features(pretrained, mnist.test_images[:5], prepare_224, chosen).float()

    torch.testing.assert_close(features(2), features(5), atol=2e-3, rtol=2e-3)


def test_watch_is_told_every_batch_and_the_end(
    pretrained: MobileNetV2, mnist: Mnist, able: Capabilities
) -> None:
    told: list[int] = []
    able = replace(able, feature_batch=2)
    extract_features(pretrained, mnist.test_images[:5], prepare_224, able, told.append)
    assert told == [2, 4, 5]


def test_watch_can_end_the_extraction(
    pretrained: MobileNetV2, mnist: Mnist, able: Capabilities
) -> None:
    prepared: list[int] = []

    def prepare(images: Tensor) -> Tensor:
        prepared.append(len(images))
        return prepare_224(images)

    def end(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_features(
            pretrained, mnist.test_images[:9], prepare, replace(able, feature_batch=1), end
        )
    assert prepared == [1]
