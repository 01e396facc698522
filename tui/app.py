"""The dashboard: wires screens, keys and the training thread together."""

from __future__ import annotations

import threading
from collections import deque
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme

from engine.settings import Settings
from tui.screens.help import HelpScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.trainer import Trainer

DARK = Theme(
    name="mnist-dark",
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#e69f00",
    success="#2f9e73",
    warning="#e69f00",
    error="#e5644e",
    foreground="#d5dde6",
    background="#0b0f14",
    surface="#121820",
    panel="#18202a",
    dark=True,
)


class MnistApp(App[int]):
    """The app; the training thread it uses belongs to whoever made it."""

    TITLE = "mnist-tui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, settings: Settings, trainer: Trainer) -> None:
        super().__init__()
        self._settings = settings
        self.trainer = trainer
        self._log_lines: deque[tuple[str, str]] = deque(maxlen=1000)
        self.register_theme(DARK)
        self.theme = DARK.name

    def on_mount(self) -> None:
        """Show the form, then load torch behind it."""
        self.push_screen(SetupScreen(self._settings))
        self.call_after_refresh(self._load_torch)

    def _load_torch(self) -> None:
        threading.Thread(target=self._find_devices, name="torch-import", daemon=True).start()

    def _find_devices(self) -> None:
        from engine.device import available_devices

        devices = available_devices()
        if self.is_running:
            self.call_from_thread(self._show_devices, devices)

    def _show_devices(self, devices: list[str]) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, SetupScreen):
                screen.show_devices(devices)

    def on_setup_screen_start(self, message: SetupScreen.Start) -> None:
        """Train what the form says."""
        setup = self.screen

        def ended(refusal: str | None) -> None:
            if refusal is not None and isinstance(setup, SetupScreen):
                setup.show_refusal(refusal)

        self.push_screen(TrainingScreen(message.settings, self.trainer), ended)

    def add_log(self, level: str, text: str) -> None:
        """Keep a line for the log pane; callable from any thread."""
        self._log_lines.append((level, text))

    def take_log(self) -> list[tuple[str, str]]:
        """Return and forget the lines kept."""
        lines = []
        while self._log_lines:
            lines.append(self._log_lines.popleft())
        return lines

    def action_help(self) -> None:
        """Explain the screen one is on."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self._screen_name(self.screen)))

    def action_quit_program(self) -> None:
        """Leave at once; only reachable where nothing trains."""
        self.exit()

    def _screen_name(self, screen: Screen[object]) -> str:
        return "training" if isinstance(screen, TrainingScreen) else "setup"
