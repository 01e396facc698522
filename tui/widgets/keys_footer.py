"""The keys of a screen, as many as its width has room for."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.style import Style
from textual.widgets import Footer, Static

CHARTS = Binding.Group("charts")
"""Keys for how curves are drawn, together in a few cells."""
CLOSE_BELOW = 110
"""Cells below which the keys stand close together."""
CHARTS_FROM = 100
"""Cells from which the keys of the charts are named."""
ALL_FROM = 76
"""Cells from which all are named: those that most can do without, too."""
SPARE = ("app.side", "screen.move", "export")
"""How the actions of these begin: other screens, the next field, files for other programs."""


class KeysFooter(Footer):
    """All keys are in the help, too."""

    DEFAULT_CSS = """
    KeysFooter {
        .charts { width: auto; padding: 0 1; color: $footer-description-foreground;
            link-color: $footer-key-foreground; link-style: bold; link-background: transparent; }
        &.-compact .charts { padding: 0; }
        &.-without-charts .charts { display: none; }
        &.-without-spare FooterKey.-spare { display: none; }
        &.-without-spare FooterKey.-command-palette { display: none; }
    }
    """

    def __init__(self, *, palette: bool = False) -> None:
        """``palette`` is whether the command palette is named, too."""
        super().__init__(show_command_palette=palette)
        self._fit()

    def on_resize(self) -> None:
        """More may fit, or less."""
        self._fit()

    def _fit(self) -> None:
        width = self.app.size.width
        self.compact = width < CLOSE_BELOW
        self.set_class(width < CHARTS_FROM, "-without-charts")
        self.set_class(width < ALL_FROM, "-without-spare")

    def compose(self) -> ComposeResult:
        """Textual's keys, then those of the charts."""
        for key in super().compose():
            key.set_class(getattr(key, "action", "").startswith(SPARE), "-spare")
            yield key
        bindings = [
            binding
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if enabled and binding.group is CHARTS
        ]
        if bindings:
            links = [
                (self.app.get_key_display(one), Style.from_meta({"@click": f"screen.{one.action}"}))
                for one in bindings
            ]
            keys = Content(" ").join([*map(Content.assemble, links), Content(CHARTS.description)])
            yield Static(keys, classes="charts")
