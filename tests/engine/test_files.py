"""Files on disks that are full, and in folders that go."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
import torch

from engine.events import Notice
from engine.files import SavedFiles, write_atomically
from engine.tensor_file import load_tensors, tensor_bytes


def test_atomic_write_replaces_the_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    for content in ("old", "newer ✓", b"\x00\xff"):
        write_atomically(tmp_path / "file", content)
        expected = content.encode() if isinstance(content, str) else content
        assert (tmp_path / "file").read_bytes() == expected
    assert os.listdir(tmp_path) == ["file"]


def test_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", "x")
        assert os.umask(0o027) == 0o027, "the umask must be as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_that_fails_keeps_the_old_content_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_atomically(tmp_path / "file", "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_tensors_read_back_without_running_anything(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    (tmp_path / "x.pt").write_bytes(tensor_bytes({**layer.state_dict()}))
    state = load_tensors(tmp_path / "x.pt")
    assert state.keys() == {"weight", "bias"}
    assert torch.equal(state["weight"], layer.weight)


def test_what_is_refused_is_told_once_and_kept_in_its_newest_form(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.write_text("in the way")
    told: list[Notice] = []
    files = SavedFiles(told.append)
    for content in (b"old", b"new"):
        assert not files.save(folder / "a", content)
    files.save(folder / "b", b"other")
    assert [(notice.level, Path(notice.text.split(":")[0]).name) for notice in told] == [
        ("error", "a"),
        ("error", "b"),
    ]
    folder.unlink()
    folder.mkdir()
    files.save_refused()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a": b"new",
        "b": b"other",
    }
    assert not files.refused
    assert [notice.level for notice in told[2:]] == ["info"] * 2


def test_a_folder_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    told: list[Notice] = []
    files = SavedFiles(told.append)
    path = tmp_path / "results" / "x" / "summary.toml"
    path.parent.mkdir(parents=True)
    assert files.save(path, b"1")
    assert not told
    shutil.rmtree(tmp_path / "results")
    assert files.save(path, b"2")
    assert path.read_bytes() == b"2"
    (notice,) = told
    assert notice.text.startswith(f"{path.parent}: was removed")


def test_a_file_of_no_use_any_more_is_not_written_later(tmp_path: Path) -> None:
    (tmp_path / "way").write_text("in it")
    files = SavedFiles(lambda notice: None)
    files.save(tmp_path / "way" / "a", b"x")
    files.save(tmp_path / "b", b"x")
    files.forget(tmp_path / "way" / "a")
    files.forget(tmp_path / "b")
    assert not files.refused
    assert [path.name for path in tmp_path.iterdir()] == ["way"]
