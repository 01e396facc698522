"""Frozen features kept on disk, so that the next experiment need not compute them again.

One file per set of features, named by a hash of everything they depend on. A file starts with the
SHA-256 of the rest; one that does not match is computed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from engine.device import Capabilities
from engine.files import LONG_AGO, remove_leftovers, write_atomically
from engine.settings import Settings, expanded

if TYPE_CHECKING:  # the folder is found, looked at and emptied without torch
    from torch import Tensor, nn

CHECKSUM_BYTES = 32
SUFFIX = ".features"
PIPELINE = "224x224 bilinear, ImageNet mean and std, features pooled, version 2"
"""Changes whenever the pipeline does, so that old files are no longer found."""


def cache_folder(settings: Settings) -> Path:
    """Where cached features are: the ``cache_folder`` setting, else the user's cache folder."""
    if settings.cache_folder:
        return expanded(settings.cache_folder)
    return user_cache_path("mnist-tui", appauthor=False)


def features_file(folder: Path, network: nn.Module, images: Tensor, able: Capabilities) -> Path:
    """The file for the features that ``network`` makes of ``images`` on this kind of device.

    Args:
        network: frozen; its weights are part of the name.
        images: uint8 [N, 28, 28].
        able: what the device computes with; other kernels give other last digits.
    """
    import torch

    computes = (able.feature_dtype, able.feature_batch, able.fused_convolutions)
    where = (able.memory_format, images.device.type, torch.__version__)
    key = hashlib.sha256(f"{PIPELINE} {computes} {where}".encode())
    for name, tensor in network.state_dict().items():
        key.update(name.encode())
        key.update(_bytes(tensor))
    key.update(_bytes(images))
    return folder / f"{key.hexdigest()[:32]}{SUFFIX}"


def load_features(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """Return float16 features of ``shape`` on the CPU; None if the file is not there or damaged."""
    import torch

    try:
        if path.stat().st_size != CHECKSUM_BYTES + shape[0] * shape[1] * 2:
            return None
        content = bytearray(path.read_bytes())
    except OSError:
        return None
    if hashlib.sha256(memoryview(content)[CHECKSUM_BYTES:]).digest() != content[:CHECKSUM_BYTES]:
        return None
    with contextlib.suppress(OSError):
        path.touch()  # the file used last is the last to be removed
    return torch.frombuffer(content, dtype=torch.float16, offset=CHECKSUM_BYTES).view(shape)


def store_features(path: Path, features: Tensor, limit: int) -> bool:
    """Write float16 features, and remove the files used longest ago above ``limit`` bytes.

    Returns:
        False if the features alone are above the limit, so that they are not kept.

    Raises:
        OSError: the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = _bytes(features)
    if len(data) + CHECKSUM_BYTES > limit:
        return False
    remove_leftovers(path.parent, SUFFIX, LONG_AGO)
    write_atomically(path, hashlib.sha256(data).digest() + data)
    files = sorted(path.parent.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total <= limit or file == path:
            break
        total -= file.stat().st_size
        file.unlink(missing_ok=True)
    return True


def clear_cache(folder: Path) -> tuple[int, int]:
    """Remove all cached features, and what a killed process left half written; return the number
    of files and of bytes that were freed.

    Raises:
        OSError: a file cannot be removed.
    """
    files = [*folder.glob(f"*{SUFFIX}"), *folder.glob(f".*{SUFFIX}.*")]
    freed = sum(file.stat().st_size for file in files)
    for file in files:
        file.unlink(missing_ok=True)
    return len(files), freed


def _bytes(tensor: Tensor) -> bytes:
    import torch

    plain = tensor.detach().cpu().contiguous().view(-1)
    return bytes(plain.view(torch.uint8).numpy().data) if plain.numel() else b""
