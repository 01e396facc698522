"""IDX files are read whole and right, or refused in one line, in bounded memory."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_support import INPUTS, clear_line, edited, edits, examples
from hypothesis import given
from hypothesis import strategies as st

from engine.data import LARGEST_FILE, DataError, parse_images, parse_labels, read_part

IMAGES = struct.pack(">4I", 2051, 1, 28, 28) + bytes(28 * 28)
LABELS = struct.pack(">2I", 2049, 1) + b"\x07"
words = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2, 10, 28, 2049, 2051, 60_000]))


def parse(content: bytes) -> None:
    """As images and as labels."""
    try:
        images = parse_images(content, "images")
        assert images.shape == (len(images), 28, 28)
        assert images.numel() == len(content) - 16
    except DataError as error:
        clear_line(error, "images: ")
    try:
        labels = parse_labels(content, "labels")
        assert 0 <= int(labels.min()) <= int(labels.max()) <= 9
        assert len(labels) == len(content) - 8
    except DataError as error:
        clear_line(error, "labels: ")


def test_cut_anywhere() -> None:
    tried = 0
    for whole in (IMAGES, LABELS + bytes(len(IMAGES))):
        for length in range(len(whole)):
            parse(whole[:length])
            tried += 1
    assert tried >= INPUTS["IDX, cut"]


@examples("IDX, headers")
@given(st.lists(words, max_size=5), st.binary(max_size=20), st.integers(0, 3))
def test_any_header(header: list[int], rest: bytes, images: int) -> None:
    parse(struct.pack(f">{len(header)}I", *header) + rest + bytes(28 * 28) * images)


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    """Of the training files; the labels are plain, the images packed."""
    (place / "train-labels-idx1-ubyte").write_bytes(LABELS)
    return place


def read(folder: Path, content: bytes) -> bool:
    """Whether these packed images are taken."""
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    try:
        images, labels = read_part(str(folder), "train")
    except DataError as error:
        clear_line(error, str(path))
        return False
    assert len(images) == len(labels) == 1
    return True


@examples("IDX, gzip")
@given(st.one_of(st.binary(max_size=60), edits, st.integers(0, 60)))
def test_any_packed_bytes(folder: Path, wanted: Any) -> None:
    whole = gzip.compress(IMAGES, mtime=0)
    assert read(folder, whole)
    if isinstance(wanted, int):
        assert wanted >= len(whole) or not read(folder, whole[:wanted])
    else:
        read(folder, wanted if isinstance(wanted, bytes) else edited(whole, wanted))


MEASURE = """
import resource, sys
from engine.data import DataError, read_part
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_part(sys.argv[1], "train")
except DataError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_small_file_that_would_take_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(IMAGES[:16]) + gzip.compress(bytes(2**20)) * 4096)
    assert path.stat().st_size < 5 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    said, kibibytes = done.stdout.splitlines()
    assert said == f"{path}: is larger than any MNIST file ({LARGEST_FILE} bytes)"
    assert int(kibibytes) < 4 * LARGEST_FILE / 1024


def test_what_is_no_file(tmp_path: Path, pipe: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    for target, said in ((pipe, "is not a file"), (Path("/dev/zero"), "is larger than any")):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises(DataError) as caught:
            read_part(str(tmp_path), "train")
        clear_line(caught.value, said)


@pytest.mark.parametrize(
    "folder", ["x" * 5000, "~nosuchuser/x", "a\nb\x1b[2J", "\udcff", "..", "/dev"], ids=ascii
)
def test_folders_that_are_none(folder: str) -> None:
    with pytest.raises(DataError) as caught:
        read_part(folder, "train")
    clear_line(caught.value, "cannot be read")
