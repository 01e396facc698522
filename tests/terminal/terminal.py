"""A real pseudo-terminal around a command: keys go in, the screen can be read.

The screen is read only inside the ``wait_…`` methods: a test that calls none of them plays a
terminal that has stopped reading. No query is answered, as in a plain terminal.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

KEYS = {
    "enter": "\r", "space": " ", "tab": "\t", "shift+tab": "\x1b[Z", "escape": "\x1b",
    "backspace": "\x7f", "delete": "\x1b[3~", "home": "\x1b[H", "end": "\x1b[F",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ",
    **{f"ctrl+{letter}": chr(ord(letter) & 0x1F) for letter in "abcdefghijklmnopqrstuvwxyz"},
}  # fmt: skip

# What a program has to switch off again, and what has to be on.
OFF = {
    47: "alternate screen", 1047: "alternate screen", 1049: "alternate screen",
    1000: "mouse", 1002: "mouse", 1003: "mouse", 1005: "mouse", 1006: "mouse",
    1015: "mouse", 1016: "mouse", 1004: "focus events", 2004: "bracketed paste",
    2026: "synchronized output", 2048: "in-band resize",
}  # fmt: skip
ON = {7: "line wrap", 25: "cursor"}

# What pyte would print or misread: private parameters (kitty keys, version query), intermediates
# (mode queries), private sequences other than h and l, strings. Then a sequence cut by a read.
UNKNOWN = re.compile(
    r"\x1b\[(?:[<=>][0-?]*[ -/]*[@-~]|[0-?]*[ -/]+[@-~]|\?[0-?]*[a-gi-km-z])"
    r"|\x1b[]PX^_].*?(?:\x1b\\|\x07)",
    re.DOTALL,
)
INCOMPLETE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[]PX^_](?:(?!\x1b\\)[^\x07])*)?\Z", re.DOTALL)

BETWEEN_PIECES = 0.02
"""Seconds without a byte after which a frame is taken to be whole."""
LONGEST_FRAME = 0.3
"""Seconds after which it is taken to be so where bytes never cease."""


def _begin() -> None:
    """In the new process: its terminal, and hang-ups heard even if the tests run under nohup."""
    # As after a login; who runs the tests in the background has it ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Terminal:
    """A command on a terminal of its own; a context manager that leaves no process behind."""

    def __init__(
        self,
        command: Sequence[str | Path],
        cols: int = 100,
        rows: int = 30,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        whole_frames: bool = True,
    ) -> None:
        """Without ``whole_frames``, what is waited for is seen at once, be it in a part of one."""
        self._whole_frames = whole_frames
        self.raw = bytearray()
        """Every byte that the command has written."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        # The normal and the alternate screen, which pyte itself does not tell apart.
        self._screens = [pyte.Screen(cols, rows), pyte.Screen(cols, rows)]
        self._streams = [pyte.Stream(screen) for screen in self._screens]
        self._current = 0
        self._master, self._slave = pty.openpty()
        self._before = termios.tcgetattr(self._slave)
        self.resize(cols, rows)
        environment = {**os.environ, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "COLORTERM", "NO_COLOR"):  # the tests' own terminal
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=self._slave, stdout=self._slave, stderr=self._slave,
            start_new_session=True, env={**environment, **(env or {})}, cwd=cwd,
            preexec_fn=_begin,
        )  # fmt: skip

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # A shell's jobs are groups of their own in the same session.
        subprocess.run(["pkill", "-KILL", "-s", str(self.process.pid)], check=False)
        self.hang_up()
        os.close(self._slave)

    def type(self, text: str) -> None:
        """Send ``text`` as it is; surrogates are bytes that are no UTF-8, as in ``os.fsencode``."""
        os.write(self._master, text.encode(errors="surrogateescape"))

    def scribble(self, text: str) -> None:
        """Write on the screen as another program on the same terminal does."""
        os.write(self._slave, text.encode())

    def press(self, *keys: str) -> None:
        """Send keys by name (see ``KEYS``), or by themselves if of one character."""
        for key in keys:
            self.type(key if len(key) == 1 else KEYS[key])

    def click(self, x: int, y: int) -> None:
        """Click the left button on a cell; 0, 0 is the top left one."""
        self.type(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; the kernel tells the command."""
        termios.tcsetwinsize(self._slave, (rows, cols))
        for screen in self._screens:
            screen.resize(rows, cols)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command itself, not to its children."""
        self.process.send_signal(number)

    def hold(self) -> None:
        """Stop the command and its children where they are."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them go on."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def hang_up(self) -> None:
        """Close the terminal, as a dropped connection does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def text(self) -> str:
        """The screen as last read, a line per row."""
        return "\n".join(line.rstrip() for line in self._screens[self._current].display)

    def wait_for(self, text: str, timeout: float = 20) -> None:
        """Read until ``text`` is on the screen."""
        self.wait_until(lambda: text in self.text(), timeout, what=f"{text!r} on the screen")

    def wait_until(
        self, predicate: Callable[[], bool], timeout: float = 20, what: str = "what was waited for"
    ) -> None:
        """Read until ``predicate`` is true; an AssertionError shows the screen if it never is."""
        deadline = time.monotonic() + timeout
        while not self._holds(predicate):
            if time.monotonic() > deadline:
                code = self.process.poll()
                state = "the command runs" if code is None else f"the command ended with {code}"
                raise AssertionError(f"not within {timeout} s: {what}; {state}\n{self.text()}")
            self._read(0.05)

    def epoch(self) -> int:
        """The newest of a thousand epochs on the screen, as last read; 0 without one."""
        found = re.findall(r"(\d+)/1000\b", self.text())
        return max(map(int, found), default=0)

    def wait_for_epoch(self, epoch: int, timeout: float = 60) -> None:
        """Read until a training has come so far; a quick one leaves some epochs out."""
        self.wait_until(lambda: self.epoch() >= epoch, timeout, what=f"epoch {epoch}")

    def wait_exit(self, timeout: float = 20) -> int:
        """Read until the command ends; its exit code, or minus the signal that killed it."""
        self.wait_until(lambda: self.process.poll() is not None, timeout, what="the end")
        if self._master >= 0:  # the kernel may hand the last bytes on a little after the end
            end = len(self.raw)
            self.scribble("\0")
            self.wait_until(lambda: b"\0" in self.raw[end:], what="the last bytes")
        return self.process.wait()

    def drain(self, predicate: Callable[[], bool], timeout: float) -> None:
        """Take what comes without reading the screen, which costs next to nothing, until
        ``predicate``, which is asked twice a second, is true.
        """
        deadline = time.monotonic() + timeout
        while not predicate():
            assert time.monotonic() < deadline, f"not within {timeout} s"
            end = time.monotonic() + 0.5
            while (left := end - time.monotonic()) > 0:
                if select.select([self._master], [], [], left)[0]:
                    with contextlib.suppress(OSError):  # the command has ended
                        os.read(self._master, 1 << 16)

    def restored(self) -> list[str]:
        """What the command has left other than it was on the terminal; empty is good."""
        modes: dict[int, bool] = {}
        for found in re.finditer(rb"\x1b\[\?([\d;]+)([hl])", self.raw):
            modes |= dict.fromkeys(map(int, found[1].split(b";")), found[2] == b"h")
        problems = [f"{name} on (?{mode})" for mode, name in OFF.items() if modes.get(mode)]
        problems += [
            f"{name} off (?{mode})" for mode, name in ON.items() if not modes.get(mode, True)
        ]
        pushed = len(re.findall(rb"\x1b\[>\d*u", self.raw))
        if pushed > len(re.findall(rb"\x1b\[<\d*u", self.raw)):
            problems.append("kitty keyboard on")
        try:
            after = termios.tcgetattr(self._slave)
        except termios.error:
            return [*problems, "terminal gone"]
        for flag, name in ((termios.ECHO, "echo"), (termios.ICANON, "line editing (icanon)")):
            if not after[3] & flag:
                problems.append(f"{name} off")
        if after != self._before:
            problems.append("terminal attributes changed")
        return problems

    def _holds(self, predicate: Callable[[], bool]) -> bool:
        """Whether it is true, and still is when the rest of the frame under way has come."""
        if not predicate():
            return False
        end = time.monotonic() + LONGEST_FRAME
        while self._whole_frames and self._read(BETWEEN_PIECES) and time.monotonic() < end:
            pass
        return predicate()

    def _read(self, timeout: float) -> bool:
        """Feed what the command writes within ``timeout`` to the screen; whether it did."""
        if self._master < 0:
            time.sleep(timeout)
            return False
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        data = os.read(self._master, 1 << 16)
        self.raw += data
        text = self._pending + self._decoder.decode(data)
        cut = INCOMPLETE.search(text)
        text, self._pending = (text[: cut.start()], cut[0]) if cut else (text, "")
        for part in re.split(r"(\x1b\[\?1049[hl])", UNKNOWN.sub("", text)):
            if part.startswith("\x1b[?1049"):
                self._current = int(part.endswith("h"))
                if self._current:
                    self._screens[1].reset()
            else:
                self._streams[self._current].feed(part)
        return True
