"""MNIST as tensors on the device, and the two input pipelines.

The whole data set stays on the device as uint8 (55 MB); a batch is picked by index and normalised
there. No DataLoader, no image files, no copies between host and device while training.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from engine.assets import read_asset
from engine.augment import Augment
from engine.one_line import OneLineError
from engine.settings import expanded

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
SIDE = 28
CLASSES = 10
BLACK = -MNIST_MEAN / MNIST_STD
"""A black pixel behind ``prepare_28``."""
GATHERED = 1024
"""Samples, at least a batch, that are gathered at once: most of a gather's cost is per call."""
LARGEST_FILE = 16 + 60_000 * SIDE * SIDE
"""Bytes of MNIST's largest IDX file; a gzip file that unpacks to more is not one of them."""


class DataError(OneLineError):
    """A data file that cannot be used. Its text is one line that names the file."""


class RunSeed:
    """The randomness of one run's training: same seed, same numbers.

    Attributes:
        noise: draws what is random in a batch, on the device.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._order = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed + 2**32)

    def order(self, samples: int) -> Tensor:
        """A new order of so many samples, int64 [N] on the CPU, so that it is every device's."""
        return torch.randperm(samples, generator=self._order)

    def states(self) -> tuple[Tensor, Tensor]:
        """How far its numbers are drawn: uint8, on the CPU."""
        return self._order.get_state(), self.noise.get_state()

    def set_states(self, order: Tensor, noise: Tensor) -> None:
        """Go on from what ``states`` gave."""
        self._order.set_state(order)
        self.noise.set_state(noise)


