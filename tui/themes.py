"""The program's own colours; all of Textual's themes work, too.

What the user can press and where the keys go is green: no model is.
"""

from __future__ import annotations

from dataclasses import replace

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="dark",
    primary="#4fc3a1",
    secondary="#4fc3a1",
    accent="#4fc3a1",
    success="#2f9e73",
    warning="#e69f00",
    error="#e5644e",
    foreground="#d5dde6",
    background="#0b0f14",
    surface="#121820",
    panel="#18202a",
    dark=True,
)
LIGHT = Theme(
    name="light",
    primary="#00734f",
    secondary="#00734f",
    accent="#00734f",
    success="#00734f",
    warning="#c98600",
    error="#b5341b",
    foreground="#1c2430",
    background="#fbfbf9",
    surface="#f1f2f0",
    panel="#e6e8e6",
    dark=False,
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#2bff9a",
    secondary="#2bff9a",
    accent="#2bff9a",
    success="#2bff9a",
    warning="#ffc000",
    error="#ff8a75",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
    text_alpha=1.0,
    variables={"frame": "#ffffff", "text-muted": "#ffffff"},
    dark=True,
)
TERMINAL = replace(BUILTIN_THEMES["ansi-dark"], name="terminal")
"""The sixteen colours that the user gave the terminal, on its own background."""

THEMES = (DARK, LIGHT, HIGH_CONTRAST, TERMINAL)


def frame_color(theme: Theme) -> str:
    """Of the lines around panels, for themes that do not say."""
    if theme.ansi or theme.foreground is None:
        return "ansi_bright_black" if theme.ansi else "#808080"
    return Color.parse(theme.foreground).with_alpha(0.25).hex
