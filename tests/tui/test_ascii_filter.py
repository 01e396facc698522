"""Whatever is drawn becomes ASCII of the same width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from scripted import ScriptedTrainer

from engine.events import RunId
from tui.app import MnistApp
from tui.ascii_text import to_ascii, wants_ascii


@pytest.mark.parametrize(
    ("drawn", "plain"),
    [
        ("98.71 ± 0.09 %", "98.71 +-0.09 %"),
        ("╭─ loss ─╮", "+- loss -+"),
        ("━━━╸───", "====---"),
        ("784 → 100", "784 ->100"),
        ("▶ ✓ · ●◆■", "> v . o*#"),
        ("⠉⣀⣿⠀", "'.: "),
        ("é", "e"),
        ("数", "??"),
    ],
)
def test_characters_become_ascii_of_the_same_width(drawn: str, plain: str) -> None:
    assert to_ascii(drawn) == plain
    assert cell_len(plain) == cell_len(drawn)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, True),  # as Python leaves it for its children
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_ALL": "C.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
    ],
)
def test_the_locale_decides_unless_the_user_does(environment: dict[str, str], wanted: bool) -> None:
    assert wants_ascii("auto", environment) is wanted
    assert wants_ascii("ascii", environment)
    assert not wants_ascii("unicode", environment)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_no_screen_has_another_character(
    make_app: Callable[..., MnistApp], trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    def picture() -> str:
        return "".join(strip.text for strip in app.screen._compositor.render_strips())

    app = make_app(characters="ascii", models=("mlp", "cnn"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.1)
        assert picture().isascii()
        await pilot.press("s")
        trainer.begin()
        trainer.train(RunId("mlp", 1), 2)
        await pilot.pause(0.4)
        assert "test" in picture()
        assert picture().isascii()
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        assert picture().isascii()
