"""Names with separators, controls, escape sequences or markup decide nothing and do nothing."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from hostile_support import ACTING, NASTY_NAMES, clear_line, examples, names
from hypothesis import given
from test_hostile_summaries import VALID
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Label

from engine.control import Control
from engine.events import ExperimentStarted, as_json
from engine.log_file import LogFile
from engine.one_line import LONGEST, OneLineError, one_line, printable
from engine.past_experiment import read_record
from engine.results import Journal, ResultsError, create_folder
from engine.results_folder import find_experiment, newest_unfinished
from engine.resume import rest_of
from engine.settings import Settings, expanded
from engine.settings_file import load_settings
from tui import headless
from tui.app import MnistApp
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.trainer import Trainer
from tui.widgets.choice_select import ChoiceSelect
from tui.widgets.log_pane import LogPane

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m"
MARKUP = "[bold red]x[/] [@click=app.quit]y[/] [/]"
HOSTILE_FOLDER = f"20261122-073012-{ESCAPES}\n[bold red]x[@click=app.quit]y[link=z]"
INERT_FOLDER = HOSTILE_FOLDER.encode("unicode_escape").decode()


@pytest.mark.slow
@examples("names")
@given(names)
def test_any_text_becomes_one_inert_line(text: str) -> None:
    shown = printable(text)
    assert not ACTING.search(shown)
    assert shown == text or ACTING.search(text)
    assert len(shown.splitlines()) <= 1
    line = one_line(text * 100)
    assert len(line) <= LONGEST
    assert not ACTING.search(line)
    assert str(OneLineError(text)) == one_line(text)


@given(names)
def test_an_id_never_leads_out_of_the_results(place: Path, id_: str) -> None:
    results = place / "results"
    results.mkdir(exist_ok=True)
    for outside in (place, results):
        (outside / "summary.toml").touch()
    try:
        assert find_experiment(results, id_).parent == results
    except ResultsError as error:
        clear_line(error, "has no experiment")


@pytest.mark.parametrize("name", NASTY_NAMES, ids=ascii)
def test_a_folder_for_results_may_be_called_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (expanded(name), tmp_path / name.lstrip("/~").replace("..", "_")):
        try:
            with pytest.raises(ResultsError, match=r"no experiment that could|cannot be read"):
                newest_unfinished(folder)
        except ValueError:
            assert "\0" in name  # which settings refuse


def hostile_folder(results: Path) -> Path:
    """An unfinished experiment in a folder with a hostile name, hostile texts in its summary."""
    folder = results / HOSTILE_FOLDER
    folder.mkdir(parents=True)
    hostile = json.dumps(ESCAPES + MARKUP)
    content = VALID.replace('"a CPU"', hostile).replace('"out of memory"', hostile)
    content = content.replace('"mlp-r1.pt"', '"../../../outside.pt"')
    content = content.replace("schema = 2", 'schema = 2\nid = "../../outside"')
    (folder / "summary.toml").write_text(content, encoding="utf-8")
    (folder / "resume.pt").touch()
    return folder


def test_what_is_written_stays_in_the_experiment_s_own_folder(tmp_path: Path) -> None:
    folder = hostile_folder(tmp_path / "results")
    record = rest_of(read_record(folder)).record
    assert record.folder == folder
    Journal(record, lambda event: None)
    assert sorted(path.name for path in folder.iterdir()) == ["resume.pt", "summary.toml"]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    assert not ACTING.search(record.id)


def test_a_name_that_is_not_utf8_can_go_on(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"20261122-\xff")
    folder.mkdir()
    (folder / "summary.toml").write_text(VALID)
    rest = rest_of(read_record(folder))
    Journal(rest.record, lambda event: None)
    assert read_record(folder).runs.keys() == rest.record.runs.keys()
    next(iter(rest.record.runs.values())).error = f"{folder}: gone"
    Journal(rest.record, lambda event: None)
    assert next(iter(read_record(folder).runs.values())).error.endswith("20261122-?: gone")
    # By hand: what pytest catches of the log, pytest-xdist could not send on.
    record = logging.makeLogRecord({"msg": f"{folder}: {ESCAPES}"})
    LogFile(folder / "log.txt").emit(record)
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert log.endswith(r"20261122-\udcff: \x1b[2J\x1b]0;owned\x07\x9b31m" + "\n")


def test_a_new_experiment_s_folder_is_named_by_us(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    settings = Settings(results=str(tmp_path / MARKUP / ".." / "y"), models=("mlp",))
    id_, folder = create_folder(settings, datetime(2026, 11, 22, tzinfo=UTC))
    assert id_ == folder.name == "20261122-000000-mlp"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "from tui.cli import main; raise SystemExit(main())", *arguments],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--preset", ESCAPES),
        ("run", ESCAPES + "\n"),
        ("run", f"--{ESCAPES}"),
        ("--settings", ESCAPES + "\n"),
        ("run", "--data", ESCAPES + "\n"),
        ("run", "--results", f"file/{ESCAPES}\n"),
        ("resume", ESCAPES + "\n"),
        ("resume", "--results", ESCAPES + "\n"),
        ("clear-cache", "--cache-folder", f"file/{ESCAPES}\n"),
    ],
    ids=ascii,
)
def test_a_refusal_is_one_inert_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    done = run(*arguments, cwd=tmp_path)
    text = (done.stdout + done.stderr).decode()
    assert text.count("\n") == 1
    assert not ACTING.search(text.rstrip("\n"))
    assert r"\x1b[2J" in text


def test_plain_lines_are_inert(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = hostile_folder(tmp_path)
    events = rest_of(read_record(folder)).events

    def train(emit: object, control: Control) -> object:
        for event in events:
            show(event)
            json_line = as_json(event)
            assert not ACTING.search(json_line)
        logging.getLogger("mnist_tui").warning("%s%s", folder, ESCAPES)
        return read_record(folder)

    show = headless._line_printer()
    handlers = list(logging.getLogger().handlers)
    headless.run_headless(train, json=False, on_hangup="stop")  # type: ignore[arg-type]
    for handler in set(logging.getLogger().handlers) - set(handlers):
        logging.getLogger().removeHandler(handler)
    printed = capfd.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert r"\x1b[2J" in printed.out
    assert r"\x1b[2J" in printed.err
    assert not any(ACTING.search(line) for line in lines)
    assert len(printed.out.splitlines()) == 1


class Idle(Trainer):
    """Trains nothing; the test says what the engine would say."""

    def start(self, settings: Settings, folder: Path | None = None) -> None:
        self.control = Control()


def on_screen(app: App[int]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.fixture
def hostile_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steady_pace: None) -> MnistApp:
    """Its preset and folder have hostile names; a hostile experiment in there is unfinished."""
    monkeypatch.setattr(MnistApp, "_warm_up", lambda app: app._loaded.set())
    results = tmp_path / ESCAPES
    hostile_folder(results)
    tables = {
        "experiment": {"preset": ESCAPES + MARKUP},
        "presets": {name: {"epochs": 3} for name in (ESCAPES + MARKUP, *NASTY_NAMES)},
        "files": {"results": str(results)},
    }
    (tmp_path / "settings.toml").write_text(tomli_w.dumps(tables), encoding="utf-8")
    return MnistApp(load_settings(tmp_path / "settings.toml", {}), Idle())


async def test_the_form_shows_names_as_they_are(hostile_app: MnistApp) -> None:
    async with hostile_app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        message = str(pilot.app.screen.query_one("#message", Label).content)
        assert message.endswith(f"r goes on with {INERT_FOLDER}")
        assert rf"\x1b[2J\x1b]0;owned\x07\x9b31m{MARKUP}"[:30] in on_screen(pilot.app)
        assert_inert(pilot)
        pilot.app.screen.query_one("#preset", ChoiceSelect).action_show_overlay()
        await settled(pilot)
        assert "red]x[" in on_screen(pilot.app)
        assert_inert(pilot)
        setup = pilot.app.screen
        assert isinstance(setup, SetupScreen)
        setup.show_devices(["cpu", "cuda:0"])
        setup.show_refusal(ESCAPES + MARKUP + "\n")
        await settled(pilot)
        assert MARKUP in on_screen(pilot.app)
        assert_inert(pilot)


async def test_the_training_screen_shows_names_as_they_are(
    hostile_app: MnistApp, tmp_path: Path
) -> None:
    async with hostile_app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press("r")
        folder = newest_unfinished(tmp_path / ESCAPES).folder
        events = rest_of(read_record(folder)).events
        assert isinstance(events[0], ExperimentStarted)
        for event in events:
            hostile_app.trainer.bridge.emit(event)
        hostile_app.add_log("WARNING", ESCAPES + MARKUP)
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainingScreen)
        shown = "\n".join(line.text for line in screen.query_one(LogPane).lines)
        assert MARKUP in shown
        assert_inert(pilot)
        hostile_app.trainer.bridge.emit(finished(events[0]))
        await settled(pilot)
        assert MARKUP[:40] in on_screen(pilot.app)
        assert_inert(pilot)


def finished(started: ExperimentStarted) -> object:
    from engine.events import ExperimentFinished

    return ExperimentFinished(
        started.id, "failed", started.folder / "summary.toml", started.started
    )


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the screen shows all there is."""
    before = ""
    for _ in range(30):
        await pilot.pause(0.2)
        if on_screen(pilot.app) == before:
            return
        before = on_screen(pilot.app)


def assert_inert(pilot: Pilot[int]) -> None:
    """Nothing on the screen would be acted upon by a terminal, or clicked upon in ours."""
    assert not any(ACTING.search(line) for line in on_screen(pilot.app).split("\n"))
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            meta = segment.style.meta if segment.style else {}
            assert "app.quit" not in str(meta.get("@click")) or "uit" in segment.text
