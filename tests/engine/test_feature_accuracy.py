"""A classifier learns the same from the fast features as from those of the network as it is."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
import torch
from engine_support import fuses_bf16
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.data import Mnist, prepare_224
from engine.device import Capabilities, capabilities, physical_cores
from engine.features import FEATURES, extract_features, in_order, one_thread
from engine.models import MobileNetV2

TRAIN, TEST = 600, 600
SEEDS, EPOCHS = 5, 5
CPU = torch.device("cpu")
CHOSEN = capabilities(CPU)
IN_BFLOAT16 = replace(CHOSEN, feature_dtype=torch.bfloat16, feature_batch=8)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def images(mnist: Mnist) -> Tensor:
    return torch.cat((mnist.train_images[:TRAIN], mnist.test_images[:TEST]))


@pytest.fixture(scope="module")
def exact(pretrained: MobileNetV2, mnist: Mnist, images: Tensor) -> float:
    """The accuracy on features by the network as it is, in fp32."""
    features = torch.empty(len(images), FEATURES)

    def compute(start: int) -> int:
        with torch.inference_mode():
            # In this format the same kernels take half the time.
            batch = prepare_224(images[start : start + 4]).to(memory_format=torch.channels_last)
            features[start : start + 4] = pretrained.extract(batch)
        return start

    with one_thread():
        in_order(compute, range(0, len(images), 4), physical_cores(), lambda done: None)
    return mean_accuracy(features, mnist)


def mean_accuracy(features: Tensor, mnist: Mnist) -> float:
    """Of MobileNetV2's classifier on the test images, over the seeds, in points."""
    train, test = features.float().split([TRAIN, TEST])
    with one_thread():
        return fmean(100 * accuracy(train, test, mnist, seed) for seed in range(SEEDS))


def accuracy(train: Tensor, test: Tensor, mnist: Mnist, seed: int) -> float:
    torch.manual_seed(seed)
    classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, 10))
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAIN).split(64):
            optimizer.zero_grad()
            cross_entropy(classifier(train[batch]), mnist.train_labels[batch]).backward()
            optimizer.step()
    with torch.inference_mode():
        right = classifier.eval()(test).argmax(1) == mnist.test_labels[:TEST]
    return right.float().mean().item()


@pytest.mark.parametrize(
    ("able", "points"), [(CHOSEN, 0.1), (IN_BFLOAT16, 0.2)], ids=["chosen", "bfloat16"]
)
def test_classifier_is_as_good_as_one_on_exact_features(
    pretrained: MobileNetV2,
    mnist: Mnist,
    images: Tensor,
    exact: float,
    able: Capabilities,
    points: float,
) -> None:
    if able is IN_BFLOAT16 and not fuses_bf16():
        pytest.skip("this CPU computes bfloat16 by hand, which takes minutes")
    fast = extract_features(
        pretrained, images, prepare_224, able, workers=physical_cores(), warn=pytest.fail
    )
    assert mean_accuracy(fast, mnist) == pytest.approx(exact, abs=points)
