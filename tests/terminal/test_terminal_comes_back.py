"""Whatever ends or stops the dashboard, the terminal is as before, byte by byte."""

from __future__ import annotations

import re
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import join
from typing import Any

import pytest
from terminal import Terminal

pytestmark = pytest.mark.slow

SMALL = ["--model", "mlp", "--train-limit", "2000", "--test-limit", "500"]
LONG = [*SMALL, "--epochs", "10000", "--repeats", "1"]
MODERN = "\x1b[?2026;2$y\x1b[?2048;2$y"
"""A terminal's answer that it has synchronized output and in-band resizes."""
ON_AT_FIRST = {7, 25}
"""Line wrap and cursor; every other mode is off."""

BREAKS = {
    "nothing": "",
    "form": """
import tui.widgets.model_choice as module
def broken(self): raise ValueError("a broken box")
module.ModelChoice.toggle = broken
""",
    "worker of the form": """
import engine.results_folder as module
def broken(folder): raise ValueError("a broken search")
module.newest_unfinished = broken
""",
    "card": """
import itertools, tui.widgets.model_card as module
show, calls = module.ModelCard.show, itertools.count()
def broken(self, view):
    if next(calls) == 20: raise ValueError("a broken card")
    show(self, view)
module.ModelCard.show = broken
""",
    "run": """
import engine.run as module
def broken(*args, **kwargs): raise ValueError("a broken epoch")
module.train_one_epoch = broken
""",
    "experiment": """
import engine.experiment as module
def broken(*args): raise ValueError("a broken journal")
module.Journal = broken
""",
    "warm-up": """
import engine.device as module
def broken(): raise ValueError("a broken library")
module.available_devices = broken
""",
    "before the screen": """
import time, tui.launch as module
real = module.with_last_choices
module.with_last_choices = lambda settings: time.sleep(2) or real(settings)
""",
    "as the screen begins": """
import time
from textual.drivers.linux_driver import LinuxDriver as module
start = module.start_application_mode
module.start_application_mode = lambda self: start(self) or time.sleep(1)
""",
}


def command(folder: Path, broken: str, *flags: str) -> list[str]:
    """The program with a fault in it."""
    script = folder / "faulty.py"
    script.write_text(f"import sys\n{BREAKS[broken]}\nfrom tui.cli import main\nsys.exit(main())\n")
    return [sys.executable, str(script), *LONG, *flags]


def environment(folder: Path) -> Mapping[str, str]:
    return {"XDG_STATE_HOME": str(folder / "state"), "PS1": "prompt$ "}


def left_on(raw: bytes) -> list[str]:
    """Which modes are not as at first at the end of what was written."""
    modes: dict[int, bool] = {}
    for found in re.finditer(rb"\x1b\[\?([\d;]+)([hl])", raw):
        modes |= dict.fromkeys(map(int, found[1].split(b";")), found[2] == b"h")
    problems = [f"?{mode}" for mode, on in modes.items() if on != (mode in ON_AT_FIRST)]
    pushed, popped = (len(re.findall(rb"\x1b\[" + way + rb"\d*u", raw)) for way in (b">", b"<"))
    return problems if pushed == popped else [*problems, f"kitty keys {pushed - popped}"]


def assert_comes_back(terminal: Terminal) -> None:
    assert left_on(bytes(terminal.raw)) == []
    assert terminal.restored() == []
    assert b"Traceback" not in terminal.raw


