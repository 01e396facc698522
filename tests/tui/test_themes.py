"""Colours: the program's own themes, chosen by setting, key and memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import ScriptedTrainer
from textual.color import Color
from textual.widgets import Button

from engine.events import RunId
from engine.settings import THEMES as THEME_SETTINGS
from tui import memory
from tui.app import MnistApp
from tui.palette import LOOKS, chart_ink, model_shades
from tui.screens.training import TrainingScreen
from tui.themes import THEMES
from tui.widgets.model_card import ModelCard
from tui.widgets.summary_panel import SummaryPanel

MakeApp = Callable[..., MnistApp]


def test_every_theme_of_ours_can_be_set_by_name() -> None:
    assert {theme.name for theme in THEMES} == set(THEME_SETTINGS) - {"last"}


async def test_the_key_goes_through_all_themes_and_the_last_is_remembered(
    make_app: MakeApp,
) -> None:
    seen = []
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        for _ in THEMES:
            seen.append(app.theme)
            await pilot.press("t")
        assert app.theme == seen[0] == "dark"
        await pilot.press("t")
        await pilot.pause()
    assert len(set(seen)) == len(THEMES)
    again = make_app()
    async with again.run_test():
        assert again.theme == seen[1]


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_start_can_be_read_in_every_theme_with_and_without_the_focus(
    make_app: MakeApp, theme: str
) -> None:
    async with make_app(theme=theme).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        button = pilot.app.screen.query_one("#start", Button)
        for place in (button, pilot.app.screen.query_one("#epochs")):
            place.focus()
            await pilot.pause()
            style = next(
                segment.style
                for strip in pilot.app.screen._compositor.render_strips()
                for segment in strip
                if "Start" in segment.text and segment.style and segment.style.meta
            )
            assert style.color != style.bgcolor


async def test_colours_tried_one_after_the_other_leave_one_word_on_the_screen(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(notifications=True) as pilot:
        await pilot.press("t", "t", "t")
        await pilot.pause()
        assert len(pilot.app.screen.query("Toast")) == 1


async def test_a_theme_that_was_set_is_shown_but_not_remembered(make_app: MakeApp) -> None:
    app = make_app(theme="high-contrast")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == "high-contrast"
    assert memory.recall() == {}


async def test_a_theme_of_another_version_is_not_missed(make_app: MakeApp) -> None:
    memory.remember({"theme": "gone"})
    app = make_app()
    async with app.run_test():
        assert app.theme == "dark"


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_a_training_is_drawn_in_every_theme(
    make_app: MakeApp, trainer: ScriptedTrainer, theme: str
) -> None:
    app = make_app(theme=theme, models=("mlp", "cnn"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(RunId("mlp", 1), 3)
        await pilot.pause(0.4)
        assert isinstance(app.screen, TrainingScreen)
        card = app.screen.query_one("#card-mlp", ModelCard)
        strips = app.screen._compositor.render_strips()
        styles = {segment.style for strip in strips for segment in strip if segment.style}
        colors = {style.color.name for style in styles if style.color}
        assert model_shades("mlp", card.colors[2]).full in colors


async def test_another_theme_recolours_what_stands_after_the_end(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(theme="dark", models=("mlp",), repeats=1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(RunId("mlp", 1), 4)
        trainer.finish_run(RunId("mlp", 1))
        trainer.end()
        await pilot.pause(0.4)
        panel = app.screen.query_one(SummaryPanel)

        def colors() -> set[str]:
            strips = [panel.render_line(y) for y in range(panel.size.height)]
            styles = [segment.style for strip in strips for segment in strip if segment.style]
            return {style.color.name for style in styles if style.color}

        assert model_shades("mlp", panel.colors[2]).full in colors()
        await pilot.press("t")
        await pilot.pause(0.2)
        assert app.theme == "light"
        assert model_shades("mlp", panel.colors[2]).full in colors()


@pytest.mark.parametrize("name", LOOKS)
def test_only_the_terminals_own_colours_on_its_own_background(name: str) -> None:
    background = Color.parse("ansi_default")
    shades = [*model_shades(name, background), *chart_ink(background, background)]
    assert not [shade for shade in shades if shade.startswith("#")]


def test_high_contrast_holds_less_back() -> None:
    dark, black = Color.parse("#0b0f14"), Color.parse("#000000")
    brighter, usual = (Color.parse(model_shades("mlp", c).train).brightness for c in (black, dark))
    assert brighter > usual
