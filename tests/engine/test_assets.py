"""Bundled files and their checksums."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_support import one_line

from engine import assets

LABELS = "MNIST/raw/t10k-labels-idx1-ubyte.gz"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of assets to spoil, with one file in it."""
    (tmp_path / LABELS).parent.mkdir(parents=True)
    shutil.copy(assets.FOLDER / LABELS, tmp_path / LABELS)
    shutil.copy(assets.FOLDER / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assets._checksums.cache_clear()
    yield tmp_path
    assets._checksums.cache_clear()


def listed() -> list[str]:
    lines = (assets.FOLDER / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return [line.split()[1] for line in lines]


@pytest.mark.parametrize("name", listed())
def test_every_listed_file_is_as_it_was_bundled(name: str) -> None:
    assert assets.read_asset(name) == (assets.FOLDER / name).read_bytes()


def test_checksums_list_every_bundled_data_file() -> None:
    ours = {"README.md", "SHA256SUMS"}
    found = {
        path.relative_to(assets.FOLDER).as_posix()
        for path in assets.FOLDER.rglob("*")
        if path.is_file() and path.name not in ours and path.suffix not in (".py", ".pyc")
    }
    assert found == set(listed())


def test_intact_copy_is_read(copy: Path) -> None:
    assert assets.read_asset(LABELS) == (copy / LABELS).read_bytes()


@pytest.mark.parametrize("at", [0, -1])
def test_one_flipped_bit_is_found(copy: Path, at: int) -> None:
    content = bytearray((copy / LABELS).read_bytes())
    content[at] ^= 1
    (copy / LABELS).write_bytes(content)
    with pytest.raises(assets.AssetError) as caught:
        assets.read_asset(LABELS)
    found = hashlib.sha256(content).hexdigest()
    one_line(caught.value, str(copy / LABELS), "damaged", found[:12], "install")


def test_file_cut_short_is_found(copy: Path) -> None:
    (copy / LABELS).write_bytes((copy / LABELS).read_bytes()[:-1])
    with pytest.raises(assets.AssetError, match="damaged"):
        assets.read_asset(LABELS)


def test_missing_file_is_named(copy: Path) -> None:
    (copy / LABELS).unlink()
    with pytest.raises(assets.AssetError) as caught:
        assets.read_asset(LABELS)
    one_line(caught.value, str(copy / LABELS), "install")


def test_file_that_is_not_listed_is_refused(copy: Path) -> None:
    (copy / "extra").write_bytes(b"x")
    with pytest.raises(assets.AssetError) as caught:
        assets.read_asset("extra")
    one_line(caught.value, str(copy / "extra"))


@pytest.mark.parametrize(
    "content",
    [None, b"", b"1a1a05eab793c14b", b"\xff\xfe"],
    ids=["missing", "empty", "cut", "binary"],
)
def test_spoiled_checksums_are_an_asset_error(copy: Path, content: bytes | None) -> None:
    if content is None:
        (copy / "SHA256SUMS").unlink()
    else:
        (copy / "SHA256SUMS").write_bytes(content)
    with pytest.raises(assets.AssetError) as caught:
        assets.read_asset(LABELS)
    one_line(caught.value, str(copy))