@dataclass(frozen=True)
class Samples:
    """Inputs with their labels, on one device.

    Attributes:
        inputs: images, uint8 [N, 28, 28], or features, float16 [N, 1280].
        labels: digits, int64 [N].
        prepare: what inputs go through before the network, [..., 28, 28] or [..., 1280].
        augment: what they go through at random while the network trains; None for nothing.
    """

    inputs: Tensor
    labels: Tensor
    prepare: Callable[[Tensor], Tensor]
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample once: prepared inputs [B, ...] with labels [B]."""
        for start in range(0, len(self), batch_size):
            batch = slice(start, start + batch_size)
            yield self.prepare(self.inputs[batch]), self.labels[batch]

    def shuffled(
        self, batch_size: int, seeds: Sequence[RunSeed]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample once for each of R seeds, in an order of its own: prepared and augmented
        inputs [R, B, ...] with labels [R, B]; the last batch may be smaller.
        """
        order = torch.stack([seed.order(len(self)) for seed in seeds]).to(self.labels.device)
        for chosen in torch.split(order, batch_size * max(1, GATHERED // batch_size), dim=1):
            inputs = self.inputs.index_select(0, chosen.flatten())
            inputs = inputs.view(*chosen.shape, *self.inputs.shape[1:])
            labels = self.labels[chosen]
            for start in range(0, chosen.shape[1], batch_size):
                batch = slice(start, start + batch_size)
                prepared = self.prepare(inputs[:, batch])
                if self.augment is not None:
                    prepared = self.augment(prepared, [seed.noise for seed in seeds])
                yield prepared, labels[:, batch]


@dataclass(frozen=True)
class Mnist:
    """Images uint8 [N, 28, 28] and labels int64 [N] of the training and the test files.

    Attributes:
        held_out: bool [N], the training images that validate instead.
    """

    train_images: Tensor
    train_labels: Tensor
    held_out: Tensor
    test_images: Tensor
    test_labels: Tensor


def load_mnist(
    device: torch.device | str = "cpu",
    *,
    folder: str = "",
    train_limit: int = 0,
    test_limit: int = 0,
    validation_split: float = 0.0,
    seed: int = 0,
) -> Mnist:
    """Read MNIST onto ``device``.

    Args:
        device: where the tensors go.
        folder: with the four IDX files, plain or .gz; empty for the bundled ones.
        train_limit: keep the first N training images; 0 for all. Likewise ``test_limit``.
        validation_split: fraction of the kept training images to hold out, drawn with ``seed``.
        seed: decides which images are held out.

    Raises:
        DataError: a file is missing, damaged or not what it should be.
        AssetError: a bundled file is damaged.
    """
    train_images, train_labels = read_part(folder, "train")
    test_images, test_labels = read_part(folder, "t10k")
    if train_limit:
        train_images, train_labels = train_images[:train_limit], train_labels[:train_limit]
    if test_limit:
        test_images, test_labels = test_images[:test_limit], test_labels[:test_limit]
    held_out = torch.zeros(len(train_labels), dtype=torch.bool)
    if validation_split:
        count = max(1, round(validation_split * len(train_labels)))
        if count == len(train_labels):
            raise DataError(f"validation_split: {validation_split} leaves no training image")
        order = torch.randperm(len(train_labels), generator=torch.Generator().manual_seed(seed))
        held_out[order[:count]] = True
    parts = (train_images, train_labels, held_out, test_images, test_labels)
    return Mnist(*(part.to(device) for part in parts))


def read_part(folder: str, part: str) -> tuple[Tensor, Tensor]:
    """Images uint8 [N, 28, 28] and labels int64 [N] of ``part`` ("train" or "t10k").

    ``folder`` and what is raised are as for ``load_mnist``.
    """
    images_name, images_content = _read_file(folder, f"{part}-images-idx3-ubyte")
    labels_name, labels_content = _read_file(folder, f"{part}-labels-idx1-ubyte")
    images = parse_images(images_content, images_name)
    labels = parse_labels(labels_content, labels_name)
    if len(images) != len(labels):
        raise DataError(f"{images_name}: has {len(images)} images but {len(labels)} labels")
    return images, labels


def _read_file(folder: str, name: str) -> tuple[str, bytes]:
    """Return a file's name, for messages, and its unpacked bytes."""
    if not folder:
        bundled = f"MNIST/raw/{name}.gz"
        return bundled, gzip.decompress(read_asset(bundled))
    there = expanded(folder)
    plain, packed = there / name, there / f"{name}.gz"
    path = plain if os.path.exists(plain) else packed
    try:
        if path.is_fifo():  # which might never end
            raise OSError("is not a file")
        with (gzip.open if path is packed else open)(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error
    if len(content) > LARGEST_FILE:
        raise DataError(f"{path}: is larger than any MNIST file ({LARGEST_FILE} bytes)")
    return str(path), content


def parse_images(content: bytes, name: str) -> Tensor:
    """Return an IDX3 file's images, uint8 [N, 28, 28].

    Raises:
        DataError: not an IDX3 file of 28×28 images, or its length is not what it says.
    """
    if len(content) < 16:
        raise DataError(f"{name}: is cut short: {len(content)} bytes, the header alone has 16")
    magic, count, rows, columns = struct.unpack(">4I", content[:16])
    if magic != IMAGES_MAGIC:
        raise DataError(f"{name}: is not an IDX image file (magic {magic}, not {IMAGES_MAGIC})")
    if (rows, columns) != (SIDE, SIDE):
        raise DataError(f"{name}: has {rows}×{columns} images, not {SIDE}×{SIDE}")
    if not count or len(content) != 16 + count * rows * columns:
        raise DataError(f"{name}: says {count} images but has {len(content) - 16} bytes of them")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=16).view(-1, SIDE, SIDE)


def parse_labels(content: bytes, name: str) -> Tensor:
    """Return an IDX1 file's labels, int64 [N], each 0–9.

    Raises:
        DataError: not an IDX1 file of digits, or its length is not what it says.
    """
    if len(content) < 8:
        raise DataError(f"{name}: is cut short: {len(content)} bytes, the header alone has 8")
    magic, count = struct.unpack(">2I", content[:8])
    if magic != LABELS_MAGIC:
        raise DataError(f"{name}: is not an IDX label file (magic {magic}, not {LABELS_MAGIC})")
    if not count or len(content) != 8 + count:
        raise DataError(f"{name}: says {count} labels but has {len(content) - 8} bytes of them")
    labels = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=8).long()
    if int(labels.max()) > 9:
        raise DataError(f"{name}: has a label {int(labels.max())}; allowed: 0 to 9")
    return labels


def prepare_28(images: Tensor) -> Tensor:
    """The pipeline of mlp and cnn: uint8 [..., 28, 28] → float32 [..., 1, 28, 28], MNIST's
    mean and std.
    """
    scaled = images.unsqueeze(-3).to(torch.float32)
    return scaled.mul_(1 / (255 * MNIST_STD)).add_(BLACK)


def prepare_224(images: Tensor) -> Tensor:
    """The pipeline of mobilenetv2: uint8 [B, 28, 28] → float32 [B, 3, 224, 224].

    Bilinear, as torchvision's Resize; ImageNet mean/std, as its MobileNetV2 weights expect.
    """
    grey = images.unsqueeze(1).to(torch.float32) / 255
    large = interpolate(grey, size=(224, 224), mode="bilinear", align_corners=False)
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).view(1, 3, 1, 1)
    return (large - mean) / std
