"""A network that is asked rounds less than one that trains, and is the same function."""

from __future__ import annotations

import copy

import torch

from engine.data import Mnist, prepare_224
from engine.models import CNN, MobileNetV2
from engine.steady import steady

EARLY = 3
"""Blocks that the largest rounding errors come from."""


@torch.inference_mode()
def test_it_is_nearer_to_the_exact_network(pretrained: MobileNetV2, mnist: Mnist) -> None:
    images = prepare_224(mnist.test_images[:2])
    asked = steady(pretrained)
    assert isinstance(asked, MobileNetV2)
    exact = copy.deepcopy(pretrained).double().features[:EARLY](images.double())

    def error(network: MobileNetV2) -> float:
        return float((network.features[:EARLY](images) - exact).square().mean().sqrt())

    assert exact.std() > 0.1
    assert error(asked) < error(pretrained) / 3


def test_the_network_given_stays_as_it_is(pretrained: MobileNetV2) -> None:
    before = {name: value.clone() for name, value in pretrained.state_dict().items()}
    steady(pretrained)
    after = pretrained.state_dict()
    assert before.keys() == after.keys()
    assert all(bool((value == before[name]).all()) for name, value in after.items())


def test_a_small_network_is_asked_as_it_is() -> None:
    network = CNN()
    assert steady(network) is network
