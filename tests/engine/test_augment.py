"""What training inputs go through at random."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from engine.augment import dropout, shift
from engine.data import BLACK, Mnist, prepare_28


def generators(*seeds: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


def moved(image: Tensor, down: int, right: int, background: float) -> Tensor:
    """``image`` [H, W] shifted by hand."""
    height, width = image.shape
    result = torch.full_like(image, background)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[y, x] = image[y - down, x - right]
    return result


@pytest.mark.parametrize("pixels", [1, 2])
def test_every_image_is_moved_whole_and_every_shift_occurs(pixels: int) -> None:
    torch.manual_seed(1)
    image = torch.rand(6, 5)
    images = image.expand(1, 400, 1, 6, 5)
    found = shift(images, generators(1), pixels=pixels, background=-7.0).view(400, 6, 5)
    span = range(-pixels, pixels + 1)
    shifts = [moved(image, down, right, -7.0) for down in span for right in span]
    which = [[torch.equal(result, one) for one in shifts].index(True) for result in found]
    assert set(which) == set(range(len(shifts)))


def test_background_of_mnist_stays_black(mnist: Mnist) -> None:
    images = prepare_28(mnist.train_images[:64]).unsqueeze(0)
    found = shift(images, generators(1), pixels=1, background=BLACK)
    assert float(found.min()) == pytest.approx(float(images.min()))
    assert found.shape == images.shape
    assert not torch.equal(found, images)


@pytest.mark.parametrize("augment", ["shift", "dropout"])
def test_each_network_draws_from_its_own_generator(augment: str) -> None:
    def draw(inputs: Tensor, *seeds: int) -> Tensor:
        if augment == "shift":
            return shift(inputs, generators(*seeds), pixels=1, background=0.0)
        return dropout(inputs.clone().flatten(2), generators(*seeds), rate=0.2)

    inputs = torch.rand(1, 20, 1, 8, 8)
    both = draw(inputs.expand(2, -1, -1, -1, -1), 1, 2)
    assert torch.equal(both[0], draw(inputs, 1)[0])
    assert torch.equal(both[1], draw(inputs, 2)[0])
    assert not torch.equal(both[0], both[1])


def test_dropout_drops_its_rate_and_keeps_the_mean() -> None:
    found = dropout(torch.ones(1, 1000, 1280), generators(1), rate=0.2)
    dropped = float((found == 0).float().mean())
    assert dropped == pytest.approx(0.2, abs=0.002)
    assert float(found.max()) == pytest.approx(1.25)
    assert set(found.unique().tolist()) == {0.0, found.max().item()}
    # No feature and no sample is favoured.
    assert float((found == 0).float().mean((0, 1)).max()) < 0.27
    assert float((found == 0).float().mean((0, 2)).max()) < 0.27
