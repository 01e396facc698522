"""One epoch of training, and one evaluation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import LambdaLR

from engine.data import Mnist, Samples, prepare_28
from engine.models import CNN, MLP
from engine.training import Tally, evaluate, train_one_epoch


def numbered(count: int, seen: list[int]) -> Samples:
    """Samples whose inputs are their own numbers, which ``seen`` collects."""

    def prepare(numbers: Tensor) -> Tensor:
        seen.extend(numbers.tolist())
        return torch.nn.functional.one_hot(numbers % 10, 10).float()

    return Samples(torch.arange(count), torch.arange(count) % 10, prepare)


def train(model: nn.Module, samples: Samples, **options: Any) -> Any:
    """One epoch with Adam, in batches of 10 unless told."""
    generator = torch.Generator().manual_seed(options.pop("seed", 1))
    settings = {"batch_size": 10, "generator": generator, **options}
    return train_one_epoch(model, samples, Adam(model.parameters(), lr=0.002), **settings)


@pytest.mark.parametrize("batch_size", [1, 7, 10, 95, 1000])
def test_epoch_visits_each_sample_exactly_once(batch_size: int) -> None:
    seen: list[int] = []
    train(nn.Linear(10, 10), numbered(95, seen), batch_size=batch_size)
    assert sorted(seen) == list(range(95))


def test_order_is_random_and_drawn_from_the_generator() -> None:
    def order(seed: int) -> list[int]:
        seen: list[int] = []
        train(nn.Linear(10, 10), numbered(95, seen), seed=seed)
        return seen

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != sorted(order(1))


def test_second_epoch_has_another_order() -> None:
    seen: list[int] = []
    model, generator = nn.Linear(10, 10), torch.Generator().manual_seed(1)
    for _ in range(2):
        train(model, numbered(95, seen), generator=generator)
    assert seen[:95] != seen[95:]
    assert sorted(seen[:95]) == sorted(seen[95:])


def test_watch_is_called_after_every_step_with_the_tally() -> None:
    told: list[tuple[int, int, int]] = []

    def watch(step: int, steps: int, tally: Tally) -> None:
        told.append((step, steps, tally.images))

    train(nn.Linear(10, 10), numbered(25, []), watch=watch)
    assert told == [(1, 3, 10), (2, 3, 20), (3, 3, 25)]


def test_watch_can_end_the_epoch() -> None:
    seen: list[int] = []

    def watch(step: int, steps: int, tally: Tally) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(nn.Linear(10, 10), numbered(95, seen), watch=watch)
    assert len(seen) == 20


def test_scheduler_moves_once_a_step() -> None:
    model = nn.Linear(10, 10)
    optimizer = SGD(model.parameters(), lr=1.0)
    train_one_epoch(
        model,
        numbered(25, []),
        optimizer,
        batch_size=10,
        generator=torch.Generator(),
        scheduler=LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    )
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 4)


def test_scores_of_an_epoch_weigh_every_image_the_same() -> None:
    # With a learning rate of 0 the model stays as it is, so the epoch's means are the model's.
    model, samples = nn.Linear(10, 10), numbered(25, [])
    scores = train_one_epoch(
        model,
        samples,
        SGD(model.parameters(), lr=0.0),
        batch_size=10,
        generator=torch.Generator(),
    )
    inputs, labels = samples.batch(slice(0, 25))
    with torch.inference_mode():
        logits = model(inputs)
    assert scores.loss == pytest.approx(float(cross_entropy(logits, labels)), rel=1e-5)
    assert scores.accuracy == pytest.approx(float((logits.argmax(1) == labels).float().mean()))


def test_step_is_adam_on_the_batch_gradient_and_no_older_one() -> None:
    model = nn.Linear(10, 10)
    twin = copy.deepcopy(model)
    train(model, numbered(20, []))
    seen: list[int] = []
    samples = numbered(20, seen)
    optimizer = Adam(twin.parameters(), lr=0.002)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    for part in (order[:10], order[10:]):
        inputs, labels = samples.batch(part)
        twin.zero_grad()
        cross_entropy(twin(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert torch.equal(model.weight, twin.weight)


def test_training_switches_dropout_on_and_evaluation_off() -> None:
    modes: list[bool] = []
    model = nn.Sequential(nn.Linear(10, 10), nn.Dropout(0.5))
    model.register_forward_hook(lambda module, inputs, output: modes.append(module.training))
    samples = numbered(10, [])
    train(model, samples)
    evaluate(model, samples, batch_size=10)
    train(model, samples)
    assert modes == [True, False, True]


def test_mlp_reads_nine_of_ten_digits_after_one_epoch_on_10000_images(mnist: Mnist) -> None:
    torch.manual_seed(1)
    model = MLP()
    samples = Samples(mnist.train_images[:10_000], mnist.train_labels[:10_000], prepare_28)
    train(model, samples, batch_size=32)
    scores, _ = evaluate(
        model, Samples(mnist.test_images, mnist.test_labels, prepare_28), batch_size=500
    )
    assert scores.accuracy > 0.9


def test_cnn_learns_within_one_epoch_on_2000_images(mnist: Mnist) -> None:
    torch.manual_seed(1)
    model = CNN()
    samples = Samples(mnist.train_images[:2000], mnist.train_labels[:2000], prepare_28)
    train(model, samples, batch_size=32)
    test = Samples(mnist.test_images[:1000], mnist.test_labels[:1000], prepare_28)
    assert evaluate(model, test, batch_size=500)[0].accuracy > 0.8


@pytest.mark.parametrize("build", [MLP, CNN])
def test_evaluation_does_not_depend_on_the_batch_size(
    build: Callable[[], nn.Module], mnist: Mnist
) -> None:
    torch.manual_seed(1)
    model = build()
    samples = Samples(mnist.test_images[:300], mnist.test_labels[:300], prepare_28)
    whole, confusion = evaluate(model, samples, batch_size=300)
    for batch_size in (1, 64, 299):
        scores, other = evaluate(model, samples, batch_size=batch_size)
        assert scores.loss == pytest.approx(whole.loss, rel=1e-5)
        assert scores.accuracy == whole.accuracy
        assert torch.equal(other, confusion)


def test_confusion_has_true_digits_in_rows_and_predicted_ones_in_columns() -> None:
    true, predicted = [3, 3, 3, 7, 0, 9], [3, 8, 8, 7, 1, 9]
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), 10).float() * 5
    samples = Samples(logits, torch.tensor(true), lambda inputs: inputs)
    scores, confusion = evaluate(nn.Identity(), samples, batch_size=4)
    expected = torch.zeros(10, 10, dtype=torch.int64)
    for row, column in zip(true, predicted, strict=True):
        expected[row, column] += 1
    assert torch.equal(confusion, expected)
    assert scores.accuracy == pytest.approx(3 / 6)
    assert scores.loss == pytest.approx(float(cross_entropy(logits, torch.tensor(true))))


def test_confusion_rows_sum_to_the_label_counts(mnist: Mnist) -> None:
    samples = Samples(mnist.test_images[:500], mnist.test_labels[:500], prepare_28)
    scores, confusion = evaluate(MLP(), samples, batch_size=64)
    assert torch.equal(confusion.sum(1), samples.labels.bincount(minlength=10))
    assert int(confusion.diagonal().sum()) / 500 == scores.accuracy


def test_evaluation_changes_nothing(mnist: Mnist) -> None:
    model = MLP()
    before = copy.deepcopy(model.state_dict())
    evaluate(
        model, Samples(mnist.test_images[:50], mnist.test_labels[:50], prepare_28), batch_size=20
    )
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_tally_gives_means_since_it_was_last_read_and_over_everything() -> None:
    tally = Tally(torch.device("cpu"))
    hit, miss = torch.eye(10)[[4]], torch.eye(10)[[5]]
    tally.add(torch.tensor(1.0), hit, torch.tensor([4]))
    first = tally.since_last()
    tally.add(torch.tensor(3.0), miss.repeat(3, 1), torch.tensor([4, 4, 4]))
    second, total = tally.since_last(), tally.total()
    assert (first.loss, first.accuracy) == (1.0, 1.0)
    assert (second.loss, second.accuracy) == (3.0, 0.0)
    assert (total.loss, total.accuracy) == (2.5, 0.25)
