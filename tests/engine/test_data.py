"""MNIST's files as tensors, and the two input pipelines."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from engine_support import idx_images, idx_labels, one_line
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from engine import assets
from engine.data import (
    LARGEST_FILE,
    DataError,
    Mnist,
    RunSeed,
    Samples,
    load_mnist,
    parse_images,
    parse_labels,
    prepare_28,
    prepare_224,
)
from engine.workbench import image_splits

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
CANONICAL_MD5 = {
    TRAIN_IMAGES: "6bbc9ace898e44ae57da46a324031adb",
    TRAIN_LABELS: "a25bea736e30d166cdddb491f175f624",
    TEST_IMAGES: "2646ac647ad5339dbf082846283269ea",
    TEST_LABELS: "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture
def folder(small_folder: Path, tmp_path: Path) -> Path:
    """A small data folder to spoil."""
    return Path(shutil.copytree(small_folder, tmp_path / "raw"))


def refused(folder: Path, *parts: str) -> None:
    """Assert that ``folder`` is refused in one line that has all ``parts``."""
    with pytest.raises(DataError) as caught:
        load_mnist(folder=str(folder))
    one_line(caught.value, *parts)


def test_bundled_mnist_has_60000_and_10000_images(mnist: Mnist) -> None:
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert mnist.train_images.dtype == mnist.test_images.dtype == torch.uint8
    assert mnist.train_labels.shape == (60_000,)
    assert mnist.test_labels.shape == (10_000,)
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == torch.int64
    assert not mnist.held_out.any()


@pytest.mark.parametrize("name", CANONICAL_MD5)
def test_bundled_files_unpack_to_the_canonical_mnist(name: str) -> None:
    content = gzip.decompress(assets.read_asset(f"MNIST/raw/{name}.gz"))
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == CANONICAL_MD5[name]


def test_every_digit_occurs_as_often_as_in_mnist(mnist: Mnist) -> None:
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train_labels.bincount().tolist() == train
    assert mnist.test_labels.bincount().tolist() == test


def test_pixels_have_the_mean_and_spread_that_the_pipeline_takes_away(mnist: Mnist) -> None:
    pixels = prepare_28(mnist.train_images[:20_000])
    assert abs(float(pixels.mean())) < 0.01
    assert abs(float(pixels.std()) - 1) < 0.01


def test_damaged_bundled_file_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(assets.FOLDER / "MNIST", tmp_path / "MNIST")
    shutil.copy(assets.FOLDER / "SHA256SUMS", tmp_path)
    path = tmp_path / "MNIST/raw" / f"{TEST_LABELS}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(assets.AssetError) as caught:
        load_mnist()
    one_line(caught.value, str(path), "damaged")


def test_folder_with_plain_files_is_read(folder: Path, mnist: Mnist) -> None:
    read = load_mnist(folder=str(folder))
    assert torch.equal(read.train_images, mnist.train_images[:1000])
    assert torch.equal(read.train_labels, mnist.train_labels[:1000])
    assert torch.equal(read.test_images, mnist.test_images[:200])
    assert torch.equal(read.test_labels, mnist.test_labels[:200])


def test_folder_with_gz_files_is_read(folder: Path, mnist: Mnist) -> None:
    for path in list(folder.iterdir()):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    read = load_mnist(folder=str(folder))
    assert torch.equal(read.train_images, mnist.train_images[:1000])
    assert torch.equal(read.test_labels, mnist.test_labels[:200])


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", str(tmp_path / "nowhere"), "cannot be read")


def test_missing_file_is_refused_by_name(folder: Path) -> None:
    (folder / TEST_LABELS).unlink()
    refused(folder, TEST_LABELS, "cannot be read")


def test_file_that_is_a_folder_is_refused_by_name(folder: Path) -> None:
    (folder / TEST_LABELS).unlink()
    (folder / TEST_LABELS).mkdir()
    refused(folder, str(folder / TEST_LABELS), "cannot be read")


@pytest.mark.parametrize(
    ("name", "magic", "told"), [(TRAIN_IMAGES, 2049, "2051"), (TRAIN_LABELS, 2051, "2049")]
)
def test_wrong_magic_is_refused_with_the_found_and_the_right_one(
    folder: Path, name: str, magic: int, told: str
) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(struct.pack(">I", magic) + content[4:])
    refused(folder, str(folder / name), str(magic), told)


@pytest.mark.parametrize("name", CANONICAL_MD5)
@pytest.mark.parametrize("length", [0, 7, 15, 150])
def test_truncated_file_is_refused_by_name(folder: Path, name: str, length: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:length])
    refused(folder, str(folder / name))


@pytest.mark.parametrize("name", CANONICAL_MD5)
@pytest.mark.parametrize("count", [0, 199, 2**32 - 1])
def test_wrong_count_in_the_header_is_refused_by_name(folder: Path, name: str, count: int) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:4] + struct.pack(">I", count) + content[8:])
    refused(folder, str(folder / name), f"says {count} ")


def test_images_and_labels_that_differ_in_number_are_refused(folder: Path, mnist: Mnist) -> None:
    (folder / TEST_LABELS).write_bytes(idx_labels(mnist.test_labels[:199]))
    refused(folder, str(folder / TEST_IMAGES), "200 images", "199 labels")


def test_images_of_another_size_are_refused(folder: Path) -> None:
    content = struct.pack(">4I", 2051, 2, 32, 32) + bytes(2 * 32 * 32)
    (folder / TRAIN_IMAGES).write_bytes(content)
    refused(folder, str(folder / TRAIN_IMAGES), "32×32", "28×28")


def test_label_above_nine_is_refused(folder: Path) -> None:
    content = bytearray((folder / TRAIN_LABELS).read_bytes())
    content[100] = 10
    (folder / TRAIN_LABELS).write_bytes(content)
    refused(folder, str(folder / TRAIN_LABELS), "label 10", "0 to 9")


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 1)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: packed(content)[:-200], id="cut short"),
        pytest.param(lambda content: packed(content)[:40] + b"\xff" * 40, id="overwritten"),
        pytest.param(lambda content: packed(content)[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(lambda content: content, id="not gzip"),
        pytest.param(lambda content: b"", id="empty"),
    ],
)
def test_damaged_gz_is_refused_by_name(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(spoil((folder / TRAIN_IMAGES).read_bytes()))
    (folder / TRAIN_IMAGES).unlink()
    refused(folder, str(path))


def test_gz_that_unpacks_to_more_than_any_mnist_file_is_refused(folder: Path) -> None:
    (folder / TRAIN_IMAGES).unlink()
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(gzip.compress(bytes(LARGEST_FILE + 1), 1))
    refused(folder, str(path), "larger")


def test_parsers_read_back_what_was_written(mnist: Mnist) -> None:
    images, labels = mnist.test_images[:5], mnist.test_labels[:5]
    assert torch.equal(parse_images(idx_images(images), "x"), images)
    assert torch.equal(parse_labels(idx_labels(labels), "x"), labels)


def test_limits_keep_the_first_images(small_folder: Path, mnist: Mnist) -> None:
    read = load_mnist(folder=str(small_folder), train_limit=30, test_limit=7)
    assert torch.equal(read.train_images, mnist.train_images[:30])
    assert torch.equal(read.train_labels, mnist.train_labels[:30])
    assert torch.equal(read.test_images, mnist.test_images[:7])
    assert torch.equal(read.test_labels, mnist.test_labels[:7])


def rows(images: Tensor, labels: Tensor) -> list[tuple[bytes, int]]:
    """Images with their labels, comparable and in order."""
    return sorted(
        (image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True)
    )


def test_validation_split_is_disjoint_and_complete(small_folder: Path) -> None:
    whole = load_mnist(folder=str(small_folder), train_limit=500)
    split = load_mnist(folder=str(small_folder), train_limit=500, validation_split=0.3)
    assert int(split.held_out.sum()) == 150
    assert torch.equal(split.train_images, whole.train_images)
    splits = image_splits(split, prepare_28, 0)
    assert splits.validation is not None
    assert (len(splits.train), len(splits.validation)) == (350, 150)
    parts = (splits.train, splits.validation)
    both = rows(
        torch.cat([part.inputs for part in parts]), torch.cat([part.labels for part in parts])
    )
    everything = rows(whole.train_images, whole.train_labels)
    assert len(set(everything)) == 500, "the images must differ for this test to mean anything"
    assert both == everything
    assert torch.equal(splits.test.inputs, whole.test_images)
    assert image_splits(whole, prepare_28, 0).validation is None


def test_validation_images_are_drawn_with_the_seed(small_folder: Path) -> None:
    def held_out(seed: int) -> Tensor:
        return load_mnist(folder=str(small_folder), validation_split=0.1, seed=seed).held_out

    assert torch.equal(held_out(1), held_out(1))
    assert not torch.equal(held_out(1), held_out(2))


def test_split_that_leaves_no_training_image_is_refused(small_folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_mnist(folder=str(small_folder), validation_split=1.0)
    one_line(caught.value, "validation_split", "no training image")


def test_samples_give_prepared_inputs_and_their_labels() -> None:
    samples = Samples(torch.arange(10), torch.arange(10) * 10, lambda inputs: inputs + 0.5)
    assert len(samples) == 10
    batches = [(inputs.tolist(), labels.tolist()) for inputs, labels in samples.in_order(8)]
    assert batches[1] == ([8.5, 9.5], [80, 90])
    assert batches[0][0] == [number + 0.5 for number in range(8)]


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_shuffled_samples_come_once_for_every_seed_with_their_labels(batch_size: int) -> None:
    samples = Samples(torch.arange(1000), torch.arange(1000) * 10, lambda inputs: inputs + 0.5)
    seeds = [RunSeed(seed, torch.device("cpu")) for seed in (1, 2)]
    batches = list(samples.shuffled(batch_size, seeds))
    assert {inputs.shape[1] for inputs, _ in batches[:-1]} == {batch_size}
    inputs = torch.cat([part for part, _ in batches], 1)
    labels = torch.cat([part for _, part in batches], 1)
    assert torch.equal((inputs - 0.5) * 10, labels.float())
    for order in labels:
        assert sorted(order.tolist()) == list(range(0, 10_000, 10))
    assert not torch.equal(labels[0], labels[1])


def test_pipeline_of_mlp_and_cnn_equals_torchvision(mnist: Mnist) -> None:
    images = mnist.test_images[:50]
    expected = transforms.normalize(
        transforms.to_dtype(images.unsqueeze(1), torch.float32, scale=True), [0.1307], [0.3081]
    )
    prepared = prepare_28(images)
    assert (prepared.shape, prepared.dtype) == ((50, 1, 28, 28), torch.float32)
    torch.testing.assert_close(prepared, expected, atol=2e-6, rtol=0)


def test_pipeline_of_mobilenetv2_equals_torchvision(mnist: Mnist) -> None:
    images = mnist.test_images[:8]
    grey = transforms.to_dtype(images.unsqueeze(1), torch.float32, scale=True)
    large = transforms.resize(grey, [224, 224], interpolation=transforms.InterpolationMode.BILINEAR)
    expected = transforms.normalize(
        large.expand(-1, 3, -1, -1), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    prepared = prepare_224(images)
    assert (prepared.shape, prepared.dtype) == ((8, 3, 224, 224), torch.float32)
    torch.testing.assert_close(prepared, expected, atol=1e-5, rtol=0)


def test_pipeline_of_mobilenetv2_equals_pillow_within_a_grey_level(mnist: Mnist) -> None:
    image = mnist.test_images[0]
    picture = Image.fromarray(image.numpy()).convert("RGB")
    picture = picture.resize((224, 224), Image.Resampling.BILINEAR)
    expected = transforms.normalize(
        transforms.to_dtype(transforms.pil_to_tensor(picture), torch.float32, scale=True),
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    )
    torch.testing.assert_close(
        prepare_224(image[None])[0], expected, atol=1.01 / 255 / 0.224, rtol=0
    )


@pytest.mark.parametrize("prepare", [prepare_28, prepare_224])
def test_pipelines_leave_the_images_as_they_are(
    prepare: Callable[[Tensor], Tensor], mnist: Mnist
) -> None:
    images = mnist.test_images[:2].clone()
    prepare(images)
    assert torch.equal(images, mnist.test_images[:2])
