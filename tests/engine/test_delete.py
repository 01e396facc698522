"""An experiment is deleted whole, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from engine_support import one_line

from engine.delete import delete_experiment, size_on_disk
from engine.lock import working_on
from engine.results import ResultsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment, with a link to something outside of it."""
    folder = tmp_path / "results" / "one"
    (folder / "deep" / "er").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text").write_text("mine")
    (folder / "link").symlink_to(tmp_path / "mine", target_is_directory=True)
    (folder / "deep" / "er" / "five").write_bytes(b"12345")
    (folder / "summary.toml").write_bytes(b"123")
    (folder.parent / "two").mkdir()
    return folder


def test_all_of_it_goes_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    delete_experiment(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["two"]
    assert (tmp_path / "mine" / "text").read_text() == "mine"


def test_a_link_is_refused(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder, target_is_directory=True)
    with pytest.raises(ResultsError) as caught:
        delete_experiment(link)
    one_line(caught.value, "is a link to", str(folder))
    assert (folder / "summary.toml").exists()


def test_one_that_is_trained_is_refused(folder: Path) -> None:
    with working_on(folder):
        with pytest.raises(ResultsError) as caught:
            delete_experiment(folder)
        one_line(caught.value, "one: is being trained by process")
        assert (folder / "deep" / "er" / "five").exists()
    delete_experiment(folder)


def test_what_could_not_be_removed_can_be_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refuse)
        with pytest.raises(ResultsError) as caught:
            delete_experiment(folder)
    one_line(caught.value, "deep: cannot be removed: Operation not permitted")
    assert (folder / "summary.toml").exists()
    delete_experiment(folder)
    assert not folder.exists()


def test_size_counts_files_once_and_follows_no_link(folder: Path) -> None:
    link = (folder / "link").lstat().st_size
    assert size_on_disk(folder) in (5 + 3, 5 + 3 + link)  # a link to a folder is none of the files
