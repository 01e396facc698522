"""What was chosen last survives the program, and nothing about it can end the program."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from scripted import ScriptedTrainer

from engine.settings import Settings
from tui import cli
from tui.app import MnistApp
from tui.memory import memory_file, recall, remember, remember_choices, with_last_choices


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


def test_last_choices_come_back_where_nothing_else_is_said() -> None:
    chosen = Settings(models=("cnn",), preset="best", epochs=3, repeats=2)
    remember_choices(chosen)
    assert with_last_choices(Settings()) == chosen
    assert with_last_choices(Settings(seed=7)) == replace(chosen, seed=7)
    for given in (Settings(models=("mlp",)), Settings(preset="quick"), Settings(repeats=9)):
        assert with_last_choices(given) == given


def test_where_it_trained_last_comes_back_unless_something_says_where() -> None:
    remember_choices(Settings(repeats=2, device="cpu", workers=2))
    assert with_last_choices(Settings()) == Settings(repeats=2, device="cpu", workers=2)
    assert with_last_choices(Settings(repeats=7)) == Settings(repeats=7, device="cpu", workers=2)
    for where in (Settings(ray="local"), Settings(devices="all"), Settings(device="cuda")):
        assert with_last_choices(where) == replace(where, repeats=2)


@pytest.mark.parametrize("last", [{"epochs": 0}, {"models": ["gone"]}, {"preset": "gone"}])
def test_choices_that_are_no_longer_allowed_are_not_used(last: dict[str, object]) -> None:
    remember(last)
    assert with_last_choices(Settings()) == Settings()


async def test_what_is_started_is_remembered(
    make_app: Callable[..., MnistApp], trainer: ScriptedTrainer
) -> None:
    app = make_app(repeats=3, epochs=2, models=("mlp",))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert recall() == {}
        await pilot.press("s")
        await pilot.pause()
    how = {"models": ["mlp"], "repeats": 3, "epochs": 2, "preset": "default"}
    assert recall() == {**how, "device": "auto", "devices": "", "workers": 0}


@pytest.mark.parametrize(
    ("flags", "as_last_time"),
    [([], True), (["--seed", "1"], True), (["--preset", "default"], False)],
)
def test_what_the_command_line_says_is_not_overruled(
    monkeypatch: pytest.MonkeyPatch, flags: list[str], as_last_time: bool
) -> None:
    asked = []

    def dashboard(settings: Settings, *, as_last_time: bool) -> int:
        asked.append(as_last_time)
        return 0

    monkeypatch.setattr(cli, "_open_dashboard", dashboard)
    assert cli.main(flags) == 0
    assert asked == [as_last_time]
