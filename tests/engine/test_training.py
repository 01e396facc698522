"""One epoch of training, and one evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam

from engine.by_hand import MLPStack
from engine.data import Mnist, RunSeed, Samples, prepare_28
from engine.models import CNN, MLP
from engine.stack import Stack
from engine.training import Scores, Tally, evaluate, train_one_epoch


def numbered(count: int, seen: list[int]) -> Samples:
    """Samples whose inputs are their own numbers, which ``seen`` collects."""

    def prepare(numbers: Tensor) -> Tensor:
        seen.extend(numbers.flatten().tolist())
        return torch.nn.functional.one_hot(numbers % 10, 10).float()

    return Samples(torch.arange(count), torch.arange(count) % 10, prepare)


CPU = torch.device("cpu")


def train(networks: Stack, samples: Samples, *seeds: int, **options: Any) -> list[Scores]:
    """One epoch with Adam, with seed 1 in batches of 10 at a rate of 0.002 unless told."""
    given = {
        "batch_size": 10,
        "seeds": [RunSeed(seed, CPU) for seed in seeds or (1,)],
        "learning_rate": lambda step: 0.002,
        **options,
    }
    return train_one_epoch(networks, samples, Adam(networks.parameters.values()), **given)


def linear() -> Stack:
    """A network for ``numbered``."""
    return Stack([nn.Linear(10, 10)])


@pytest.mark.parametrize("batch_size", [1, 7, 10, 95, 1000])
def test_epoch_visits_each_sample_exactly_once(batch_size: int) -> None:
    seen: list[int] = []
    train(linear(), numbered(95, seen), batch_size=batch_size)
    assert sorted(seen) == list(range(95))


def test_order_is_random_and_drawn_from_the_generator() -> None:
    def order(seed: int) -> list[int]:
        seen: list[int] = []
        train(linear(), numbered(95, seen), seed)
        return seen

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != sorted(order(1))


def test_second_epoch_has_another_order() -> None:
    seen: list[int] = []
    networks, seeds = linear(), [RunSeed(1, CPU)]
    for _ in range(2):
        train(networks, numbered(95, seen), seeds=seeds)
    assert seen[:95] != seen[95:]
    assert sorted(seen[:95]) == sorted(seen[95:])


def test_watch_is_called_after_every_step_with_the_tally() -> None:
    told: list[tuple[int, int, int]] = []

    def watch(step: int, steps: int, tally: Tally) -> None:
        told.append((step, steps, tally.images))

    train(linear(), numbered(25, []), watch=watch)
    assert told == [(1, 3, 10), (2, 3, 20), (3, 3, 25)]


def test_watch_can_end_the_epoch() -> None:
    seen: list[int] = []

    def watch(step: int, steps: int, tally: Tally) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(linear(), numbered(95, seen), watch=watch)
    assert len(seen) == 20


def test_order_is_the_same_whether_networks_train_alone_or_side_by_side() -> None:
    def order(*seeds: int) -> list[int]:
        seen: list[int] = []
        stack = Stack([nn.Linear(10, 10) for _ in seeds])
        train(stack, numbered(30, seen), *seeds)
        return seen

    both = torch.tensor(order(1, 2)).view(3, 2, 10)
    assert both[:, 0].flatten().tolist() == order(1)
    assert both[:, 1].flatten().tolist() == order(2)


def test_learning_rate_is_asked_for_once_a_step() -> None:
    networks = linear()
    optimizer = SGD(networks.parameters.values(), lr=1.0)
    asked: list[int] = []

    def rate(step: int) -> float:
        asked.append(step)
        return 1 / (1 + step)

    train_one_epoch(
        networks,
        numbered(25, []),
        optimizer,
        batch_size=10,
        seeds=[RunSeed(1, CPU)],
        learning_rate=rate,
    )
    assert asked == [0, 1, 2]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 3)


def test_scores_of_an_epoch_weigh_every_image_the_same_whatever_the_smoothing() -> None:
    # With a learning rate of 0 the model stays as it is, so the epoch's means are the model's.
    model, samples = nn.Linear(10, 10), numbered(25, [])
    (scores,) = train(Stack([model]), samples, learning_rate=lambda step: 0.0, label_smoothing=0.3)
    ((inputs, labels),) = samples.in_order(25)
    with torch.inference_mode():
        logits = model(inputs)
    assert scores.loss == pytest.approx(float(cross_entropy(logits, labels)), rel=1e-5)
    assert scores.accuracy == pytest.approx(float((logits.argmax(1) == labels).float().mean()))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_step_is_adam_on_the_batch_gradient_and_no_older_one(smoothing: float) -> None:
    model = nn.Linear(10, 10)
    networks = Stack([model])
    train(networks, numbered(20, []), label_smoothing=smoothing)
    optimizer = Adam(model.parameters(), lr=0.002)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    samples = numbered(20, [])
    for part in (order[:10], order[10:]):
        logits = model(samples.prepare(samples.inputs[part]))
        model.zero_grad()
        loss = cross_entropy(logits, samples.labels[part], label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.testing.assert_close(networks.parameters["weight"][0], model.weight)


def test_training_augments_and_evaluation_does_not() -> None:
    def augment(inputs: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        augmented.append(len(generators))
        return inputs

    augmented: list[int] = []
    samples = replace(numbered(10, []), augment=augment)
    train(linear(), samples)
    evaluate(linear(), samples, batch_size=10)
    assert augmented == [1]


def digits(mnist: Mnist, train_images: int, test_images: int) -> tuple[Samples, Samples]:
    """The first images of both parts."""
    return (
        Samples(mnist.train_images[:train_images], mnist.train_labels[:train_images], prepare_28),
        Samples(mnist.test_images[:test_images], mnist.test_labels[:test_images], prepare_28),
    )


def test_mlp_reads_nine_of_ten_digits_after_one_epoch_on_10000_images(mnist: Mnist) -> None:
    torch.manual_seed(1)
    networks = MLPStack([MLP()])
    samples, test = digits(mnist, 10_000, 10_000)
    train(networks, samples, batch_size=32)
    (scores,) = evaluate(networks, test, batch_size=500).scores
    assert scores.accuracy > 0.9


def test_cnn_learns_within_one_epoch_on_2000_images(mnist: Mnist) -> None:
    torch.manual_seed(1)
    networks = Stack([CNN()])
    samples, test = digits(mnist, 2000, 1000)
    train(networks, samples, batch_size=32)
    (scores,) = evaluate(networks, test, batch_size=500).scores
    assert scores.accuracy > 0.8


@pytest.mark.parametrize(("build", "kind"), [(MLP, MLPStack), (MLP, Stack), (CNN, Stack)])
def test_networks_side_by_side_come_to_what_they_come_to_alone(
    build: Callable[[], nn.Module], kind: Callable[[Sequence[nn.Module]], Stack], mnist: Mnist
) -> None:
    samples, test = digits(mnist, 640, 200)

    def outcome(*seeds: int) -> list[tuple[Scores, Scores, dict[str, Tensor]]]:
        networks = []
        for seed in seeds:
            torch.manual_seed(seed)
            networks.append(build())
        stack = kind(networks)
        trained = train(stack, samples, *seeds, batch_size=32)
        tested = evaluate(stack, test, batch_size=500).scores
        states = [stack.state(index) for index in range(len(seeds))]
        return list(zip(trained, tested, states, strict=True))

    together = outcome(1, 2, 3)
    for seed, (trained, tested, state) in zip((1, 2, 3), together, strict=True):
        ((alone_trained, alone_tested, alone_state),) = outcome(seed)
        assert trained.loss == pytest.approx(alone_trained.loss, rel=1e-3)
        assert trained.accuracy == pytest.approx(alone_trained.accuracy, abs=0.005)
        assert tested.loss == pytest.approx(alone_tested.loss, rel=1e-2)
        assert tested.accuracy == pytest.approx(alone_tested.accuracy, abs=0.011)
        for name, value in state.items():
            # Adam turns a gradient near zero, whatever its sign, into a whole step: 20 steps of
            # at most 0.002 would be 0.04.
            difference = (value - alone_state[name]).abs()
            assert float(difference.mean()) < 1e-4
    losses = [trained.loss for trained, _, _ in together]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("build", [MLP, CNN])
def test_evaluation_does_not_depend_on_the_batch_size(
    build: Callable[[], nn.Module], mnist: Mnist
) -> None:
    torch.manual_seed(1)
    networks = Stack([build(), build()])
    _, samples = digits(mnist, 1, 300)
    whole = evaluate(networks, samples, batch_size=300)
    for batch_size in (1, 64, 299):
        other = evaluate(networks, samples, batch_size=batch_size)
        for found, expected in zip(other.scores, whole.scores, strict=True):
            assert found.loss == pytest.approx(expected.loss, rel=1e-5)
            assert found.accuracy == expected.accuracy
        assert torch.equal(other.confusion, whole.confusion)
        assert torch.equal(other.predicted, whole.predicted)
        assert torch.allclose(other.confidence, whole.confidence, atol=1e-5)


def test_confusion_has_true_digits_in_rows_and_predicted_ones_in_columns() -> None:
    true, predicted = [3, 3, 3, 7, 0, 9], [3, 8, 8, 7, 1, 9]
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), 10).float() * 5
    samples = Samples(logits, torch.tensor(true), lambda inputs: inputs)
    identity = nn.Linear(10, 10)
    nn.init.eye_(identity.weight)
    nn.init.zeros_(identity.bias)
    found = evaluate(Stack([identity]), samples, batch_size=4)
    (scores,), confusion = found.scores, found.confusion
    assert found.predicted.tolist() == [predicted]
    assert torch.allclose(found.confidence[0], torch.softmax(logits, 1).max(1).values)
    expected = torch.zeros(10, 10, dtype=torch.int64)
    for row, column in zip(true, predicted, strict=True):
        expected[row, column] += 1
    assert torch.equal(confusion[0], expected)
    assert scores.accuracy == pytest.approx(3 / 6)
    assert scores.loss == pytest.approx(float(cross_entropy(logits, torch.tensor(true))))


def test_confusion_rows_sum_to_the_label_counts(mnist: Mnist) -> None:
    _, samples = digits(mnist, 1, 500)
    found = evaluate(MLPStack([MLP(), MLP()]), samples, batch_size=64)
    for confusion, score in zip(found.confusion, found.scores, strict=True):
        assert torch.equal(confusion.sum(1), samples.labels.bincount(minlength=10))
        assert int(confusion.diagonal().sum()) / 500 == pytest.approx(score.accuracy)


def test_evaluation_changes_nothing(mnist: Mnist) -> None:
    networks = Stack([CNN()])
    before = networks.state(0)
    evaluate(networks, digits(mnist, 1, 50)[1], batch_size=20)
    after = networks.state(0)
    assert all(torch.equal(before[name], value) for name, value in after.items())
    assert all(value.grad is None for value in networks.parameters.values())


def test_tally_gives_means_since_it_was_last_read_and_over_everything() -> None:
    tally = Tally(2, CPU)
    sure = torch.eye(10) * 100
    tally.add(sure[[4, 5]].unsqueeze(1), torch.tensor([[4], [4]]))
    first = tally.since_last()
    for _ in range(Tally.BATCHES + 1):
        tally.add(torch.zeros(2, 3, 10), torch.full((2, 3), 1))
    second, total = tally.since_last(), tally.total()
    even, images = math.log(10), 3 * (Tally.BATCHES + 1)
    assert [score.accuracy for score in first] == [1.0, 0.0]
    assert [score.loss for score in first] == [0.0, 100.0]
    assert [score.loss for score in second] == [pytest.approx(even, rel=1e-4)] * 2
    assert total[1].loss == pytest.approx((100 + images * even) / (images + 1), rel=1e-5)
    assert total[0].accuracy == pytest.approx(1 / (images + 1))
    assert tally.images == images + 1


def test_total_is_the_same_to_the_bit_however_often_the_tally_is_read() -> None:
    generator = torch.Generator().manual_seed(1)
    often, never = Tally(1, CPU), Tally(1, CPU)
    for _ in range(200):
        batch = (torch.randn(1, 64, 10, generator=generator), torch.zeros(1, 64).long())
        often.add(*batch)
        never.add(*batch)
        often.since_last()
    assert often.total() == never.total()
