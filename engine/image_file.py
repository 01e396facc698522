"""Reads a digit from an image file of any size and kind: a photo, a scan, a drawing.

What a file claims is not trusted: its size is known before it is decoded, and only decoders of
plain pictures are asked, not those that would run a program.
"""

from __future__ import annotations

import io
import stat
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.ink import ink_of
from engine.one_line import OneLineError
from engine.reading import in_the_middle

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
"""What can be read, with the endings of such files."""
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
LARGEST_FILE = 128 * 2**20
"""Bytes."""
MOST_PIXELS = 64_000_000
"""Of an image as it is decoded; a phone's camera has up to 50 million."""
WORKING_SIDE = 800
"""Pixels of the longer side that a digit is looked for in: a large photo's noise averages out."""


class ImageError(OneLineError):
    """An image that cannot be read. Its text is one line that names the file."""


def read_digit(path: Path) -> bytes:
    """The digit in an image file as MNIST would have it: 28×28 grey bytes, white on black.

    Of an animation it is the first picture.

    Raises:
        ImageError: it cannot be read, is no image, is too large or damaged, or shows no digit.
    """
    ink = ink_of(_picture(path))
    if ink is None:
        raise _error(path, "shows nothing written: all of it is alike")
    return in_the_middle(torch.from_numpy(ink).float())


def _error(path: Path, problem: str) -> ImageError:
    return ImageError(f"{path}: {problem}")


def _picture(path: Path) -> NDArray[np.uint8]:
    """An image file as uint8 [H, W, 3], upright, its longer side at most ``WORKING_SIDE``."""
    content = _content(path)
    allowed = ", ".join(FORMATS)
    # Pillow's warnings say what either does not matter here or is refused below.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(content), formats=tuple(FORMATS))
        except Image.DecompressionBombError:
            raise _error(path, f"is larger than {MOST_PIXELS // 10**6} million pixels") from None
        except UnidentifiedImageError:
            raise _error(path, f"is not an image; allowed: {allowed}") from None
        except Exception:  # a decoder raises nearly anything for a damaged file
            raise _error(path, "is damaged or cut short") from None
        width, height = image.size
        if width * height > MOST_PIXELS:
            allowed = f"{MOST_PIXELS // 10**6} million"
            raise _error(path, f"is {width}×{height} pixels large; allowed: {allowed}")
        try:
            return _visible(_upright(image))
        except Exception:
            raise _error(path, "is damaged or cut short") from None


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading from a pipe might never end
            raise _error(path, "is not a file")
        if status.st_size > LARGEST_FILE:
            raise _error(path, f"is larger than {LARGEST_FILE // 2**20} MiB")
        with path.open("rb") as file:
            content = file.read(status.st_size)
    except (OSError, ValueError) as error:  # ValueError for names that no file can have
        reason = getattr(error, "strerror", None) or "not a file's name"
        raise _error(path, f"cannot be read: {reason}") from error
    if not content:
        raise _error(path, "is empty")
    return content


def _upright(image: Image.Image) -> Image.Image:
    """In 8 bits a channel, RGBA, turned as its camera was held, no larger than needed."""
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG can be decoded smaller at once
    ImageOps.exif_transpose(image, in_place=True)
    deep = image.mode == "F" or image.mode.startswith("I")
    small = (_in_8_bits(image) if deep else image).convert("RGBA")
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return small


def _in_8_bits(image: Image.Image) -> Image.Image:
    """A grey image of more bits, from its darkest value to its lightest."""
    values = np.asarray(image, np.float32)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))


def _visible(image: Image.Image) -> NDArray[np.uint8]:
    """RGBA as RGB, uint8 [H, W, 3], what is transparent filled with what lets the rest be seen."""
    pixels = np.asarray(image)
    colors, alpha = pixels[..., :3], pixels[..., 3:] / 255
    seen = colors[alpha[..., 0] > 0.5]
    if alpha.min() == 1 or not len(seen):
        return np.ascontiguousarray(colors) if len(seen) else np.zeros_like(colors)
    middle = np.median(seen, axis=0)
    unlike = np.abs(seen.astype(np.float32) - middle).max(axis=1)
    is_paper = len(seen) > alpha.size / 2 and np.percentile(unlike, 99) > 64
    # Where only the ink is opaque, what is transparent is its paper: white unless the ink is light.
    paper = middle if is_paper else np.full(3, 255.0 if middle.mean() < 128 else 0.0)
    return (colors * alpha + paper * (1 - alpha)).round().astype(np.uint8)
