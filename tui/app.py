"""The dashboard: wires screens, keys and the training thread together."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.screen import Screen
from textual.worker import WorkerFailed

from engine.settings import Settings, expanded
from tui.ending_signals import ENDING_SIGNALS, HANGUP
from tui.memory import remember_choices
from tui.screens.setup import SetupScreen
from tui.themed_app import ThemedApp
from tui.trainer import Trainer
from tui.warm_up import load

if TYPE_CHECKING:
    from tui.screens.results import ResultsScreen
    from tui.screens.training import TrainingScreen

log = logging.getLogger("mnist_tui")

TEXTUALS_OWN = ("command_palette", "minimize")
"""Actions that are in the command palette anyway."""
UNWANTED = ("Screenshot", "Maximize", "Keys", "Quit")
"""Textual's commands that save a file on the server, enlarge what is not meant to be, take the room
of the screen, or name no key and do not ask; help, m and q do better."""


class MnistApp(ThemedApp):
    """The app; the training thread it uses belongs to whoever made it."""

    TITLE = "mnist-tui"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = "screens/setup.tcss"  # Textual does not load that of a default screen
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "To the shell", show=False, priority=True),
    ]

    def __init__(self, settings: Settings, trainer: Trainer) -> None:
        super().__init__(settings)
        self.trainer = trainer
        self.fault: BaseException | None = None
        """What has broken the screen."""
        self._training: TrainingScreen | None = None
        self._log_lines: deque[tuple[str, str]] = deque(maxlen=1000)
        self._loaded = threading.Event()
        """Set when what the training needs has been imported, or cannot be."""

    def get_driver_class(self) -> type[Driver]:
        """Textual's, but on a Unix terminal our own."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":
            return usual
        from tui.terminal_driver import TerminalDriver

        return TerminalDriver

    def get_default_screen(self) -> SetupScreen:
        """The form, which no screen lies below."""
        self._setup = SetupScreen(self._settings)
        return self._setup

    def on_mount(self) -> None:
        """Show the form, then load what the training needs behind it."""
        warm_up = threading.Thread(target=self._warm_up, name="warm-up", daemon=True)
        self.call_after_refresh(warm_up.start)

    def on_load(self) -> None:
        """Leave the screen in order on a signal; without a handler it would stay in raw mode."""
        for number in ENDING_SIGNALS:
            if number == HANGUP and self._settings.on_hangup == "finish":
                continue  # the program's own handler stays when the screen is gone
            with suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().add_signal_handler(number, self._end, 128 + number)

    def _handle_exception(self, error: Exception) -> None:
        """Textual's call for what nobody has caught; it ends the screen."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self._exit:  # half of the screen is gone already, or was never there
            log.info("while the screen was left: %r", cause)
            self._close_messages_no_wait()
            return
        self.fault = self.fault or cause
        log.error("the screen broke", exc_info=cause)
        super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        """Textual would print the traceback, which is in the log."""

    def let_go(self) -> None:
        """Leave a terminal that is gone; what trains goes on."""
        self.exit(return_code=0 if self.trainer.busy else 128 + HANGUP)

    def _end(self, code: int) -> None:
        self.trainer.stop()
        self.exit(return_code=code)

    def _warm_up(self) -> None:
        """On a thread: torch and plotext take over a second to import."""
        try:
            tell = partial(self._setup.show_devices, load())
        except Exception as error:  # a broken installation
            log.exception("what the training needs cannot be loaded")
            tell = partial(self._setup.show_refusal, f"{type(error).__name__}: {error}")
        self._loaded.set()
        # What was loaded stays. Looking through all of it for garbage now and then would hold up
        # the screen for more than a tenth of a second each time.
        gc.freeze()
        gc.enable()
        with suppress(RuntimeError, NoMatches):  # the app has ended meanwhile, or is about to
            self.call_from_thread(tell)

    def on_setup_screen_start(self, message: SetupScreen.Start) -> None:
        """Train what the form says; a second press of the key comes too late."""
        if self.screen is not self._setup or self.trainer.busy:
            return
        remember_choices(message.settings)
        self._train(message.settings)

    def on_setup_screen_resume(self, message: SetupScreen.Resume) -> None:
        """Go on with an experiment; a second press of the key comes too late."""
        if self.screen is self._setup and not self.trainer.busy:
            self._train(message.record.settings, message.record.folder)

    def on_setup_screen_results(self) -> None:
        """The experiments that there are."""
        from tui.screens.results import ResultsScreen

        if self.screen is self._setup and not self.trainer.busy:
            self.push_screen(ResultsScreen(expanded(self._settings.results)))

    def on_results_screen_opened(self, message: ResultsScreen.Opened) -> None:
        """Look at a past experiment, or one that somebody trains."""
        from engine.lock import owner_of
        from tui.screens.past import PastScreen
        from tui.screens.watch import WatchScreen

        record, owner = message.record, owner_of(message.record.folder)
        if owner is None:
            self._show(PastScreen(record, self.take_log))
        else:
            self._show(WatchScreen(record, owner, self.take_log))

    def on_results_screen_compared(self, message: ResultsScreen.Compared) -> None:
        """Lay past experiments over one another."""
        from tui.screens.overlay import OverlayScreen

        self.push_screen(OverlayScreen(message.records))

    def on_results_screen_again(self, message: ResultsScreen.Again) -> None:
        """Train once more with the settings of a past experiment."""
        if not self.trainer.busy:
            self.pop_screen()  # the results
            settings = replace(message.settings, results=self._settings.results)
            remember_choices(settings)
            self._train(settings)

    def on_setup_screen_watch(self, message: SetupScreen.Watch) -> None:
        """Look on while another process trains."""
        from tui.screens.watch import WatchScreen

        if self.screen is self._setup and not self.trainer.busy:
            self._show(WatchScreen(message.record, message.owner, self.take_log))

    def _train(self, settings: Settings, folder: Path | None = None) -> None:
        """Show the training screen, which begins, or goes on with the experiment in ``folder``."""
        from tui.screens.training import TrainingScreen

        self._show(TrainingScreen(settings, self.trainer, self.take_log, folder))

    def _show(self, screen: TrainingScreen) -> None:
        def ended(refusal: str | None) -> None:
            self._training = None
            self._setup.begin_anew()
            if refusal is not None:
                self._setup.show_refusal(refusal)

        self._training = screen
        self.push_screen(screen, ended)

    def add_log(self, level: str, text: str) -> None:
        """Keep a line for the log pane; callable from any thread."""
        self._log_lines.append((level, text))

    def take_log(self) -> list[tuple[str, str]]:
        """Return and forget the lines kept."""
        lines = []
        while self._log_lines:
            lines.append(self._log_lines.popleft())
        return lines

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: what the screen's keys do, then Textual's own commands."""
        offered = set(TEXTUALS_OWN)
        for node, binding, enabled, _ in screen.active_bindings.values():
            # Those without a place in the footer, too; but not those for moving about.
            ours = binding.show or binding.tooltip or (node is screen and "." not in binding.action)
            action_name = binding.action.removeprefix("app.")
            if enabled and ours and action_name not in offered:
                offered.add(action_name)  # some have several keys
                action = partial(self.run_action, binding.action, node)
                key = self.get_key_display(binding)
                yield SystemCommand(binding.tooltip or binding.description, f"Key: {key}", action)
        for command in super().get_system_commands(screen):
            if command.title not in UNWANTED:
                yield command

    async def action_quit(self) -> None:
        """Leave; the training screen asks first while it trains."""
        if self._training is not None:
            while self.screen is not self._training:  # the question must not be under a modal
                self.pop_screen()
            await self._training.action_quit()
            return
        self.exit()

    def action_help(self) -> None:
        """Explain the screen one is on."""
        from tui.screens.help import HelpScreen

        page = getattr(self.screen, "HELP", None)
        if page is not None:
            self.push_screen(HelpScreen(page))

    def action_side(self, name: str) -> None:
        """Look at the experiment in another way."""
        if self._training is None:
            return
        if name not in self._training.WITH_TORCH or self._loaded.is_set():
            self._open_side(self._training, name)
        else:
            waits = self._open_side_when_loaded(self._training, name)
            self.run_worker(waits, group="side", exclusive=True)

    async def _open_side_when_loaded(self, training: TrainingScreen, name: str) -> None:
        """Unless the user, or a refusal, has led elsewhere meanwhile."""
        asked_from = self.screen
        while not self._loaded.is_set():
            await asyncio.sleep(0.05)
        if self.screen is asked_from:
            self._open_side(training, name)

    def _open_side(self, training: TrainingScreen, name: str) -> None:
        while self.screen is not training:
            self.pop_screen()
        self.push_screen(training.side(name))
