"""The programs that ours is measured against, each the way its own users write it.

Every function returns what does the work once, ready to be timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset

from engine.data import Mnist, prepare_28

BATCH = 64
Work = Callable[[], None]


class _PilImages(Dataset[tuple[Tensor, int]]):
    """MNIST as torchvision's data set gives it: a PIL image, then transforms, one by one."""

    def __init__(self, mnist: Mnist, count: int) -> None:
        from torchvision import transforms

        self._images, self._labels = mnist.train_images.numpy(), mnist.train_labels
        self._count = count
        self._transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image: Tensor = self._transform(Image.fromarray(self._images[index]))
        return image, int(self._labels[index])


def notebook(model: nn.Module, mnist: Mnist, images: int) -> Work:
    """The way of the notebook that this project re-does: DataLoader, PIL images, loss.item()."""
    loader = DataLoader(_PilImages(mnist, images), batch_size=BATCH, shuffle=True)
    optimizer = Adam(model.parameters(), lr=0.001)

    def epoch() -> None:
        running = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            running += loss.item()

    return epoch


def eager(model: nn.Module, mnist: Mnist, images: int) -> Work:
    """Plain PyTorch with the data in memory and fused Adam."""
    optimizer = Adam(model.parameters(), lr=0.001, fused=True)

    def epoch() -> None:
        order = torch.randperm(images)
        for start in range(0, images, BATCH):
            chosen = order[start : start + BATCH]
            loss = cross_entropy(
                model(prepare_28(mnist.train_images[chosen])), mnist.train_labels[chosen]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def eager_classifier(features: Tensor, labels: Tensor) -> Work:
    """Plain PyTorch on frozen features: dropout and one linear layer."""
    model = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 10))
    optimizer = Adam(model.parameters(), lr=0.001, fused=True)

    def epoch() -> None:
        order = torch.randperm(len(labels))
        for start in range(0, len(labels), BATCH):
            chosen = order[start : start + BATCH]
            loss = cross_entropy(model(features[chosen].float()), labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def scikit_learn(mnist: Mnist, images: int) -> Work:
    """scikit-learn's MLPClassifier, one epoch."""
    from sklearn.neural_network import MLPClassifier

    inputs = prepare_28(mnist.train_images[:images]).flatten(1).numpy()
    labels = mnist.train_labels[:images].numpy()
    model = MLPClassifier((100,), batch_size=BATCH, learning_rate_init=0.001)
    model.partial_fit(inputs[:BATCH], labels[:BATCH], classes=list(range(10)))
    return lambda: model.partial_fit(inputs, labels) and None


def jax_mlp(mnist: Mnist, images: int) -> Work:
    """JAX: the whole epoch as one compiled scan; the first call compiles."""
    import jax
    import jax.numpy as jnp

    steps = images // BATCH
    inputs = jnp.asarray(mnist.train_images[:images].flatten(1).numpy())
    labels = jnp.asarray(mnist.train_labels[:images].numpy())
    first, second = jax.random.split(jax.random.key(0))
    weights: Any = {
        "w1": jax.random.normal(first, (784, 100)) * 0.05,
        "b1": jnp.zeros(100),
        "w2": jax.random.normal(second, (100, 10)) * 0.1,
        "b2": jnp.zeros(10),
    }
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def loss(weights: Any, images: Any, labels: Any) -> Any:
        hidden = jax.nn.relu(images @ weights["w1"] + weights["b1"])
        logits = hidden @ weights["w2"] + weights["b2"]
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
        return -chosen.mean()

    def step(state: Any, chosen: Any) -> Any:
        weights, mean, square, count = state
        prepared = (inputs[chosen].astype(jnp.float32) / 255 - 0.1307) / 0.3081
        value, gradient = jax.value_and_grad(loss)(weights, prepared, labels[chosen])
        count = count + 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        weights = jax.tree.map(
            lambda w, m, s: (
                w - 0.001 * (m / (1 - 0.9**count)) / (jnp.sqrt(s / (1 - 0.999**count)) + 1e-8)
            ),
            weights,
            mean,
            square,
        )
        return (weights, mean, square, count), value

    @jax.jit
    def scan(state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, images)[: steps * BATCH].reshape(steps, BATCH)
        return jax.lax.scan(step, state, order)

    state: Any = (weights, zeros, zeros, 0.0)

    def epoch() -> None:
        nonlocal state
        state, losses = scan(state, jax.random.key(1))
        losses.block_until_ready()

    return epoch


def eager_features(network: nn.Module, images: Tensor) -> Work:
    """Plain PyTorch: the frozen network in float32, 64 prepared images [64, 3, 224, 224]."""

    def batch() -> None:
        with torch.inference_mode():
            network(images)

    return batch