def summary(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("results/*/summary.toml")
    return tomllib.loads(path.read_text())


def open_form(terminal: Terminal) -> None:
    terminal.wait_for("[x] ● mlp")
    terminal.type(MODERN)


def train(terminal: Terminal) -> None:
    open_form(terminal)
    terminal.press("s")
    trains(terminal)


def trains(terminal: Terminal) -> None:
    terminal.wait_until(lambda: re.search(r"epoch [1-9]", terminal.text()) is not None, 60)


def answer_yes(terminal: Terminal) -> None:
    terminal.wait_for("Quit?")
    terminal.press("y")


def quit_by(*keys: str) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.press(*keys)


def send(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.signal(number)


ENDINGS = {
    "q in the form": (open_form, quit_by("q"), 0),
    "Ctrl-C in the form": (open_form, quit_by("ctrl+c"), 0),
    "Ctrl-C while it trains": (train, lambda t: (t.press("ctrl+c"), answer_yes(t)), 0),
    "SIGINT": (train, send(signal.SIGINT), 130),
    "SIGTERM": (train, send(signal.SIGTERM), 143),
    "SIGHUP": (train, send(signal.SIGHUP), 129),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_after_an_end_in_order(tmp_path: Path, ending: str) -> None:
    begin, end, code = ENDINGS[ending]
    words = command(tmp_path, "nothing", "--on-hangup", "stop")
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        begin(terminal)
        end(terminal)
        assert terminal.wait_exit() == code
        assert_comes_back(terminal)
        if begin is train:
            assert summary(tmp_path)["status"] == "stopped"
        assert not list(tmp_path.glob("state/**/log.txt"))


def test_after_a_hangup_of_a_form_whose_training_would_go_on(tmp_path: Path) -> None:
    words = command(tmp_path, "nothing")
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        open_form(terminal)
        terminal.signal(signal.SIGHUP)
        assert terminal.wait_exit() == 129
        assert_comes_back(terminal)


@pytest.mark.parametrize("broken", ["form", "worker of the form", "card"])
def test_after_the_screen_broke_it_says_so_in_one_line_and_what_was_trained_is_saved(
    tmp_path: Path, broken: str
) -> None:
    words = command(tmp_path, broken, "--results", "my results")
    with Terminal(words, 300, 30, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        if broken == "card":
            train(terminal)
        elif broken == "form":
            open_form(terminal)
            terminal.press("tab", "space")
        assert terminal.wait_exit() == 1
        assert_comes_back(terminal)
        (log,) = tmp_path.glob("state/**/log.txt")
        assert "Traceback" in log.read_text()
        said = [line for line in terminal.text().splitlines() if line]
        assert re.match(r"mnist-tui: the screen broke: ValueError: a broken \w+; ", said[0])
        assert f"traceback in {log}" in said[0]
        if broken == "card":
            (path,) = tmp_path.glob("my results/*/summary.toml")
            assert said[0].endswith(f"mnist-tui resume {path.parent.name} --results 'my results'")
            assert tomllib.loads(path.read_text())["status"] == "stopped"
            assert "Traceback" in (path.parent / "log.txt").read_text()
        assert len(said) == (2 if broken == "card" else 1)  # the summary's path


@pytest.mark.parametrize(
    ("broken", "said"),
    [("run", "✗ mlp-r1 failed: a broken epoch"), ("experiment", "✗ ValueError: a broken journal")],
)
def test_a_fault_of_the_training_is_said_on_the_screen(
    tmp_path: Path, broken: str, said: str
) -> None:
    words = command(tmp_path, broken)
    with Terminal(words, 160, 50, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        open_form(terminal)
        terminal.press("s")
        terminal.wait_for(said, timeout=60)
        if broken == "run":
            terminal.wait_for("n begins a new experiment")
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert_comes_back(terminal)
    if broken == "run":
        assert summary(tmp_path)["status"] == "failed"
    (log,) = tmp_path.glob("state/**/log.txt")
    assert "Traceback" in log.read_text()


def test_a_library_that_cannot_be_loaded_is_said_in_the_form(tmp_path: Path) -> None:
    words = command(tmp_path, "warm-up")
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        open_form(terminal)
        terminal.wait_for("✗ ValueError: a broken library")
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert_comes_back(terminal)


@pytest.mark.parametrize("moment", ["before the screen", "as the screen begins"])
def test_a_signal_may_come_at_any_moment_of_the_start(tmp_path: Path, moment: str) -> None:
    words = command(tmp_path, moment)
    words = words[:2]  # with a flag it does not begin as last time
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        first = b"\x1b[?1049h" if moment == "before the screen" else b"\x1b[?1003h"
        terminal.wait_until(lambda: first in terminal.raw)
        if moment == "before the screen":
            until = time.monotonic() + 1  # Textual is loaded
            terminal.wait_until(lambda: time.monotonic() > until)
        terminal.press("ctrl+z")  # is too early
        if moment == "before the screen":
            # The kernel throws away what was written and not read yet when it takes the key.
            terminal.wait_until(lambda: b"^Z" in terminal.raw, what="the key's echo")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 143
        assert_comes_back(terminal)


def test_bytes_that_are_no_text_end_nothing(tmp_path: Path) -> None:
    words = command(tmp_path, "nothing")
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        train(terminal)
        terminal.type("\udcff\udce9")  # é of a Latin-1 keyboard
        until = time.monotonic() + 0.5
        terminal.wait_until(lambda: time.monotonic() > until)
        terminal.press("q")
        answer_yes(terminal)
        assert terminal.wait_exit() == 0
        assert_comes_back(terminal)


SHELL = ["bash", "--norc", "--noprofile", "--noediting", "-i"]


def wait_for_prompt(terminal: Terminal) -> None:
    terminal.wait_until(lambda: terminal.text().rstrip().endswith("prompt$"), what="a prompt")


def epochs(folder: Path) -> int:
    return len(summary(folder)["runs"][0].get("epochs", []))


def is_whole(terminal: Terminal, columns: int) -> bool:
    """Whether every part of the training screen is there, at this width."""
    text = terminal.text()
    parts = (" mnist-tui ", "╭─ loss", "╭─ accuracy", " images/s ", "cpu, 1 thread", "? Help")
    return all(part in text for part in parts) and columns == max(map(len, text.splitlines()))


def test_ctrl_z_and_fg(tmp_path: Path) -> None:
    """Through a process that the shell waits for, as ``uv run`` is."""
    wrapped = join(["sh", "-c", f'{join(command(tmp_path, "nothing"))}; echo "code $?"'])
    with Terminal(SHELL, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        wait_for_prompt(terminal)
        terminal.type(f"{wrapped}\r")
        train(terminal)
        terminal.press("ctrl+z")
        wait_for_prompt(terminal)
        assert_comes_back(terminal)
        stopped, written = epochs(tmp_path), len(terminal.raw)
        time.sleep(1)
        assert epochs(tmp_path) == stopped
        terminal.type("stty -a | grep -o '.echo '; echo usable\r")
        terminal.wait_for("\n echo\nusable")
        terminal.resize(120, 40)
        assert b"\x1b" not in terminal.raw[written:]
        terminal.type("fg\r")
        trains(terminal)
        terminal.wait_until(lambda: is_whole(terminal, 120), what="the whole screen")
        terminal.press("q")
        answer_yes(terminal)
        terminal.wait_for("code 0")
        wait_for_prompt(terminal)
        assert_comes_back(terminal)
    assert summary(tmp_path)["status"] == "stopped"


@pytest.mark.parametrize("end", ["fg", "kill %1"])
def test_in_the_background_it_trains_and_leaves_the_terminal_alone(
    tmp_path: Path, end: str
) -> None:
    with Terminal(SHELL, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        wait_for_prompt(terminal)
        terminal.type(f"{join(command(tmp_path, 'nothing'))}\r")
        train(terminal)
        terminal.press("ctrl+z")
        wait_for_prompt(terminal)
        stopped, written = epochs(tmp_path), len(terminal.raw)
        if end == "fg":
            terminal.type("bg\r")
            terminal.wait_until(lambda: epochs(tmp_path) > stopped + 10)
            terminal.type("fg\r")
            trains(terminal)
            terminal.press("q")
            answer_yes(terminal)
            terminal.wait_for("summary.toml")
        else:  # the shell continues it in the background
            terminal.type("kill %1\r")
            terminal.wait_until(lambda: summary(tmp_path)["status"] == "stopped")
            terminal.type("while kill -0 %1; do sleep 0.1; done\r")
            terminal.wait_for("Exit 143")
            assert b"\x1b" not in terminal.raw[written:]
        wait_for_prompt(terminal)
        assert_comes_back(terminal)
    assert summary(tmp_path)["status"] == "stopped"


def test_stopped_otherwise_or_without_a_shell(tmp_path: Path) -> None:
    """SIGSTOP leaves no time to give the terminal back; Ctrl-Z without a shell stops nothing."""
    words = command(tmp_path, "nothing")
    with Terminal(words, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        train(terminal)
        for begin in (
            lambda: (terminal.signal(signal.SIGSTOP), terminal.signal(signal.SIGCONT)),
            lambda: terminal.press("ctrl+z"),
            lambda: terminal.signal(signal.SIGTSTP),
        ):
            written, reached = len(terminal.raw), epochs(tmp_path)
            begin()
            terminal.wait_until(lambda at=written: b"\x1b[?1049h" in terminal.raw[at:])
            terminal.wait_until(lambda at=reached: epochs(tmp_path) > at)
            trains(terminal)
        terminal.press("q")
        answer_yes(terminal)
        assert terminal.wait_exit() == 0
        assert_comes_back(terminal)


@pytest.mark.parametrize(("after", "status"), [("bg", {"finished"}), ("", {"finished", "stopped"})])
def test_a_terminal_that_goes_meanwhile_costs_no_epoch(
    tmp_path: Path, after: str, status: set[str]
) -> None:
    """A shell may send SIGTERM to the jobs that are stopped when it goes."""
    words = command(tmp_path, "nothing", "--epochs", "60")
    with Terminal(SHELL, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        wait_for_prompt(terminal)
        terminal.type(f"{join(words)}\r")
        train(terminal)
        terminal.press("ctrl+z")
        wait_for_prompt(terminal)
        if after:
            trained = epochs(tmp_path)
            terminal.type(f"{after}\r")
            terminal.wait_until(lambda: epochs(tmp_path) > trained)
        terminal.hang_up()
        terminal.wait_until(lambda: summary(tmp_path)["status"] in status, 60)
