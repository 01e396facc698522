"""An experiment is deleted whole, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from engine_support import one_line

from engine.delete import delete_experiment, size_on_disk
from engine.lock import working_on
from engine.results import ResultsError
from engine.results_folder import folders_with

ID = "20260101-120000-mlp"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment, with a link to something outside of it."""
    folder = tmp_path / "results" / ID
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
        one_line(caught.value, f"{ID}: is being trained by process")
        assert (folder / "deep" / "er" / "five").exists()
    delete_experiment(folder)


def test_one_that_is_half_removed_is_no_experiment_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path / "deep"))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(ResultsError) as caught:
        delete_experiment(folder)
    one_line(caught.value, "deep: cannot be removed: Operation not permitted")
    assert folders_with(folder.parent, "summary.toml") == []


def test_where_nothing_can_be_renamed_nothing_is_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ResultsError) as caught:
        delete_experiment(folder)
    one_line(caught.value, f"{ID}: cannot be removed: Read-only file system")
    assert (folder / "deep" / "er" / "five").exists()
    assert (folder / "summary.toml").exists()


def test_somebodys_folder_with_a_summary_of_its_own_is_refused(folder: Path) -> None:
    book = folder.with_name("book")
    book.mkdir()
    (book / "summary.toml").write_text('title = "my book"\n')
    with pytest.raises(ResultsError) as caught:
        delete_experiment(book)
    one_line(caught.value, "summary.toml", "not deleted, as its name is no experiment's")
    assert (book / "summary.toml").exists()


def test_size_counts_files_once_and_follows_no_link(folder: Path) -> None:
    link = (folder / "link").lstat().st_size
    assert size_on_disk(folder) in (5 + 3, 5 + 3 + link)  # a link to a folder is none of the files
