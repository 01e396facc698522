"""An app in the program's colours and characters, as the settings and the last choice say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.filter import LineFilter, NoColor
from textual.screen import Screen
from textual.theme import Theme

from engine.settings import Settings
from tui.ascii_filter import AsciiFilter
from tui.ascii_text import wants_ascii
from tui.memory import recall, remember
from tui.shown_cells import Changed, ShownCells
from tui.themes import DARK, TERMINAL, THEMES, frame_color
from tui.turns import next_in_turn


class ThemedApp(App[int]):
    """What every screen of it has in common to the eye."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "t",
            "next_theme",
            "Other colours",
            show=False,
            tooltip="Other colours: dark, light, high contrast, the terminal's own",
        ),
        Binding(
            "ctrl+l",
            "redraw",
            "Redraw",
            show=False,
            priority=True,
            tooltip="Draw the whole screen again",
        ),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._shown = ShownCells()
        self._painted: Screen[object] | None = None
        """The screen that was painted last."""
        self._ascii = AsciiFilter(enabled=wants_ascii(settings.characters))
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._known_theme = self._first_theme()

    def _first_theme(self) -> str:
        """The one asked for, or the one chosen last."""
        if self.no_color:
            return TERMINAL.name
        if self._settings.theme != "last":
            return self._settings.theme
        last = recall().get("theme")
        return last if isinstance(last, str) and last in self.available_themes else DARK.name

    def on_mount(self) -> None:
        """From here on somebody chooses the colours."""
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())

    def _remember_theme(self, theme: Theme) -> None:
        """The signal also comes at the start, when nobody has chosen anything."""
        if theme.name != self._known_theme:
            self._known_theme = theme.name
            remember({"theme": theme.name})

    def on_resize(self, event: Resize) -> None:
        """The terminal may have moved or cut what it shows."""
        self._shown.forget(event.size)

    def action_redraw(self) -> None:
        """Send the whole screen, over which another program may have written."""
        self._shown.forget(self.size)
        self.refresh(layout=True)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """As Textual's, but only what has changed goes over the wire, and no screen shows first in
        parts: Textual may paint what has changed in one that was covered before it paints the rest.
        """
        if self._painted is not screen and isinstance(renderable, ChopsUpdate):
            covered = self._background_screens
            renderable = screen._compositor.render_update(full=True, screen_stack=covered)
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            if not self._batch_count:  # or Textual does not paint
                self._painted = screen
            changed = Changed(renderable, self._shown)
            super()._display(screen, changed)  # type: ignore[arg-type]  # Textual's hint is too narrow
        else:
            super()._display(screen, renderable)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What our style sheets need and other themes do not give."""
        return {"frame": frame_color(self.current_theme)}

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is sent; no colours means not even greys."""
        colors = [NoColor()] if self.no_color else super().get_line_filters()
        return [*colors, self._ascii] if self._ascii.enabled else colors

    def action_next_theme(self) -> None:
        """Other colours: the next of the program's own."""
        self.theme = next_in_turn([theme.name for theme in THEMES], self.theme)
        self.clear_notifications()
        self.notify(f"colours: {self.theme}", timeout=2)
