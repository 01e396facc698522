"""Data, weights, and the folders that are written to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.assets import read_asset
from engine.doctor.check import Check
from engine.settings import Settings, expanded

MEGABYTE = 10**6
RESULTS_NEED = 200 * MEGABYTE
"""Bytes: 9 MB a run of mobilenetv2, twice while it can be resumed, and room for a few."""
CACHE_NEEDS = 70_000 * 1280 * 2
"""Bytes: 1280 float16 features of every image."""


def data(settings: Settings) -> Iterator[Check]:
    """Whether the images can be read; the bundled ones against their checksums."""
    from engine.data import read_part

    train, test = (len(read_part(settings.data, part)[1]) for part in ("train", "t10k"))
    where = settings.data or "bundled, checksums right"
    yield Check("data", "ok", f"{train:,} training and {test:,} test images: {where}")


def weights(settings: Settings) -> Iterator[Check]:
    """Whether MobileNetV2's weights are there, or have to be fetched."""
    from engine.models import BUNDLED_WEIGHTS

    wanted = settings.mobilenetv2_weights
    size = len(read_asset(BUNDLED_WEIGHTS))
    if wanted == "bundled":
        yield Check("weights", "ok", f"MobileNetV2, {size / 1e6:.1f} MB: bundled, checksum right")
    else:
        found = f"{wanted}: torchvision downloads them when they are first used"
        yield Check("weights", "warning", found, "without a network: --mobilenetv2-weights bundled")


def results(settings: Settings) -> Iterator[Check]:
    """Whether experiments can be saved."""
    path, advice = expanded(settings.results), "free some, or give --results another folder"
    yield _folder("results", path, RESULTS_NEED, advice)


def cache(settings: Settings) -> Iterator[Check]:
    """Whether frozen features can be kept."""
    from engine.cache import cache_folder

    if not settings.cache:
        yield Check("cache", "ok", "off: MobileNetV2's features are computed every time")
        return
    advice = "free some, give --cache-folder another folder, or --cache false"
    yield _folder("cache", cache_folder(settings), CACHE_NEEDS, advice)


def _folder(name: str, path: Path, needed: int, advice: str) -> Check:
    """Whether a folder, or the one that it will be made in, can be written to. Leaves nothing."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"mnist-tui")
            file.flush()
    except OSError as error:
        found = f"{path}: cannot be written to: {error.strerror or error}"
        return Check(name, "problem", found, advice)
    free = shutil.disk_usage(there).free
    made = "" if there == path else ", made when it is needed"
    found = f"{path}{made}; {free / 1e9:.1f} GB free"
    if free < needed:
        return Check(name, "warning", f"{found}, {needed / 1e6:.0f} MB may be needed", advice)
    return Check(name, "ok", found)
