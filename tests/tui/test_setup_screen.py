"""The form: every control chooses what it says, and wrong values are refused where typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scripted import ScriptedTrainer, settled, text
from textual.pilot import Pilot
from textual.widgets import Input, Label

from engine.control import Control
from engine.events import EpochFinished, Event
from engine.experiment import run_experiment
from engine.lock import this_process
from engine.recipes import PRESETS
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.app import MnistApp
from tui.pixels import BLACKBOARD, picture, rows_of
from tui.screens.help import HelpScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.widgets.choice_select import ChoiceSelect
from tui.widgets.digit_strip import DigitStrip, first_digits

MakeApp = Callable[..., MnistApp]


async def write(pilot: Pilot[int], field: str, text: str) -> None:
    """Replace a field's text by typing."""
    pilot.app.screen.query_one(f"#{field}", Input).focus()
    await pilot.press("home", "shift+end", "delete", *text)
    await pilot.pause()


def note(pilot: Pilot[int], field: str) -> str:
    return str(pilot.app.screen.query_one(f"#field-{field} .field-note", Label).content)


def message(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one("#message", Label).content)


async def test_enter_starts_with_the_settings_shown(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TrainingScreen)
    assert trainer.started[0].models == ("mlp", "cnn", "mobilenetv2")
    assert trainer.started[0].epochs == 4


