"""The plan in place: the queue is changed from the table while it trains."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import ScriptedTrainer
from textual._callback import invoke
from textual.pilot import Pilot
from textual.widget import Widget

from engine.events import RunId
from tui.app import MnistApp
from tui.screens.training import TrainingScreen
from tui.widgets.log_pane import LogPane
from tui.widgets.model_card import ModelCard
from tui.widgets.plan_table import PlanTable
from tui.widgets.summary_panel import SummaryPanel

MakeApp = Callable[..., MnistApp]
FIRST, SECOND, THIRD = (RunId("mlp", repeat) for repeat in (1, 2, 3))
CNN = RunId("cnn", 1)


async def begin(pilot: Pilot[int], trainer: ScriptedTrainer) -> TrainingScreen:
    """Press Start; the first run is in its second epoch."""
    await pilot.press("s")
    trainer.begin()
    trainer.control.plan.begin_next(lambda model: 1)
    trainer.train(FIRST, epochs=1)
    trainer.control.plan.begin_epoch(FIRST, 2)
    trainer.progress(FIRST, 2, 50)
    await pilot.pause(0.4)
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def planned(screen: TrainingScreen) -> list[tuple[str, int]]:
    """The runs on the screen with their epochs."""
    assert screen.view.record is not None
    return [(str(run.id), run.planned_epochs) for run in screen.view.record.runs.values()]


def rows(screen: TrainingScreen) -> str:
    return "\n".join(strip.text for strip in screen.query_one(PlanTable).draw())


def last_line(screen: TrainingScreen) -> str:
    return screen.query_one(LogPane).lines[-1].text


async def test_a_queued_run_is_moved_and_the_cursor_stays_on_it(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp", "cnn"), repeats=2)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("end", "left_square_bracket", "left_square_bracket")
        order = ["mlp-r1", "cnn-r2", "mlp-r2", "cnn-r1"]
        assert [name for name, _ in planned(screen)] == order
        assert screen.query_one(PlanTable).chosen == RunId("cnn", 2)
        await pilot.press("[")
        assert "cnn-r2 is the first in the queue" in last_line(screen)
        later = ["mlp-r1", "mlp-r2", "cnn-r2", "cnn-r1"]
        for key, names in (("shift+down", later), ("shift+up", order), ("]", later)):
            await pilot.press(key)
            assert [name for name, _ in planned(screen)] == names
        state = trainer.control.plan.state()
        assert [str(item.run) for item in state.runs] == [name for name, _ in planned(screen)]


async def test_what_has_begun_keeps_its_place(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("]")
        assert "mlp-r1 has begun: it keeps its place" in last_line(screen)
        await pilot.press("r")
        assert "mlp-r1 has begun: k skips it" in last_line(screen)
        assert [name for name, _ in planned(screen)] == ["mlp-r1", "mlp-r2"]


@pytest.mark.parametrize("key", ["r", "delete"])
async def test_a_queued_run_is_removed(
    make_app: MakeApp, trainer: ScriptedTrainer, key: str
) -> None:
    async with make_app(models=("mlp",), repeats=3).run_test(size=(80, 24)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("down", key)
        assert [name for name, _ in planned(screen)] == ["mlp-r1", "mlp-r3"]
        assert screen.query_one(PlanTable).chosen == THIRD
        await pilot.press(key)
        assert [name for name, _ in planned(screen)] == ["mlp-r1"]
        assert screen.query_one(PlanTable).chosen == FIRST


async def test_a_model_without_runs_has_no_card(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp", "cnn"), repeats=1).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("end", "r")
        await pilot.pause()
        assert [card.model for card in screen.query(ModelCard) if card.display] == ["mlp"]
        await pilot.press("a", "2")
        await pilot.pause()
        assert [card.model for card in screen.query(ModelCard) if card.display] == ["mlp", "cnn"]


async def test_epochs_of_the_chosen_run_change_everywhere(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("+", "plus", "equals_sign", "down", "minus")
        assert planned(screen) == [("mlp-r1", 7), ("mlp-r2", 3)]
        assert "2/7" in rows(screen)
        assert "0/3" in rows(screen)
        await pilot.press("up", *["-"] * 9)
        assert planned(screen)[0] == ("mlp-r1", 2), "the second epoch is under way"
        await pilot.press("down", *["-"] * 9)
        assert planned(screen)[1] == ("mlp-r2", 1)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_run_of_another_model_is_added_with_its_card(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app(models=("mlp",)).run_test(size=size) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("a", "2")
        await pilot.pause(0.2)
        assert planned(screen)[-1] == ("cnn-r1", 4)
        assert [card.model for card in screen.query(ModelCard)] == ["mlp", "cnn"]
        await pilot.press("a", "1")
        assert planned(screen)[-1] == ("mlp-r3", 4)
        await pilot.press("a", "escape")
        assert len(planned(screen)) == 4
        assert not trainer.control.stopping


async def test_adding_does_not_take_back_a_stop_after_the_epoch(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        await pilot.press("e", "a", "escape")
        assert trainer.control.stopping


async def test_a_model_that_the_settings_do_not_allow_is_refused_in_one_line(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), shift=1).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("a", "3")
        await pilot.pause(0.2)
        text = "".join(line.text for line in screen.query_one(LogPane).lines)
        assert "shift: 1 is not allowed for mobilenetv2" in text
        assert len(planned(screen)) == 2


async def test_the_cursor_follows_the_training_until_its_user_moves_it(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=4).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        table = screen.query_one(PlanTable)
        trainer.finish_run(FIRST)
        trainer.train(SECOND, epochs=1)
        await pilot.pause(0.4)
        assert table.chosen == SECOND
        await pilot.press("end")
        trainer.finish_run(SECOND)
        trainer.train(THIRD, epochs=1)
        await pilot.pause(0.4)
        assert table.chosen == RunId("mlp", 4)


async def test_after_the_end_nothing_is_planned_any_more(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=2).run_test(
        size=(80, 24), notifications=True
    ) as pilot:
        screen = await begin(pilot, trainer)
        assert "r remove" in str(screen.query_one(PlanTable).border_subtitle)
        trainer.end("stopped")
        await pilot.pause(0.4)
        await pilot.press("end", "r", "plus", "[", "a")
        assert planned(screen) == [("mlp-r1", 4), ("mlp-r2", 4)]
        assert not screen.has_class("-asking")
        assert not screen.query_one(PlanTable).border_subtitle
        await pilot.pause()
        said = [str(toast.render()) for toast in screen.query("Toast").results(Widget)]
        assert any(
            "has ended; n leads to the form, where r goes on with it" in words for words in said
        )


@pytest.mark.parametrize("key", ["p", "x", "e", "k", "a", "r", "+", "-", "[", "]"])
async def test_a_key_that_comes_after_the_end_is_told_so(
    make_app: MakeApp, trainer: ScriptedTrainer, key: str
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(80, 24), notifications=True) as pilot:
        screen = await begin(pilot, trainer)
        trainer.end("stopped")
        await pilot.pause(0.4)
        await pilot.press(key)
        await pilot.pause()
        (said,) = (str(toast.render()) for toast in screen.query("Toast").results(Widget))
        assert "has ended; n leads to the form, where r goes on with it" in said
        assert not screen.has_class("-asking")


async def test_what_ended_before_its_first_epoch_has_nothing_to_go_on_from(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.progress(FIRST, 1, 50)
        trainer.end("stopped")
        await pilot.pause(0.4)
        assert isinstance(pilot.app.screen, TrainingScreen)
        assert "stopped; n begins a new experiment" in last_line(pilot.app.screen)


async def test_the_result_says_that_runs_differ_in_length(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=2).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("end", "+", "+")
        trainer.finish_run(FIRST)
        trainer.train(SECOND, epochs=6)
        trainer.finish_run(SECOND)
        trainer.end()
        await pilot.pause(0.4)
        assert "mlp: runs of 4 to 6 epochs" in str(screen.query_one(SummaryPanel).content)


async def test_the_palette_does_every_change(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app(models=("mlp",), repeats=3).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("end")
        found = {c.title: c.callback for c in pilot.app.get_system_commands(screen)}
        assert "Row up" not in found
        for title, plan in (
            ("Train the chosen run earlier", [("mlp-r1", 4), ("mlp-r3", 4), ("mlp-r2", 4)]),
            ("One epoch more for the chosen run", [("mlp-r1", 4), ("mlp-r3", 5), ("mlp-r2", 4)]),
            ("Remove the chosen run", [("mlp-r1", 4), ("mlp-r2", 4)]),
        ):
            await invoke(found[title])
            assert planned(screen) == plan
        await invoke(found["Add a run"])
        assert screen.has_class("-asking")


async def test_keys_that_come_faster_than_the_screen_do_no_harm(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=3).run_test(size=(120, 40)) as pilot:
        screen = await begin(pilot, trainer)
        await pilot.press("end")
        table = screen.query_one(PlanTable)
        table.action_remove()
        table.action_epochs(1)
        table.action_remove()
        table.action_epochs(-1)
        table.action_reorder(1)
        await pilot.pause(0.2)
        assert planned(screen) == [("mlp-r1", 3)], "each change is of the row that is then chosen"


async def test_before_the_experiment_begins_there_is_no_plan_to_change(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await pilot.pause(0.2)
        await pilot.press("a", "2", "r", "plus", "[")
        assert isinstance(pilot.app.screen, TrainingScreen)
        assert not pilot.app.screen.has_class("-asking")
