"""Opens the dashboard and leaves the terminal and the training as they should be."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from contextlib import suppress

from engine.settings import Settings
from tui.app import MnistApp
from tui.capture import captured_output
from tui.memory import with_last_choices
from tui.record_queue import RecordQueue
from tui.trainer import Trainer


def launch(settings: Settings, *, as_last_time: bool) -> int:
    """Run the dashboard; return its exit code: 0, or 128 + the number of the signal that ended it.

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
        try:
            app.run()
        finally:
            trainer.control.stop()
            trainer.wait()
            root.removeHandler(handler)
    with suppress(OSError):  # the terminal may be gone
        for record in trainer.records:
            print(record.summary, flush=True)
    return app.return_code or 0


def _report(failure: threading.ExceptHookArgs) -> None:
    """As Python does; but that the terminal was closed is no fault to be traced."""
    if isinstance(failure.exc_value, OSError) and failure.exc_value.errno == errno.EIO:
        logging.getLogger("mnist_tui").warning("the terminal is gone: the training stops, saved")
    else:
        threading.__excepthook__(failure)
