"""Which keys the lowest line names, by its width; and that a click on them does what they do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import ScriptedTrainer, text
from textual.pilot import Pilot
from textual.widgets import Static

from tui.app import MnistApp
from tui.widgets.keys_footer import KeysFooter

MakeApp = Callable[..., MnistApp]


async def begin(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    await pilot.press("s")
    trainer.begin()
    await pilot.pause(0.4)


def last_line(pilot: Pilot[int]) -> str:
    return text(pilot.app).split("\n")[-1]


@pytest.mark.parametrize(
    ("width", "others", "charts"),
    [
        (160, True, True),
        (120, True, True),
        (100, True, True),
        (80, True, False),
        (70, False, False),
    ],
)
async def test_as_many_keys_as_there_is_room_for(
    make_app: MakeApp, trainer: ScriptedTrainer, width: int, others: bool, charts: bool
) -> None:
    async with make_app().run_test(size=(width, 24)) as pilot:
        await begin(pilot, trainer)
        line = last_line(pilot)
        assert "p Pause" in line.replace("  ", " ")
        assert "q Quit" in line.replace("  ", " ")
        assert "? Help" in line.replace("  ", " ")
        assert ("Inspect" in line) == others
        assert ("m l o u b z ← → charts" in line) == charts


async def test_other_keys_after_a_resize(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        await pilot.resize_terminal(70, 20)
        await pilot.pause(0.2)
        assert "? Help" in last_line(pilot)
        assert "Inspect" not in last_line(pilot)
        await pilot.resize_terminal(120, 40)
        await pilot.pause(0.2)
        assert "charts" in last_line(pilot)


async def test_a_click_on_a_key_does_what_it_does(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        trainer.train(trainer.control.plan.state().runs[0].run, epochs=2)
        await pilot.pause(0.4)
        keys = pilot.app.screen.query_one("KeysFooter .charts", Static)
        start = keys.content_region.x - keys.region.x
        await pilot.click(keys, offset=(start + len("m "), 0))  # l
        await pilot.pause()
        assert not pilot.app.screen.query_one("Charts").options.log_loss  # type: ignore[attr-defined]
        await pilot.click(keys, offset=(start + len("m l o u b z "), 0))  # the left arrow
        await pilot.pause(0.2)
        assert "epoch 2" in text(pilot.app)
        await pilot.click(keys, offset=(start, 0))  # m
        await pilot.pause()
        assert pilot.app.screen.maximized is not None


async def test_screens_without_charts_name_no_keys_of_theirs(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        await pilot.press("c")
        await pilot.pause(0.3)
        assert pilot.app.screen.query(KeysFooter)
        assert "charts" not in last_line(pilot)
