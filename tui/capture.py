"""Keeps everything but Textual off the terminal while the dashboard is on it.

Warnings, prints of the training thread and native writes to file descriptors 1 and 2 would land
in the middle of the screen. ``captured_output`` puts a pipe in place of both descriptors and logs
each line that comes out of it; Textual alone keeps a way to the terminal. The order is::

    with captured_output() as capture:
        app = Dashboard()
        capture.attach(app)
        app.run()
"""

from __future__ import annotations

import io
import logging
import os
import queue
import selectors
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.console import Console
from textual.events import Print

from tui.output_lines import LineSplitter
from tui.terminal_stream import TerminalStream

if sys.platform == "linux":
    import fcntl

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

OUTPUT_LOGGER: Final = "mnist_tui.output"
"""The logger of captured lines. At WARNING, since none is expected and none should be lost."""

MAX_WAITING: Final = 10_000
"""Lines kept for a logging handler that is slower than the output; what is above is counted."""

_PIPE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 16

_in_use = threading.Lock()


class _Pipe:
    """A pipe whose lines become log records, on two daemon threads.

    Two, because a logging handler may wait for a disk or for a lock that a thread holds while it
    writes to the full pipe. The thread that empties the pipe waits for nothing.
    """

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._read_end, False)
        if sys.platform == "linux":
            # Native code may print while it holds the interpreter's lock, which the draining
            # thread needs: room for all of it at once.
            with suppress(OSError):
                fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._splitter = LineSplitter()
        self._logging_thread: int | None = None
        self._threads = [
            threading.Thread(target=self._drain, name="output-drain", daemon=True),
            threading.Thread(target=self._log, name="output-log", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def logs_here(self) -> bool:
        """Whether the calling thread is the one that logs captured lines."""
        return threading.get_ident() == self._logging_thread

    def stop(self) -> None:
        """Log what is left in the pipe and close it; writers must have let go of it."""
        os.write(self._wake_write, b".")  # no wait for end of file: a child may outlive us
        for thread in self._threads:
            thread.join(timeout=5)  # a handler that hangs must not keep the program from ending
        for fd in (self._read_end, self.write_end, self._wake_read, self._wake_write):
            os.close(fd)

    def _drain(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._read_end, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while not any(key.fd == self._wake_read for key, _ in selector.select()):
                self._read()
        for _ in range(2 * _PIPE_BYTES // _READ_BYTES):  # a child may write without end
            if not self._read():
                break
        self._queue(self._splitter.close())
        self._report_dropped()
        self._lines.put(None)

    def _read(self) -> bool:
        try:
            data = os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return False
        self._queue(self._splitter.feed(data))
        return bool(data)

    def _queue(self, lines: list[str]) -> None:
        room = MAX_WAITING - self._lines.qsize()
        if room > 0:
            self._report_dropped()
        for line in lines[: max(room, 0)]:
            self._lines.put(line)
        self._dropped += len(lines[max(room, 0) :])

    def _report_dropped(self) -> None:
        if self._dropped:
            self._lines.put(f"({self._dropped} lines of output dropped)")
            self._dropped = 0

    def _log(self) -> None:
        self._logging_thread = threading.get_ident()
        while (line := self._lines.get()) is not None:
            with suppress(Exception):  # one broken handler must not end the capture
                self._dispatch(line)
        self._logging_thread = None

    def _dispatch(self, line: str) -> None:
        """``Logger.warning``, but without handlers whose output would be captured again.

        A handler on a captured stream would log its own output for ever. The same loop through
        ``logging.lastResort`` cannot arise, as it is never asked here, nor one through
        ``sys.stderr``, as the streams put there are mute on this thread.
        """
        logger = logging.getLogger(OUTPUT_LOGGER)
        record = logger.makeRecord(logger.name, logging.WARNING, "(output)", 0, line, (), None)
        if not logger.isEnabledFor(record.levelno) or not logger.filter(record):
            return
        node: logging.Logger | None = logger
        while node is not None:
            for handler in node.handlers:
                if record.levelno >= handler.level and not self._ends_here(handler):
                    handler.handle(record)
            node = node.parent if node.propagate else None

    def _ends_here(self, handler: logging.Handler) -> bool:
        try:
            return os.path.sameopenfile(handler.stream.fileno(), self.write_end)  # type: ignore[attr-defined]
        except (AttributeError, OSError, ValueError):
            return False  # no stream, or one that is closed or has no descriptor


class _PipeStream(io.TextIOWrapper):
    """A standard stream of the captured program: whole lines, mute on the logging thread."""

    def __init__(self, fd: int, mute: Callable[[], bool]) -> None:
        # By number, so that a reference kept beyond the capture still writes to the right place.
        raw = open(fd, "wb", closefd=False)  # noqa: SIM115  (lives as long as the stream)
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self._mute = mute

    def write(self, text: str) -> int:
        """As for any text stream."""
        return len(text) if self._mute() else super().write(text)


class Capture:
    """What the app needs to know of the capture that it runs under."""

    def __init__(self, terminal: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self.terminal: Final = terminal
        """The one stream that still reaches the terminal, for Textual and nothing else."""
        self._stdout = stdout
        self._stderr = stderr

    def attach(self, app: App[Any]) -> None:
        """Join ``app`` to the capture; between its construction and its ``run``.

        While it runs, Textual replaces ``sys.stdout`` and ``sys.stderr`` for all threads by objects
        that pass each print on to whoever asked for it and drop it if nobody did. Asking with
        this object instead of a widget keeps the message queue out of it: the printing thread
        itself writes into the pipe, so prints keep their order among native output, and a screen
        that is busy or gone loses none.
        """
        app.begin_capture_print(self)
        # What Textual puts there has no descriptor, but a process that is started is given one.
        app._capture_stdout.fileno = self._stdout.fileno  # type: ignore[method-assign]
        app._capture_stderr.fileno = self._stderr.fileno  # type: ignore[method-assign]
        # Written by Textual once it has left the screen: its crash report belongs there.
        app.error_console = Console(file=self.terminal, markup=False, highlight=False)

    def post_message(self, message: Message) -> bool:
        """Textual's call for each piece of printed text."""
        if isinstance(message, Print):
            (self._stderr if message.stderr else self._stdout).write(message.text)
        return True

    async def _post_message(self, message: Message) -> bool:
        """The other half of what Textual expects of a receiver."""
        return self.post_message(message)


@contextmanager
def captured_output() -> Iterator[Capture]:
    """Send all output but Textual's to the logger ``OUTPUT_LOGGER`` while the context lasts.

    Enter it before the app is constructed, on the main thread. Descriptors 1 and 2, the streams
    of ``sys`` and the way warnings are shown are as before when it ends, however it ends.

    Raises:
        RuntimeError: output is being captured already.
        OSError: the program was started with standard output or standard error closed.
    """
    if not _in_use.acquire(blocking=False):
        raise RuntimeError("output is being captured already")
    try:
        if sys.__stdout__ is None or sys.__stderr__ is None:
            raise OSError("standard output or standard error is closed")
        with ExitStack() as stack:
            yield _enter(stack)
    finally:
        _in_use.release()


def _set_streams(streams: Mapping[str, TextIO]) -> None:
    for name, stream in streams.items():
        setattr(sys, name, stream)


def _quietly(*actions: Callable[[], None]) -> None:
    """Flush or close streams that may be closed already or whose terminal may be gone."""
    for action in actions:
        with suppress(OSError, ValueError):
            action()


def _enter(stack: ExitStack) -> Capture:
    """Set everything up; ``stack`` undoes it in the reverse order."""
    originals = {
        name: getattr(sys, name) for name in ("stdout", "stderr", "__stdout__", "__stderr__")
    }
    saved = {}
    for fd in (1, 2):
        saved[fd] = os.dup(fd)
        stack.callback(os.close, saved[fd])
    # Textual draws on standard error; with that redirected to a file, a terminal on standard
    # output will do.
    terminal_fd = next((fd for fd in (2, 1) if os.isatty(fd)), 2)
    terminal = TerminalStream(
        open(os.dup(terminal_fd), "wb"),  # noqa: SIM115  (closed by the stack)
        encoding=originals["__stderr__"].encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
    stack.callback(_quietly, terminal.close)
    pipe = _Pipe()
    stack.callback(pipe.stop)

    showwarning = warnings.showwarning
    logging.captureWarnings(True)
    if warnings.showwarning is not showwarning:  # else it was on before, and stays so
        stack.callback(logging.captureWarnings, False)

    _quietly(*(stream.flush for stream in originals.values()))
    for fd in (1, 2):
        stack.callback(os.dup2, saved[fd], fd)
        os.dup2(pipe.write_end, fd)

    stdout, stderr = (_PipeStream(fd, pipe.logs_here) for fd in (1, 2))
    # Textual takes the double-underscored names, for its output and to ask for the terminal's size.
    replaced = {"stdout": stdout, "stderr": stderr, "__stdout__": terminal, "__stderr__": terminal}
    stack.callback(_set_streams, originals)
    stack.callback(_quietly, *(stream.flush for stream in (*originals.values(), stdout, stderr)))
    _set_streams(replaced)
    return Capture(terminal, stdout, stderr)
