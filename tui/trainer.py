"""The training thread. It belongs to the program, not to the screen."""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from engine.settings import Settings

if TYPE_CHECKING:
    from engine.control import Control
    from engine.records import ExperimentRecord
    from tui.bridge import Bridge

log = logging.getLogger("mnist_tui")


class Trainer:
    """Runs one experiment at a time on a thread of its own."""

    def __init__(self) -> None:
        self.records: list[ExperimentRecord] = []
        """Of the experiments that have ended."""
        self._thread: threading.Thread | None = None

    # Made when first asked for: the form need not wait for what they import.
    @cached_property
    def bridge(self) -> Bridge:
        """What the training thread says."""
        from tui.bridge import Bridge

        return Bridge()

    @cached_property
    def control(self) -> Control:
        """What it is told; a new one for each experiment."""
        from engine.control import Control

        return Control()

    @property
    def busy(self) -> bool:
        """Whether an experiment is under way, its last words included."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, settings: Settings, folder: Path | None = None) -> None:
        """Begin an experiment, or go on with the one in ``folder``, which has these settings.

        Raises:
            RuntimeError: one is under way.
        """
        if self.busy:
            raise RuntimeError("an experiment is under way")
        from engine.control import Control

        self.control = Control()
        self.bridge.clear()
        self._thread = threading.Thread(
            target=self._train, args=(settings, folder, self.control), name="training"
        )
        self._thread.start()

    def stop(self) -> None:
        """End what is under way, if anything is, before its next step."""
        if self.busy:
            self.control.stop()

    def wait(self) -> None:
        """Return when nothing is under way any more."""
        if self._thread is not None:
            self._thread.join()

    def _train(self, settings: Settings, folder: Path | None, control: Control) -> None:
        # Everything the training needs is imported here, off the UI's thread.
        try:
            from engine.assets import AssetError
            from engine.data import DataError
            from engine.device import DeviceError
            from engine.experiment import resume_experiment, run_experiment
            from engine.results import ResultsError
            from tui.bridge import Refused

            try:
                if folder is None:
                    record = run_experiment(settings, self.bridge.emit, control)
                else:
                    record = resume_experiment(folder, self.bridge.emit, control)
                self.records.append(record)
            except (AssetError, DataError, DeviceError, ResultsError) as error:
                self.bridge.emit(Refused(str(error)))
        except Exception as error:  # a fault of ours must not take the screen with it
            log.exception("the experiment ended with an error")
            self.bridge.emit(Refused(f"{type(error).__name__}: {error}"))
