"""Inspect, draw and compare, above a training that goes on."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from pathlib import Path

import pytest
from PIL import Image
from rich.text import Text
from scripted import ScriptedTrainer, settled, text, turn_wheel, until
from textual.pilot import Pilot
from textual.widgets import Static

from engine.events import Cost, RunId
from engine.inspection import load_test_digits
from engine.models import MODELS, WeightsError, model_size
from engine.reading import Reader, centred, make_reader
from engine.records import ModelSummary
from engine.settings import Settings
from engine.statistics import Statistics
from engine.tensor_file import tensor_bytes
from tui import drawing_readers
from tui.app import MnistApp
from tui.bridge import Refused
from tui.comparison import COLUMNS, best, ranked
from tui.drawing import Drawing
from tui.screens.compare import CompareScreen
from tui.screens.confusion import ConfusionScreen
from tui.screens.draw import DrawScreen
from tui.screens.help import TEXTS, HelpScreen
from tui.screens.inspect import InspectScreen
from tui.screens.overlay import OverlayScreen
from tui.screens.past import PastScreen
from tui.screens.results import ResultsScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.screens.watch import WatchScreen
from tui.widgets.answers import Answers
from tui.widgets.canvas import Canvas
from tui.widgets.comparison_table import ComparisonTable
from tui.widgets.first_layer import FirstLayer
from tui.widgets.mistakes import Mistakes

MakeApp = Callable[..., MnistApp]
MLP, CNN = RunId("mlp", 1), RunId("cnn", 1)
IMAGES = 40
SIZES = [(80, 24), (100, 30), (120, 40), (160, 50)]


@pytest.fixture
def labels() -> bytes:
    return load_test_digits(Settings(test_limit=IMAGES)).labels


async def begin(
    pilot: Pilot[int], trainer: ScriptedTrainer, labels: bytes, key: str, networks: bool = True
) -> None:
    """A training of two models with an epoch each, then one of the side screens."""
    await pilot.press("s")
    trainer.begin()
    if networks:
        for run, wrong, accuracy in ((MLP, (3, 5, 8), 0.97), (CNN, (5,), 0.99)):
            trainer.train(run, 1, accuracy)
            answers = bytearray(labels)
            for number in wrong:
                answers[number] = (labels[number] + 1) % 10
            trainer.snapshot(run, 1, bytes(answers), bytes([200] * IMAGES))
    await pilot.pause(0.3)
    await pilot.press(key)
    await settled(pilot)


def app_of(make_app: MakeApp) -> MnistApp:
    return make_app(models=("mlp", "cnn"), test_limit=IMAGES)


@pytest.mark.parametrize("size", SIZES)
async def test_every_screen_fits_every_size_with_all_its_keys(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, size: tuple[int, int]
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=size) as pilot:
        await begin(pilot, trainer, labels, "i")
        for key in "dci":
            assert text(app).splitlines()[-1].split()[-2:] == ["Esc", "Back"]
            await pilot.press("question_mark")
            await pilot.pause()
            assert isinstance(app.screen, HelpScreen)
            await pilot.press("escape", key)
            await pilot.pause(0.2)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, TrainingScreen)


@pytest.mark.parametrize("key", "idc")
async def test_before_the_first_epoch_it_says_what_it_waits_for(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, key: str
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(pilot, trainer, labels, key, networks=False)
        assert "first epoch" in text(app)
        await pilot.press(*"mvofwr", "left", "down", "space", "right")
        await pilot.pause()
        assert "first epoch" in text(app)


async def test_one_leads_to_the_other_and_all_lead_back(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(pilot, trainer, labels, "i")
        for key, kind in (("d", DrawScreen), ("c", CompareScreen), ("i", InspectScreen)):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, kind)
            assert len(app.screen_stack) == 3  # setup, training, this
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, TrainingScreen)
        assert app.screen.has_class("-asking")


async def test_misread_digits_can_be_ordered_filtered_and_chosen(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer, labels, "i")
        mistakes = app.screen.query_one(Mistakes)

        def shown() -> list[int]:
            return [one.number for one in mistakes._found]

        assert shown() == [3, 5, 8]
        assert "Misread: 3 of 40; most certain first" in text(app)
        await pilot.press("f")
        assert shown() == [3, 8]
        await pilot.press("f")
        assert shown() == [5]
        assert f"Test digit #5: {labels[5]}" in text(app)
        await pilot.press("f", "right")
        await pilot.pause()
        assert shown() == [3, 5, 8]
        assert f"Test digit #8: {labels[8]}" in text(app)
        assert text(app).count("✗") == 1  # cnn reads it rightly
        await pilot.press("m")
        assert shown() == [5]
        for order in ("by digit", "by number", "most certain first"):
            await pilot.press("o")
            await pilot.pause()
            assert order in text(app)


async def test_a_new_epoch_shows_without_a_key(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer, labels, "i")
        trainer.snapshot(MLP, 2, labels, bytes([255] * IMAGES))
        await pilot.pause(1)
        assert "mlp-r1 epoch 2" in text(app)
        assert "Misread: 0 of 40" in text(app)
        assert "none" in text(app)


@pytest.mark.parametrize(("model", "units"), [("mlp", 100), ("cnn", 32)])
async def test_first_layers_are_drawn_and_paged(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, model: str, units: int
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer, labels, "i")
        await pilot.press(*("m" if model == "cnn" else ""), "v")
        await pilot.pause()
        assert "Order" not in text(app).splitlines()[-1], "there are no digits to put in order"
        tiles = app.screen.query_one(FirstLayer)
        assert tiles.count == units
        word = "filter" if model == "cnn" else "unit"
        assert f"{word} 1 " in text(app)
        page = tiles.rows * tiles.columns
        assert f"1–{page} of {units}" in text(app)
        await pilot.press("pagedown")
        await pilot.pause()
        assert tiles.cursor == page
        assert f"{page + 1}–{min(2 * page, units)} of {units}" in text(app)
        assert f"{word} {page + 1}" in text(app)
        await pilot.press("pageup", "right", "left", "down", "up")
        assert tiles.cursor == 0
        await turn_wheel(pilot, tiles, 1)
        assert tiles.cursor == tiles.columns
        await turn_wheel(pilot, tiles, -1)
        assert tiles.cursor == 0


async def test_where_there_are_no_frames_the_top_line_says_which_part_is_shown(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(80, 24)) as pilot:
        await begin(pilot, trainer, labels, "i")
        await pilot.press("v")
        tiles = app.screen.query_one(FirstLayer)
        page = tiles.rows * tiles.columns
        for first in (1, page + 1):
            await settled(pilot)
            assert f"{first}–{first + page - 1} of 100" in text(app).splitlines()[0]
            await pilot.press("pagedown")


async def test_a_click_chooses_a_digit(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer, labels, "i")
        mistakes = app.screen.query_one(Mistakes)
        await pilot.click(Mistakes, offset=(30, 5))
        assert mistakes.cursor == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_networks_answer_what_the_keyboard_draws(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, size: tuple[int, int]
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=size) as pilot:
        await begin(pilot, trainer, labels, "d")
        drawing = app.screen.query_one(Canvas).drawing
        assert "Draw a digit" in text(app)
        await pilot.press("down", "right")
        assert drawing.is_empty
        await pilot.press("space", *["down"] * 6)
        assert not drawing.is_empty
        await pilot.pause(1)
        assert set(app.screen.query_one(Answers)._answers) == {"mlp", "cnn"}
        inked = sum(drawing.image)
        await pilot.press("x", *["up"] * 3)
        assert sum(drawing.image) < inked
        await pilot.press("w")
        assert drawing.is_empty
        await pilot.pause(0.5)
        assert "Draw a digit" in text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_mouse_draws_and_its_right_button_erases(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, size: tuple[int, int]
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=size) as pilot:
        await begin(pilot, trainer, labels, "d")
        drawing = app.screen.query_one(Canvas).drawing
        await pilot.mouse_down(Canvas, offset=(20, 10))
        await pilot.mouse_up(Canvas, offset=(20, 10))
        dot = sum(drawing.image)
        assert dot > 255
        await pilot.hover(Canvas, offset=(8, 12))
        assert sum(drawing.image) == dot
        await pilot.mouse_down(Canvas, offset=(20, 10), button=3)
        await pilot.mouse_up(Canvas, offset=(20, 10))
        assert sum(drawing.image) < dot


async def test_a_network_that_cannot_be_built_does_not_silence_the_others(
    make_app: MakeApp,
    trainer: ScriptedTrainer,
    labels: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(model: str, *_: object) -> Reader:
        if model == "cnn":
            raise WeightsError("damaged")
        return lambda image: (1.0, *[0.0] * 9)

    monkeypatch.setattr(drawing_readers, "make_reader", build)
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(pilot, trainer, labels, "d")
        await pilot.press("space", "down")
        await settled(pilot)
        assert "✗ cnn: damaged" in text(app)
        assert "100%" in text(app)


async def test_a_network_that_was_trained_before_a_resume_answers_too(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, tmp_path: Path
) -> None:
    (tmp_path / "id").mkdir()
    cnn = MODELS["cnn"].build()
    (tmp_path / "id" / "cnn-r1.pt").write_bytes(tensor_bytes(cnn.state_dict()))
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(CNN, 4)
        trainer.finish_run(CNN, weights="cnn-r1.pt")
        trainer.train(MLP, 1)
        trainer.snapshot(MLP, 1, labels, bytes(IMAGES))
        await pilot.pause(0.3)
        await pilot.press("d", "space", "down")
        answers = app.screen.query_one(Answers)
        await until(pilot, lambda: set(answers._answers) == {"cnn", "mlp"})
        assert "as saved: cnn-r1" in text(app)
        trainer.snapshot(CNN, 1, labels, bytes(IMAGES))
        image = app.screen.query_one(Canvas).drawing.image
        newest = trainer.bridge.snapshots()[CNN]
        expected = pytest.approx(make_reader("cnn", newest.weights)(centred(image)))
        await until(pilot, lambda: answers._answers.get("cnn") == expected)
        assert "as saved" not in text(app)


async def test_a_network_whose_run_ends_while_one_draws_answers_from_then_on(
    make_app: MakeApp, trainer: ScriptedTrainer, tmp_path: Path
) -> None:
    """In another process, say, of which the files alone are known."""
    (tmp_path / "id").mkdir()
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s", "d", "space", "down")
        await settled(pilot)
        answers = app.screen.query_one(Answers)
        assert not answers._answers
        mlp = tensor_bytes(MODELS["mlp"].build().state_dict())
        for run in (MLP, CNN):
            (tmp_path / "id" / f"{run}.pt").write_bytes(mlp)
        trainer.begin()
        trainer.train(MLP, 4)
        trainer.finish_run(MLP, weights="mlp-r1.pt")
        trainer.train(CNN, 4)
        trainer.finish_run(CNN, weights="cnn-r1.pt")
        refused = "holds a network of mlp, not of cnn"
        await until(pilot, lambda: refused in " ".join(text(app).split()))
        await until(pilot, lambda: set(answers._answers) == {"mlp"})


async def test_a_drawing_stays_when_one_looks_elsewhere_in_between(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(pilot, trainer, labels, "d")
        await pilot.press("space", "down", "down")
        image = app.screen.query_one(Canvas).drawing.image
        assert any(image)
        for keys in (["i", "d"], ["escape", "d"]):
            await pilot.press(*keys)
            assert isinstance(app.screen, DrawScreen)
            assert app.screen.query_one(Canvas).drawing.image == image
            await until(pilot, lambda: bool(app.screen.query_one(Answers)._answers))
        await pilot.press("l", "enter")
        await until(pilot, lambda: "give 0 to 39" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "give 0 to 39" not in text(app))


async def test_what_was_confused_before_a_resume_is_seen_until_a_network_is_there(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(MLP, 4)
        trainer.finish_run(MLP)
        await until(pilot, lambda: "1 done" in text(app) or "98.00" in text(app))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ConfusionScreen))
        await pilot.press("escape")
        trainer.snapshot(MLP, 4, labels, bytes(IMAGES))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, InspectScreen))


async def test_the_keys_do_not_wait_where_a_screen_waits_for_torch(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s")
        app._loaded.clear()
        await pilot.press("d", "c")
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("i", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        app._loaded.set()
        await app.workers.wait_for_complete()
        assert isinstance(app.screen, HelpScreen), "that was wanted last"
        await pilot.press("escape", "escape")
        app._loaded.clear()
        await pilot.press("i")
        app._loaded.set()
        await until(pilot, lambda: isinstance(app.screen, InspectScreen))


async def test_a_training_that_is_refused_while_a_screen_waits_leads_to_the_form(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s")
        app._loaded.clear()
        await pilot.press("d")
        trainer.training = False
        trainer.bridge.emit(Refused("nothing there"))
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        app._loaded.set()
        await app.workers.wait_for_complete()
        assert isinstance(app.screen, SetupScreen)
        assert "nothing there" in text(app)


async def test_a_test_digit_is_loaded_and_saved_as_it_is(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes, tmp_path: Path
) -> None:
    (tmp_path / "id").mkdir()
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(pilot, trainer, labels, "d")
        await pilot.press("l", *"99", "enter")
        await pilot.pause(0.5)
        assert "99 is not a number of a test digit; give 0 to 39" in text(app)
        await pilot.press("backspace", "backspace", "7", "enter")
        await pilot.pause(0.5)
        image = load_test_digits(Settings(test_limit=IMAGES)).image(7)
        assert app.screen.query_one(Canvas).drawing.image == image
        await pilot.press("s")
        await pilot.pause()
        note = str(app.screen.query_one("#note", Static).content)
        assert note == f"saved as {tmp_path / 'id' / 'drawing-1.png'}"
        assert Image.open(tmp_path / "id" / "drawing-1.png").tobytes() == image
        (tmp_path / "id" / "drawing-1.png").unlink()
        (tmp_path / "id").rmdir()
        await pilot.press("s")
        await pilot.pause()
        assert "not saved" in text(app)
        await pilot.press("l", "escape")
        assert isinstance(app.screen, DrawScreen)


async def test_the_table_sorts_by_any_column_both_ways(
    make_app: MakeApp, trainer: ScriptedTrainer, labels: bytes
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer, labels, "c")
        trainer.finish_run(MLP, 0.97)
        trainer.finish_run(CNN, 0.99)
        await pilot.pause(1)
        table = app.screen.query_one(ComparisonTable)

        def models() -> list[str]:
            return [strip.text.split()[1] for strip in table.draw()[1:3]]

        before = models()
        await pilot.press("r")
        assert models() == before[::-1]
        names = []
        for column in (*COLUMNS[1:], COLUMNS[0]):
            await pilot.press("right")
            names.append(table.draw()[0].text)
            assert f"{column.name}▲" in names[-1], "what it is sorted by is in sight"
        assert len(set(names)) == len(COLUMNS)
        assert "97.44 %" in text(app)
        await pilot.click(ComparisonTable, offset=(35, 1))
        assert "best run▼" in table.draw()[0].text


def test_every_screen_has_a_page_of_help() -> None:
    sides = (InspectScreen, DrawScreen, CompareScreen, ConfusionScreen)
    past = (WatchScreen, PastScreen, ResultsScreen, OverlayScreen)
    pages = {screen.HELP for screen in (*sides, *past, TrainingScreen)}
    assert pages | {"setup"} == set(TEXTS)


@pytest.mark.parametrize("page", TEXTS)
def test_indented_lines_of_help_fit_80_columns(page: str) -> None:
    room = 80 - len("│  ┃│")
    lines = [Text.from_markup(line).plain for line in TEXTS[page].split("\n")]
    assert not [line for line in lines if line.startswith(" ") and len(line) > room]


@pytest.mark.parametrize("name", MODELS)
def test_the_diagrams_count_parameters_rightly(name: str) -> None:
    model = MODELS[name].build()
    size = model_size(name, model)
    for count in {
        f"{size.trainable_parameters:,}",
        *(
            f"{sum(p.numel() for p in layer.parameters()):,}"
            for layer in model.modules()
            if name != "mobilenetv2" and not list(layer.children()) and list(layer.parameters())
        ),
    }:
        assert count in TEXTS["setup"]
    if name == "mobilenetv2":
        assert f"{size.parameters - size.trainable_parameters:,} frozen" in TEXTS["setup"]


async def test_before_the_experiment_has_a_folder_nothing_is_saved_but_a_digit_is_loaded(
    make_app: MakeApp,
) -> None:
    app = app_of(make_app)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s", "d", "s")
        await pilot.pause()
        assert "nothing is drawn" in text(app)
        await pilot.press("space", "right", "s")
        await pilot.pause()
        assert "the experiment has no folder yet" in text(app)
        await pilot.press("l", "7", "enter")
        await settled(pilot)
        assert "test digit 7" in text(app)


async def test_data_that_cannot_be_read_is_told_where_it_is_needed(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",), data="/nowhere/[b]x")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("s")
        trainer.begin()
        await pilot.pause(0.3)
        for keys in (["i"], ["d", "l", "1", "enter"]):
            await pilot.press(*keys)
            await settled(pilot)
            assert "/nowhere/[b]x" in text(app)


def test_saved_drawings_never_replace_one_another(tmp_path: Path) -> None:
    drawing = Drawing()
    first, second = drawing.save(tmp_path), drawing.save(tmp_path)
    first.unlink()
    assert drawing.save(tmp_path) == first
    assert drawing.save(tmp_path) not in (first, second)


def test_a_loss_that_is_no_number_is_neither_best_nor_in_the_way() -> None:
    column = next(column for column in COLUMNS if column.name == "test loss")
    models = [summary("a", nan), summary("b", 0.2), summary("c", 0.1)]
    assert best(models, column) == models[2:]
    assert [m.name for m in ranked(models, column, reverse=False)] == ["c", "b", "a"]


def test_what_looks_equal_is_equally_good() -> None:
    column = next(column for column in COLUMNS if column.name == "test loss")
    models = [summary("a", 0.2), summary("b", 0.10001), summary("c", 0.10002)]
    assert best(models, column) == models[1:]
    assert not best(models[:1], column), "of what?"


def summary(name: str, loss: float) -> ModelSummary:
    found = Statistics(1, loss, None, None, loss, loss)
    return ModelSummary(
        name, None, 1, None, None, found, None, None, None, 0.0, 0, {}, None, None, Cost()
    )
