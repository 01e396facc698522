"""Digits are read from image files of every kind as MNIST's own, and no file does harm."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from engine.data import Mnist, prepare_28
from engine.image_file import ImageError, read_digit
from engine.ink import THICKEST, THINNEST, ink_of
from engine.models import MLP
from engine.one_line import printable
from engine.reading import in_the_middle, to_tensor

IMAGES = 500
VARIANTS = 100
Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)


@pytest.fixture(scope="module")
def network(mnist: Mnist) -> nn.Module:
    """An MLP, trained for a few seconds."""
    torch.manual_seed(1)
    network = MLP()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(2):
        for batch in torch.randperm(30_000).split(128):
            loss = nn.functional.cross_entropy(
                network(prepare_28(mnist.train_images[batch])), mnist.train_labels[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.inference_mode():
        return float((network(prepare_28(images)).argmax(1) == labels).float().mean())


def redrawn(
    digit: Tensor,
    random: np.random.Generator,
    *,
    paper: Color = WHITE,
    ink: Color = BLACK,
    shape: tuple[int, int] = (200, 200),
) -> Pixels:
    """A digit of MNIST somewhere on a sheet, uint8 [H, W, 3]."""
    side = int(random.integers(int(0.5 * min(shape)), int(0.9 * min(shape))))
    large = Image.fromarray(digit.numpy()).resize((side, side), Image.Resampling.BICUBIC)
    cover = np.zeros((*shape, 1))
    top, left = (int(random.integers(0, length - side)) for length in shape)
    cover[top : top + side, left : left + side, 0] = np.asarray(large) / 255
    sheet = np.array(paper) * (1 - cover) + np.array(ink) * cover
    return sheet.round().astype(np.uint8)


def test_500_test_images_redrawn_dark_on_light_are_read_as_well_as_plain(
    mnist: Mnist, network: nn.Module, tmp_path: Path
) -> None:
    digits, labels = mnist.test_images[:IMAGES], mnist.test_labels[:IMAGES]
    random = np.random.default_rng(1)
    read = []
    for digit in digits:
        Image.fromarray(redrawn(digit, random)).save(tmp_path / "digit.png", compress_level=1)
        read.append(to_tensor(read_digit(tmp_path / "digit.png")))
    plain = accuracy(network, digits, labels)
    assert plain >= 0.9
    assert accuracy(network, torch.stack(read), labels) >= plain - 0.01


def photo(digit: Tensor, random: np.random.Generator) -> Pixels:
    """With the light from one side, and noise."""
    sheet = redrawn(digit, random, paper=(225, 215, 200), ink=(50, 50, 70), shape=(300, 400))
    y, x = np.mgrid[0:1:300j, 0:1:400j]
    lit = sheet * (1 - 0.4 * x - 0.15 * y * y)[..., None]
    noisy: Pixels = (lit + random.normal(0, 8, lit.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def table(digit: Tensor, random: np.random.Generator) -> Pixels:
    """A sheet that does not fill the picture."""
    sheet = redrawn(digit, random)
    return np.concatenate([np.full((200, 40, 3), (70, 45, 30), np.uint8), sheet], axis=1)


def ruled(digit: Tensor, random: np.random.Generator) -> Pixels:
    sheet = redrawn(digit, random, ink=(30, 30, 80))
    sheet[::25] = np.minimum(sheet[::25], (190, 200, 240))
    return sheet


SHEETS: dict[str, Callable[[Tensor, np.random.Generator], Pixels]] = {
    "light on dark": lambda digit, random: redrawn(digit, random, paper=BLACK, ink=WHITE),
    "red on green": lambda d, random: redrawn(d, random, paper=(0, 150, 0), ink=(255, 20, 20)),
    "faint": lambda d, random: redrawn(d, random, paper=(250, 250, 245), ink=(205, 205, 205)),
    "wide": lambda digit, random: redrawn(digit, random, shape=(120, 500)),
    "as it is": lambda digit, random: digit.unsqueeze(-1).repeat(1, 1, 3).numpy(),
    "photo": photo,
    "on a table": table,
    "ruled paper": ruled,
}


@pytest.mark.parametrize("kind", SHEETS)
def test_sheets_of_any_kind_are_read(kind: str, mnist: Mnist, network: nn.Module) -> None:
    digits, labels = mnist.test_images[:VARIANTS], mnist.test_labels[:VARIANTS]
    random = np.random.default_rng(2)
    read = []
    for digit in digits:
        ink = ink_of(SHEETS[kind](digit, random))
        assert ink is not None
        read.append(to_tensor(in_the_middle(torch.from_numpy(ink).float())))
    plain = accuracy(network, digits, labels)
    assert accuracy(network, torch.stack(read), labels) >= plain - 0.03


def sheet(mnist: Mnist, **changes: Color) -> Image.Image:
    """The first test digit, a 7, on a sheet."""
    return Image.fromarray(redrawn(mnist.test_images[0], np.random.default_rng(3), **changes))


def see_through(image: Image.Image, ink: int) -> Image.Image:
    cover = image.convert("L").point(lambda grey: 255 - grey)
    layers = [Image.new("L", image.size, ink)] * 3
    return Image.merge("RGBA", (*layers, cover))


def turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


SAVED: dict[str, Callable[[Image.Image, Path], None]] = {
    "grey.png": lambda image, path: image.convert("L").save(path),
    "one-bit.png": lambda image, path: image.convert("1", dither=Image.Dither.NONE).save(path),
    "sixteen-bit.png": lambda image, path: Image.fromarray(
        np.asarray(image.convert("L")).astype(np.uint16) * 200
    ).save(path),
    "float.tif": lambda image, path: image.convert("F").save(path),
    "palette.png": lambda image, path: image.quantize(8).save(path),
    "dark-through.png": lambda image, path: see_through(image, 0).save(path),
    "light-through.png": lambda image, path: see_through(image, 255).save(path),
    "photo.jpg": lambda image, path: image.save(path, quality=60),
    "cmyk.jpg": lambda image, path: image.convert("CMYK").save(path),
    "turned.jpg": turned,
    "plain.webp": lambda image, path: image.save(path),
    "plain.bmp": lambda image, path: image.save(path),
    "plain.ppm": lambda image, path: image.save(path),
    "huge.png": lambda image, path: image.resize((3000, 2000)).save(path, compress_level=1),
    "moving.gif": lambda image, path: image.convert("L").save(
        path, save_all=True, append_images=[Image.new("L", image.size, 255)] * 2
    ),
    "moving.png": lambda image, path: image.save(
        path, save_all=True, append_images=[Image.new("RGB", image.size, "red")]
    ),
    "moving.webp": lambda image, path: image.save(
        path, save_all=True, append_images=[Image.new("RGB", image.size, "red")]
    ),
}


@pytest.mark.parametrize("name", SAVED)
def test_files_of_any_kind_are_read(
    name: str, mnist: Mnist, network: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / name
    SAVED[name](sheet(mnist), path)
    image = to_tensor(read_digit(path)).unsqueeze(0)
    assert accuracy(network, image, mnist.test_labels[:1]) == 1


@pytest.mark.parametrize("pen", [2, 5, 20, 60])
def test_thin_and_thick_pens_become_strokes_as_mnist_has_them(pen: int) -> None:
    paper = np.full((800, 800, 3), 240, np.uint8)
    paper[200:600, 300 : 300 + pen] = 40
    paper[200 : 200 + pen, 300:500] = 40
    ink = ink_of(paper)
    assert ink is not None
    stroke = to_tensor(in_the_middle(torch.from_numpy(ink).float()))[16].float().sum() / 255
    assert THINNEST - 0.9 <= float(stroke) <= THICKEST + 0.9


def refusal(path: Path) -> str:
    """The one line that refuses a file, without its name."""
    with pytest.raises(ImageError) as caught:
        read_digit(path)
    text = str(caught.value)
    assert text.isprintable()
    name = printable(str(path))
    assert text.startswith(f"{name}: ")
    return text.removeprefix(f"{name}: ")


def header(width: int, height: int) -> bytes:
    """A PNG that is nothing but its claim."""
    chunks = [
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(4).integers(0, 255, (60, 60, 3), np.uint8)
    Image.fromarray(noise).save(stream, kind)
    return stream.getvalue()


def white() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(stream, "PNG")
    return stream.getvalue()


REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"some text\n", "is not an image; allowed: PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
    "bomb": (header(50_000, 50_000), "is larger than 64 million pixels"),
    "too large": (header(10_000, 9_000), "is 10000×9000 pixels large; allowed: 64 million"),
    "no pixels": (header(60, 60), "is damaged or cut short"),
    "zero": (header(0, 0), "is "),
    "cut PNG": (encoded("PNG")[:-2000], "is damaged or cut short"),
    "cut JPEG": (encoded("JPEG")[:-500], "is damaged or cut short"),
    "white": (white(), "shows nothing written: all of it is alike"),
}


@pytest.mark.parametrize(("content", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_of_a_digit_is_refused_in_one_line(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        assert refusal(path).startswith(problem)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert refusal(tmp_path / "folder.png") == "is not a file"
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png") == "is not a file"
    assert "No such file" in refusal(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="not a file's name"):
        read_digit(Path("a\0b"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch(0o000)
    assert "Permission denied" in refusal(path)


def test_name_with_escapes_is_shown_inert(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J[red].png"
    path.write_bytes(b"x")
    assert refusal(path).startswith("is not an image")
