"""Pastes, storms of resizes, lost focus, and tmux in between."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
LONG = [
    *("--model", "mlp", "--epochs", "1000", "--repeats", "2"),
    *("--train-limit", "12000", "--test-limit", "1000"),
]
PASTE = "\x1b[200~{}\x1b[201~"

pytestmark = pytest.mark.slow


def status(folder: Path) -> str:
    (path,) = folder.glob("results/*/summary.toml")
    return str(tomllib.loads(path.read_text())["status"])


def leave(terminal: Terminal) -> None:
    """Quit a training; nothing of it is lost and the terminal is as before."""
    terminal.press("q")
    terminal.wait_for("Quit?")
    terminal.press("y")
    assert terminal.wait_exit() == 0
    assert terminal.restored() == []


def test_a_screen_that_another_program_has_written_on_is_drawn_again(tmp_path: Path) -> None:
    with Terminal([COMMAND], 80, 24, cwd=tmp_path) as terminal:
        terminal.wait_for("repeat 1 uses this seed")
        terminal.scribble("\x1b[2J\x1b[HBroadcast message: reboot at noon")
        terminal.wait_until(lambda: "Start" not in terminal.text())
        terminal.press("ctrl+l")
        terminal.wait_for("Start")
        terminal.wait_for("repeat 1 uses this seed")
        assert "Broadcast" not in terminal.text()


def test_a_paste_is_text_for_a_field_and_never_keys(tmp_path: Path) -> None:
    with Terminal([COMMAND, *LONG], 80, 24, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.wait_for("repeat 1 uses this seed")
        terminal.type(PASTE.format("sq\nrm -rf /\r\n"))  # the Start button has the focus
        lines = terminal.text().splitlines()
        y = next(index for index, line in enumerate(lines) if " repeats " in line)
        terminal.click(lines[y].index("2 "), y)
        terminal.press("end", "backspace", "backspace")
        terminal.wait_for("repeats is not valid")
        terminal.type(PASTE.format("3\nand more"))
        terminal.wait_for("3 runs, 1000 epochs each")
        assert not list(tmp_path.glob("results/*")), "the paste has started a training"
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        terminal.type(PASTE.format("xy\nqy"))
        terminal.wait_for_epoch(terminal.epoch() + 4)
        assert "Stop now?" not in terminal.text()
        leave(terminal)
    assert status(tmp_path) == "stopped"


def test_a_storm_of_resizes_ends_with_a_whole_screen(tmp_path: Path) -> None:
    with Terminal([COMMAND, *LONG], 120, 40, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        for _ in range(8):
            for size in (
                (200, 60),
                (1, 1),
                (80, 24),
                (5, 24),
                (80, 24),
                (20, 3),
                (3, 50),
                (300, 10),
                (100, 30),
            ):
                terminal.resize(*size)
                moment = time.monotonic() + 0.02
                terminal.wait_until(lambda moment=moment: time.monotonic() > moment)
        terminal.resize(80, 24)
        terminal.wait_for("? Help")
        words = ("loss", "accuracy", "running", "cpu", "? Help")
        terminal.wait_until(
            lambda: (
                all(word in terminal.text() for word in words)
                and len(terminal.text().splitlines()) == 24
            ),
            what="everything that the smallest layout has, in all of its rows",
        )
        leave(terminal)
    assert status(tmp_path) == "stopped"


def test_lost_focus_changes_nothing(tmp_path: Path) -> None:
    with Terminal([COMMAND, *LONG], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.type("\x1b[O")
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        terminal.type("\x1b[I\x1b[O")
        terminal.press("p")
        terminal.wait_for("paused")
        terminal.type("\x1b[I")
        terminal.press("p")
        terminal.wait_for("training")
        leave(terminal)
    assert status(tmp_path) == "stopped"


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs tmux's commands on a server of the test's own, and returns what they print."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")

    def run(*words: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    yield run
    subprocess.run(["tmux", "-S", str(tmp_path / "socket"), "kill-server"], capture_output=True)


def test_a_training_goes_on_while_tmux_is_detached(
    tmp_path: Path, tmux: Callable[..., str]
) -> None:
    """Nobody is attached from the first second on; the screen is there for whoever looks."""

    def wait_for(text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in (screen := tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)

    size = ["-x", "80", "-y", "24", "-e", "COLUMNS=80", "-e", "LINES=24"]  # as some shells do
    tmux("new-session", "-d", *size, "-c", str(tmp_path), "sh")
    tmux("send-keys", f"{COMMAND} {' '.join(LONG)}", "Enter")
    wait_for("[x] ● mlp")
    tmux("send-keys", "Enter")
    wait_for("3/1000")
    tmux("resize-window", "-x", "120", "-y", "40")
    wait_for("a add  r remove")
    tmux("send-keys", "q")
    wait_for("Quit?")
    tmux("send-keys", "y")
    wait_for("summary.toml")
    assert status(tmp_path) == "stopped"
