"""Files of tensors: nothing in them is executed, and they need as much memory as they are long."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LONGEST = 2**31
"""Bytes of one: the checkpoint of a thousand runs side by side has half as many."""


def tensor_bytes(content: object) -> bytes:
    """Tensors in plain containers as a file that ``torch.load(path, weights_only=True)`` reads."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def load_tensors(path: Path) -> Any:
    """What ``tensor_bytes`` was given, on the CPU.

    Raises:
        OSError: it cannot be read.
        Exception: nearly any other, for a damaged file or another kind of file.
    """
    _refuse_bombs(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is strange in a file that is refused anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def plain(value: Tensor, kind: torch.dtype) -> Tensor:
    """A tensor with all its numbers in memory, as it is if it is one.

    Raises:
        TypeError: it is not, and may stand for more numbers than there is memory for.
    """
    if not (value.layout is torch.strided and value.is_cpu and value.dtype is kind):
        raise TypeError("not a plain tensor")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise TypeError("an expanded tensor")
    return value


def _refuse_bombs(path: Path) -> None:
    """Ours are not compressed, so that they are no larger in memory than on the disk."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe might never end, nor even begin
        raise OSError("is not a file")
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if max(unpacked, status.st_size) > min(status.st_size, LONGEST):
        raise ValueError("unpacks to more than it is, or is too long")
