"""The terminal that the tests of the whole program rely on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal

APP = """
from textual.app import App
from textual.widgets import Static

class Small(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self):
        yield Static("nothing yet")
    def on_key(self, event):
        self.query_one(Static).update(f"key {event.key}")
    def on_click(self, event):
        self.query_one(Static).update(f"click {event.screen_x},{event.screen_y}")
    def on_resize(self, event):
        self.query_one(Static).update(f"size {event.size.width}x{event.size.height}")

if __name__ == "__main__":
    print("before")
    Small().run()
    print("after")
"""


@pytest.fixture
def app(tmp_path: Path) -> list[str]:
    script = tmp_path / "small.py"
    script.write_text(APP)
    return [sys.executable, str(script)]


def is_alive(pid: int) -> bool:
    """Whether a process runs, and is not just a zombie that waits for its new parent."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()[:1] not in ("", "Z")


def test_shows_what_a_command_writes_and_its_exit_code() -> None:
    with Terminal(["sh", "-c", r"printf 'a \033[31mred\033[0m word\n'; exit 3"]) as terminal:
        terminal.wait_for("a red word")
        assert terminal.wait_exit() == 3
        assert b"\x1b[31mred" in terminal.raw
        assert terminal.restored() == []


def test_a_signal_shows_as_a_negative_exit_code() -> None:
    with Terminal(["sleep", "60"]) as terminal:
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == -signal.SIGTERM


def test_a_text_that_never_comes_fails_with_the_screen() -> None:
    with (
        Terminal(["sh", "-c", "echo something else; sleep 60"]) as terminal,
        pytest.raises(AssertionError, match=r"'hello'(?s:.*)the command runs\nsomething else"),
    ):
        terminal.wait_for("something else")
        terminal.wait_for("hello", timeout=0.2)


def test_typed_lines_reach_the_command() -> None:
    with Terminal(["sh", "-c", 'read line; echo "got $line"']) as terminal:
        terminal.type("some words")
        terminal.press("enter")
        terminal.wait_for("got some words")


def test_the_command_has_a_terminal_of_its_own_of_the_given_size() -> None:
    with Terminal(["sh", "-c", "stty size < /dev/tty"], cols=93, rows=17) as terminal:
        terminal.wait_for("17 93")


def test_ctrl_c_interrupts_and_hanging_up_ends_a_command() -> None:
    waiting = ["sh", "-c", "echo ready; exec sleep 60"]
    with Terminal(waiting) as terminal:
        terminal.wait_for("ready")  # before that there may be nobody to interrupt
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == -signal.SIGINT
    with Terminal(waiting) as terminal:
        terminal.wait_for("ready")
        terminal.hang_up()
        assert terminal.wait_exit() == -signal.SIGHUP
        assert terminal.restored() == ["terminal gone"]


def test_sequences_that_pyte_does_not_know_leave_no_trace() -> None:
    queries = r"\033[?2026$p\033[>1u\033[=1;2u\033[<u\033[>0q\033[?u\033]11;?\007\033P+q54\033\\"
    with Terminal(["sh", "-c", f"printf 'a{queries}b'"]) as terminal:
        terminal.wait_exit()
        assert terminal.text().strip() == "ab"


def test_a_sequence_may_be_cut_anywhere() -> None:
    # One write a byte, each of which may be read on its own.
    code = (
        r"import os; [os.write(1, bytes([b])) for b in '→\x1b[31m\x1b[>1u\x1b]0;t\x07é'.encode()]"
    )
    with Terminal([sys.executable, "-c", code]) as terminal:
        terminal.wait_exit()
        assert terminal.text().strip() == "→é"


def test_the_normal_screen_comes_back_after_the_alternate_one() -> None:
    script = r"echo before; printf '\033[?1049hinside'; read x; printf '\033[?1049l'; echo after"
    with Terminal(["sh", "-c", script]) as terminal:
        terminal.wait_for("inside")
        assert "before" not in terminal.text()
        assert terminal.restored() == ["alternate screen on (?1049)"]
        terminal.press("enter")
        terminal.wait_exit()
        assert terminal.text().split() == ["before", "after"]


def test_reports_modes_and_attributes_left_changed() -> None:
    script = r"printf '\033[?25l\033[?1000;1006h\033[?2004h\033[?2004l'; stty -echo -icanon"
    with Terminal(["sh", "-c", script]) as terminal:
        terminal.wait_exit()
        assert terminal.restored() == [
            "mouse on (?1000)",
            "mouse on (?1006)",
            "cursor off (?25)",
            "echo off",
            "line editing (icanon) off",
            "terminal attributes changed",
        ]


def test_leaving_the_context_ends_the_command_and_its_children() -> None:
    with Terminal(["sh", "-c", "sleep 60 & echo pid=$!; wait"]) as terminal:
        terminal.wait_for("pid=")
        child = int(terminal.text().partition("pid=")[2].split()[0])
        assert is_alive(child)
    assert terminal.process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_textual_app_gets_keys_clicks_and_sizes_and_restores_the_terminal(
    app: list[str],
) -> None:
    with Terminal(app, cols=60, rows=12) as terminal:
        terminal.wait_for("size 60x12")
        assert "before" not in terminal.text()
        for key in ("a", "enter", "space", "tab", "down", "shift+tab", "escape", "f2"):
            terminal.press(key)
            terminal.wait_for(f"key {key}")
        terminal.click(3, 5)
        terminal.wait_for("click 3,5")
        terminal.resize(80, 20)
        terminal.wait_for("size 80x20")
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert terminal.text().split() == ["before", "after"]
        assert terminal.restored() == []


def test_a_killed_textual_app_leaves_the_terminal_unrestored(app: list[str]) -> None:
    with Terminal(app) as terminal:
        terminal.wait_for("size")
        terminal.signal(signal.SIGKILL)
        assert terminal.wait_exit() == -signal.SIGKILL
        problems = terminal.restored()
    for problem in ("alternate screen", "mouse", "cursor", "bracketed paste", "echo", "icanon"):
        assert problem in " ".join(problems)


def test_leaving_ends_a_shells_jobs_too() -> None:
    with Terminal(["bash", "--norc", "--noprofile", "--noediting", "-i"]) as terminal:
        terminal.type("sleep 60 & echo pid=$!.\r")
        terminal.wait_until(lambda: "pid=" in terminal.text().replace("pid=$", ""))
        child = int(terminal.text().rpartition("pid=")[2].partition(".")[0])
        assert is_alive(child)
    deadline = time.monotonic() + 20
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
