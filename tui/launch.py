"""Opens the dashboard and leaves the terminal and the training as they should be."""

from __future__ import annotations

import logging
import signal
from types import FrameType

from engine.settings import Settings
from tui.app import MnistApp
from tui.capture import RecordQueue, captured_output
from tui.trainer import Trainer

ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def launch(settings: Settings) -> int:
    """Run the dashboard; return its exit code.

    Whatever ends it, the training thread gets to write its summary first.
    """
    trainer = Trainer()
    received: list[int] = []
    with captured_output() as capture:
        app = MnistApp(settings, trainer)
        capture.attach(app)
        handler = RecordQueue(app.add_log, logging.WARNING)
        logging.getLogger().addHandler(handler)
        _end_on_signals(app, trainer, received)
        try:
            app.run()
        finally:
            trainer.control.stop()
            trainer.wait()
            logging.getLogger().removeHandler(handler)
    if received:
        return 128 + received[0]
    return app.return_code or 0


def _end_on_signals(app: MnistApp, trainer: Trainer, received: list[int]) -> None:
    """Leave the screen in order on a signal; without a handler it would stay in raw mode."""

    def end(number: int, frame: FrameType | None) -> None:
        received.append(number)
        trainer.control.stop()
        app.exit(128 + number, return_code=128 + number)

    for name in ENDING_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
