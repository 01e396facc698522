"""Opens the dashboard and leaves the terminal and the training as they should be."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shlex
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from engine.one_line import one_line, printable
from engine.settings import Settings
from tui.app import MnistApp
from tui.capture import captured_output
from tui.ending_signals import ENDING_SIGNALS, HANGUP
from tui.error_log import ErrorLog, error_log
from tui.memory import with_last_choices
from tui.record_queue import RecordQueue
from tui.trainer import Trainer

log = logging.getLogger("mnist_tui")


def launch(settings: Settings, *, as_last_time: bool) -> int:
    """Run the dashboard; return its exit code: 0, 1 if it broke, or 128 + a signal's number.

    ``as_last_time`` lets the form begin with what was chosen last, where the settings say nothing.
    Whatever ends it, the training thread gets to write its summary first.
    """
    trainer = Trainer()
    # Some shells export the size they began with; it would be believed more than the terminal.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # The screen shares one interpreter with the training. With Python's own 5 ms a step that comes
    # while the screen is drawn waits so long, and small networks lose a third of their rate.
    sys.setswitchinterval(0.0005)
    threading.excepthook = _report
    root = logging.getLogger()
    with captured_output() as capture:
        app = MnistApp(with_last_choices(settings) if as_last_time else settings, trainer)
        capture.attach(app)
        handler = RecordQueue(app.add_log, logging.INFO)
        logging.getLogger("mnist_tui").setLevel(logging.INFO)
        root.addHandler(handler)
        root.addHandler(errors := ErrorLog())
        hangup = _Hangup(app) if settings.on_hangup == "finish" and HANGUP else None
        alone = 0
        try:
            _run(app)
        finally:
            if hangup is not None and hangup.came:
                alone = _finish_alone(trainer)
            trainer.stop()
            _end_in_order(trainer)
            trainer.wait()
            root.removeHandler(handler)
            root.removeHandler(errors)
    if hangup is not None and hangup.came:
        _close_terminal()
    with suppress(OSError):  # the terminal may be gone
        if app.fault is not None:
            print(_fault_line(app.fault, trainer), file=sys.stderr, flush=True)
        for path in dict.fromkeys(record.summary for record in trainer.records):
            print(printable(str(path)), flush=True)
    return alone or app.return_code or int(app.fault is not None)


def _fault_line(fault: BaseException, trainer: Trainer) -> str:
    """What has broken the screen, where to read more, and how to go on."""
    what = one_line(" ".join(f"{type(fault).__name__}: {fault}".split()))
    line = f"mnist-tui: the screen broke: {what}; traceback in {error_log()}"
    if trainer.records and trainer.records[-1].status == "stopped":
        stopped = trainer.records[-1]
        line += f"; what was trained is saved: mnist-tui resume {stopped.id}"
        if stopped.settings.results != Settings().results:
            line += f" --results {shlex.quote(stopped.settings.results)}"
    return line


class _Hangup:
    """Lets the screen go when the terminal is gone; ``came`` says whether it is.

    Not asyncio's own handling, which ends with the screen: a second signal would end the training.
    """

    def __init__(self, app: MnistApp) -> None:
        self._app = app
        self.came = False
        signal.signal(HANGUP, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        with suppress(RuntimeError):  # the screen is gone already, or not there yet
            asyncio.get_running_loop().call_soon_threadsafe(self._app.let_go)


def _run(app: MnistApp) -> None:
    """Show it until it is left, or breaks."""
    try:
        app.run()
    except Exception as error:
        if not _is_gone(error):
            app.fault = error
            log.exception("the screen broke")


def _is_gone(error: BaseException | None) -> bool:
    """Whether it says that the terminal was closed, which is no fault to be traced."""
    return isinstance(error, OSError) and error.errno == errno.EIO


def _end_in_order(trainer: Trainer) -> None:
    """A terminal that closes may say so twice, and the summary is still being saved; but a second
    Ctrl-C ends the program.
    """
    for number in ENDING_SIGNALS:
        if number != signal.SIGINT:
            signal.signal(number, lambda *_: trainer.stop())
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _finish_alone(trainer: Trainer) -> int:
    """Train to the end without a screen; SIGTERM and Ctrl-C stop it in order.

    Returns:
        The exit code, as of ``launch``.
    """
    log.warning("the terminal is gone: the training goes on")
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        trainer.stop()

    for number in ENDING_SIGNALS:
        if number != HANGUP:
            signal.signal(number, stop)
    trainer.control.resume()  # nobody is left to end a pause
    trainer.wait()
    return 128 + received[0] if received else 0


def _close_terminal() -> None:
    """Nothing is read from it or written to it any more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _report(failure: threading.ExceptHookArgs) -> None:
    """As Python does, unless the terminal was closed."""
    if _is_gone(failure.exc_value):
        log.info("the terminal is gone")
    else:
        threading.__excepthook__(failure)
