"""Networks side by side: each must come to what it comes to alone, by hand or by autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.by_hand import LinearStack, MLPStack
from engine.device import capabilities
from engine.models import CNN, MLP
from engine.optimizers import make_optimizer
from engine.recipes import Recipe
from engine.stack import Stack
from engine.training import train_step

KINDS: dict[str, tuple[Callable[[], nn.Module], Callable[[Sequence[nn.Module]], Stack]]] = {
    "mlp by hand": (MLP, MLPStack),
    "mlp": (MLP, Stack),
    "linear by hand": (lambda: nn.Linear(784, 10), LinearStack),
    "cnn": (CNN, Stack),
}


def networks(kind: str, count: int) -> list[nn.Module]:
    """So many networks, each from a seed of its own."""
    found = []
    for seed in range(count):
        torch.manual_seed(seed)
        found.append(KINDS[kind][0]())
    return found


def batch(kind: str, count: int, size: int = 32) -> tuple[Tensor, Tensor]:
    """Random inputs [R, B, ...] and smoothed targets [R, B, 10]."""
    torch.manual_seed(99)
    shape = (784,) if kind.startswith("linear") else (1, 28, 28)
    targets = torch.eye(10)[torch.randint(10, (count, size))] * 0.9 + 0.01
    return torch.randn(count, size, *shape), targets


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_networks(kind: str, count: int) -> None:
    alone = networks(kind, count)
    inputs, _ = batch(kind, count)
    found = KINDS[kind][1](alone).logits(inputs)
    expected = torch.stack([network(part) for network, part in zip(alone, inputs, strict=True)])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [32, 1])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_autograd_for_each_network_alone(
    kind: str, count: int, size: int
) -> None:
    alone = networks(kind, count)
    inputs, targets = batch(kind, count, size)
    if kind == "cnn":  # rounded otherwise, a pool may find another pixel to be the largest
        alone = [network.double() for network in alone]
        inputs = inputs.double()
    stack = KINDS[kind][1](alone)
    for _ in range(2):  # the second time must not add to the first
        logits = stack.backpropagate(inputs, targets)
    for index, network in enumerate(alone):
        network.zero_grad()
        output = network(inputs[index])
        torch.testing.assert_close(logits[index], output.detach().float())
        cross_entropy(output.float(), targets[index]).backward()  # type: ignore[no-untyped-call]
        for name, parameter in network.named_parameters():
            gradient = stack.parameters[name].grad
            assert gradient is not None
            assert parameter.grad is not None
            torch.testing.assert_close(gradient[index], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("kind", ["mlp by hand", "linear by hand"])
def test_one_beside_others_ends_bit_for_bit_where_it_ends_alone(kind: str, optimizer: str) -> None:
    torch.set_num_threads(1)
    untrained = networks(kind, 5)
    batches = [batch(kind, 5, size) for size in (64, 40)]
    recipe = Recipe(optimizer=optimizer, weight_decay=0.1)

    def trained(*places: int) -> list[dict[str, Tensor]]:
        stack = KINDS[kind][1]([untrained[place] for place in places])
        able = capabilities(stack.device)
        steps = make_optimizer(recipe, stack.parameters.values(), able)
        for inputs, targets in 20 * batches:
            train_step(stack, steps, inputs[list(places)], targets[list(places)])
        return [stack.state(index) for index in range(stack.size)]

    alone = [trained(place)[0] for place in range(5)]
    for count in range(2, 6):
        for state, expected in zip(trained(*range(count)), alone, strict=False):
            for name, value in state.items():
                assert torch.equal(value, expected[name]), f"{name}, {count} side by side"


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_what_the_network_was_and_a_copy(kind: str) -> None:
    alone = networks(kind, 2)
    stack = KINDS[kind][1](alone)
    state = stack.state(1)
    alone[1].load_state_dict(state)  # the names fit
    for name, value in stack.parameters.items():
        assert torch.equal(state[name], value[1])
        state[name].zero_()
        assert value[1].any()


def test_networks_that_were_stacked_are_not_changed() -> None:
    (alone,) = networks("mlp", 1)
    stack = MLPStack([alone])
    with torch.no_grad():
        for value in stack.parameters.values():
            value.add_(1)
    assert torch.equal(alone.layers[1].weight, networks("mlp", 1)[0].layers[1].weight)


def test_stack_of_one_keeps_the_memory_format_that_convolutions_need() -> None:
    network = CNN().to(memory_format=torch.channels_last)
    weight = Stack([network]).parameters["layers.3.weight"].squeeze(0)
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_computes_otherwise_but_nearly_the_same() -> None:
    alone = networks("cnn", 1)
    inputs, targets = batch("cnn", 1)
    exact, rough = Stack(alone), Stack(alone, bf16=True)
    logits = rough.backpropagate(inputs, targets)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, exact.backpropagate(inputs, targets))
    torch.testing.assert_close(logits, exact.logits(inputs).detach(), atol=0.05, rtol=0.05)
    for name, value in rough.parameters.items():
        assert value.grad is not None
        assert value.grad.dtype == torch.float32
        similar = torch.cosine_similarity(
            value.grad.flatten(), exact.parameters[name].grad.flatten(), dim=0
        )
        assert similar > 0.99
