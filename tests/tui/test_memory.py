"""What was chosen last survives the program, and nothing about it can end the program."""

from __future__ import annotations

import os

import pytest

from tui.memory import memory_file, recall, remember


def test_nothing_is_remembered_at_first() -> None:
    assert recall() == {}


def test_choices_are_kept_beside_each_other() -> None:
    remember({"theme": "light"})
    remember({"models": ["mlp"], "theme": "dark"})
    assert recall() == {"theme": "dark", "models": ["mlp"]}


@pytest.mark.parametrize("content", [b"theme = ", b"\xff\xfe", b"\0"])
def test_a_damaged_file_is_as_none_and_is_replaced(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    memory_file().parent.mkdir(parents=True)
    memory_file().write_bytes(content)
    assert recall() == {}
    assert str(memory_file()) in caplog.text
    remember({"theme": "light"})
    assert recall() == {"theme": "light"}


def test_a_folder_that_cannot_be_made_costs_only_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory_file().parent.parent.mkdir(parents=True, exist_ok=True)
    memory_file().parent.write_text("a file in the folder's place")
    remember({"theme": "light"})
    assert recall() == {}
    assert "cannot be written" in caplog.text
    assert os.listdir(memory_file().parent.parent) == [memory_file().parent.name]