async def test_a_key_that_comes_before_the_form_still_starts(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app()

    async def press_at_once(pilot: Pilot[int]) -> None:
        assert not app.screen.is_mounted
        await pilot.press("s")
        await pilot.pause()
        app.exit()

    await app.run_async(headless=True, auto_pilot=press_at_once)
    assert len(trainer.started) == 1


async def test_models_are_chosen_with_the_keyboard(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        pilot.app.screen.query_one("#model-mlp").focus()
        await pilot.press("space", "down", "down", "space", "s")
    assert trainer.started[0].models == ("cnn",)


async def test_models_are_chosen_with_the_mouse(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.click("#model-cnn")
        await pilot.click("#model-mobilenetv2")
        await pilot.click("#start")
    assert trainer.started[0].models == ("mlp",)


async def test_what_is_typed_is_trained(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    typed = {"epochs": "7", "repeats": "3", "batch_size": "128", "learning_rate": "3e-4"}
    typed |= {"seed": "42", "workers": "2"}
    async with make_app().run_test() as pilot:
        for field, text in typed.items():
            await write(pilot, field, text)
        await pilot.press("enter")
    assert {field: getattr(trainer.started[0], field) for field in typed} == {
        field: float(text) for field, text in typed.items()
    }


@pytest.mark.parametrize(
    ("field", "texts", "allowed"),
    [
        ("epochs", ("0", "ten", ""), "a whole number from 1 to 10000"),
        ("repeats", ("1001",), "a whole number from 1 to 1000"),
        ("batch_size", ("6.5",), "a whole number from 1 to 60000"),
        ("learning_rate", ("nan", "-1"), "a number from 0.0000001 to 10"),
        ("seed", ("-1",), "a whole number from 0 to 2147483647"),
    ],
)
async def test_a_wrong_value_is_refused_where_it_is_typed(
    make_app: MakeApp, trainer: ScriptedTrainer, field: str, texts: tuple[str, ...], allowed: str
) -> None:
    async with make_app().run_test() as pilot:
        for text in texts:
            await write(pilot, field, text)
            assert note(pilot, field) == f"✗ give {allowed}"
            await pilot.click("#start")
            assert isinstance(pilot.app.screen, SetupScreen)
            assert pilot.app.focused is pilot.app.screen.query_one(f"#{field}")
            await write(pilot, field, "1")
            assert "✗" not in note(pilot, field)
        await pilot.press("enter")
    assert len(trainer.started) == 1


@pytest.mark.parametrize("field", ["epochs", "learning_rate"])
async def test_a_space_wipes_no_number(make_app: MakeApp, field: str) -> None:
    async with make_app().run_test() as pilot:
        await pilot.pause()
        line = pilot.app.screen.query_one(f"#{field}", Input)
        line.focus()
        before = line.value
        await pilot.press("space", "space")
        assert line.value == before
        await pilot.press("3")
        assert line.value == "3"


async def test_no_model_is_refused(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app(models=("mlp",)).run_test() as pilot:
        await pilot.click("#model-mlp")
        assert "choose one or more" in message(pilot)
        await pilot.press("s")
        assert isinstance(pilot.app.screen, SetupScreen)
    assert trainer.started == []


async def test_the_plan_counts_runs(make_app: MakeApp) -> None:
    async with make_app(repeats=5).run_test() as pilot:
        assert message(pilot).startswith("15 runs, 4 epochs each")
        await pilot.click("#model-cnn")
        assert message(pilot).startswith("10 runs")


async def test_devices_are_offered_once_they_are_known(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SetupScreen)
        screen.show_devices(["cuda:0", "cuda:1", "cpu"])
        select = screen.query_one("#device", ChoiceSelect)
        select.focus()
        await pilot.press("enter", "down", "down", "enter")
        assert select.value == "cuda:1"
        await pilot.press("s")
    assert trainer.started[0].device == "cuda:1"


async def test_several_devices_are_offered_together(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SetupScreen)
        screen.show_devices(["cuda:0", "cuda:1", "cpu"])
        screen.query_one("#device", ChoiceSelect).focus()
        await pilot.press("enter", "end", "enter")
        await pilot.pause()
        assert note(pilot, "device") == "a worker process for each of cuda:0, cuda:1"
        await pilot.press("s")
    assert (trainer.started[0].device, trainer.started[0].devices) == ("auto", "all")


async def test_one_device_is_not_offered_as_several(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SetupScreen)
        screen.show_devices(["cuda", "cpu"])
        assert screen._devices == ["auto", "cuda", "cpu"]


@pytest.mark.parametrize(
    "where",
    [{"devices": "cuda:0,cuda:1"}, {"devices": "all"}, {"workers": 2}, {"ray": "local"}],
)
async def test_where_the_command_line_wants_it_is_shown_and_kept(
    make_app: MakeApp, trainer: ScriptedTrainer, where: dict[str, object]
) -> None:
    async with make_app(**where).run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        (value,) = where.values()
        lines = text(pilot.app).splitlines()
        fields = [line for line in lines if "device " in line or "workers " in line]
        assert str(value)[:6] in " ".join(fields)
        await pilot.press("s")
    (name,) = where
    assert getattr(trainer.started[0], name) == value


async def test_another_device_takes_the_place_of_several(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(devices="cuda:0,cuda:1").run_test() as pilot:
        pilot.app.screen.query_one("#device", ChoiceSelect).value = "cpu"
        await pilot.pause()
        await pilot.press("s")
    assert (trainer.started[0].device, trainer.started[0].devices) == ("cpu", "")


async def test_arrows_move_between_all_fields(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        seen = []
        for _ in range(11):
            assert pilot.app.focused is not None
            seen.append(pilot.app.focused.id)
            await pilot.press("up")
    assert len(set(seen)) == 11


async def test_help_opens_and_closes(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        pilot.app.screen.query_one("#epochs").focus()
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, SetupScreen)


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quit(make_app: MakeApp, key: str) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press(key)
        await pilot.pause()
    assert app.return_code == 0


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_every_control_is_on_the_screen(make_app: MakeApp, size: tuple[int, int]) -> None:
    async with make_app().run_test(size=size) as pilot:
        await pilot.pause()
        for control in ("#model-mlp", "#model-mobilenetv2", "#epochs", "#workers", "#start"):
            region = pilot.app.screen.query_one(control).region
            assert region.height >= 1
            assert pilot.app.screen.region.contains_region(region)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (250, 80)])
async def test_no_size_breaks_it(make_app: MakeApp, size: tuple[int, int]) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await asyncio.sleep(0)
        assert isinstance(pilot.app.screen, SetupScreen)


@pytest.mark.parametrize("key", ["enter", "space", "mouse"])
async def test_preset_brings_its_number_of_epochs(make_app: MakeApp, key: str) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        if key == "mouse":
            await pilot.click("#preset")
        else:
            pilot.app.screen.query_one("#preset").focus()
            await pilot.press(key)
        await pilot.pause()
        await pilot.press("end", "enter")
        await pilot.pause()
        epochs = pilot.app.screen.query_one("#epochs", Input).value
        assert epochs == str(PRESETS["best"]["epochs"])
        assert "±1 px" in note(pilot, "preset")


async def test_settings_that_do_not_go_together_are_refused(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    settings = {"per_model": {"mobilenetv2": {"shift": 1}}, "models": ("mlp",)}
    async with make_app(**settings).run_test(size=(80, 24)) as pilot:
        pilot.app.screen.query_one("#model-mobilenetv2").focus()
        await pilot.press("space")
        await pilot.pause()
        assert "shift: 1 is not allowed for mobilenetv2" in message(pilot)
        await pilot.press("s")
        await pilot.pause()
    assert not trainer.started


async def test_preset_that_does_not_fit_the_models_is_refused(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(presets={**PRESETS, "mine": {"shift": 1}}).run_test() as pilot:
        pilot.app.screen.query_one("#preset", ChoiceSelect).value = "mine"
        await pilot.pause()
        assert "shift: 1 is not allowed for mobilenetv2" in message(pilot)
        await pilot.press("s")
        await pilot.pause()
    assert not trainer.started


async def test_the_preset_is_told_while_something_else_is_refused(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await write(pilot, "epochs", "0")
        pilot.app.screen.query_one("#preset", ChoiceSelect).value = "notebook"
        await write(pilot, "repeats", "0")
        assert "adam 0.001 constant" in note(pilot, "preset")


async def test_models_train_in_the_order_of_the_form_unless_settings_say_another(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mobilenetv2", "mlp")).run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SetupScreen)
        assert screen._chosen_models() == ("mobilenetv2", "mlp")
        await pilot.click("#model-cnn")
        await pilot.press("s")
        await pilot.pause()
    assert trainer.started[0].models == ("mlp", "cnn", "mobilenetv2")


async def test_learning_rate_of_the_form_is_for_all_models(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(per_model={"cnn": {"learning_rate": 0.25}}).run_test() as pilot:
        await write(pilot, "learning_rate", "0.5")
        await pilot.press("s")
        await pilot.pause()
    assert trainer.started[0].recipe("cnn").learning_rate == 0.5


async def test_the_preset_says_which_model_is_trained_in_another_way(make_app: MakeApp) -> None:
    app = make_app(models=("mlp", "cnn"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        note = app.screen.query_one("#preset-note", Label)
        assert str(note.content) == ("adam 0.003 one-cycle; cnn: adamw 0.003 one-cycle, decay 0.1")
        await pilot.click("#model-cnn")
        await pilot.pause()
        assert str(note.content) == "adam 0.003 one-cycle"


async def test_how_each_model_is_trained_is_told_whole_on_a_narrow_screen(
    make_app: MakeApp,
) -> None:
    async with make_app(preset="best").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        said = str(pilot.app.screen.query_one("#preset-note", Label).content)
        missing = [word for word in said.split() if word not in text(pilot.app)]
        assert "mobilenetv2:" in said and not missing
        assert "Start" in text(pilot.app)


@pytest.fixture
def stopped(tmp_path: Path) -> ExperimentRecord:
    """An experiment that was stopped after its first epoch."""
    control = Control()

    def stop(event: Event) -> None:
        if isinstance(event, EpochFinished):
            control.stop()

    settings = Settings(models=("cnn",), epochs=3, train_limit=200, test_limit=50, device="cpu")
    return run_experiment(replace(settings, results=str(tmp_path / "past")), stop, control)


async def test_what_ended_too_early_goes_on_with_a_key(
    make_app: MakeApp, trainer: ScriptedTrainer, stopped: ExperimentRecord
) -> None:
    async with make_app(results=str(stopped.folder.parent)).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert f"r goes on with {stopped.id}" in message(pilot)
        assert "r Resume" in text(pilot.app)
        pilot.app.screen.query_one("#epochs").focus()
        await pilot.press("r")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TrainingScreen)
    assert trainer.resumed == stopped.folder
    assert trainer.started == [stopped.settings]


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_keys_that_matter_most_are_named_at_any_width(
    make_app: MakeApp, stopped: ExperimentRecord, width: int
) -> None:
    async with make_app(results=str(stopped.folder.parent)).run_test(size=(width, 24)) as pilot:
        form = pilot.app.screen
        assert isinstance(form, SetupScreen)
        await settled(pilot)
        form._offer(stopped, (stopped, this_process()))
        await settled(pilot)
        line = " ".join(text(pilot.app).splitlines()[-1].split())
        for key in ("s Start", "r Resume", "w Watch", "h Results", "q Quit", "? Help"):
            assert key in line
        assert ("palette" in line) == ("tab" in line) == (width > 60)
        other = 180 - width
        await pilot.resize_terminal(other, 24)
        await settled(pilot)
        line = text(pilot.app).splitlines()[-1]
        assert ("palette" in line) == ("tab" in line) == (other > 60)


async def test_without_anything_to_go_on_with_there_is_no_such_key(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "Resume" not in text(pilot.app)
        await pilot.press("r")
        await pilot.pause()
        assert isinstance(pilot.app.screen, SetupScreen)
    assert not trainer.started


@pytest.mark.parametrize("lines", range(38, 44))
async def test_digits_are_whole_or_not_there(make_app: MakeApp, lines: int) -> None:
    whole = sum(
        1 for row in picture(rows_of(first_digits(4)[1], 28), BLACKBOARD) if row.text.strip()
    )
    async with make_app().run_test(size=(120, lines)) as pilot:
        await pilot.pause()
        digits = pilot.app.screen.query_one(DigitStrip)
        drawn = [digits.render_line(y).text[30:60] for y in range(digits.size.height)]
        inked = sum(1 for row in drawn if row.strip())
        # Half a row more or less, as two pixels share a cell.
        assert inked in (0, whole - 1, whole, whole + 1)
        assert bool(inked) == (lines >= 40)
