"""What each model looks like in charts and legends.

The colours are of Okabe and Ito's set, which people with any common colour vision deficiency tell
apart; the markers tell the models apart without colour.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rich.color import Color as RichColor
from textual.color import Color
from textual.style import Style


class Look(NamedTuple):
    """A model's appearance."""

    color: str
    """``#rrggbb``."""
    marker: str
    """One cell wide; stands at each epoch of a test curve."""
    ansi: str
    """Of the terminal's own colours; ones that can be read on black as well as on white."""


LOOKS = {
    "mlp": Look("#56b4e9", "●", "ansi_bright_blue"),
    "cnn": Look("#e69f00", "◆", "ansi_yellow"),
    "mobilenetv2": Look("#cc79a7", "■", "ansi_magenta"),
}
OVERLAID = (
    *LOOKS.values(),
    Look("#009e73", "▲", "ansi_green"),
    Look("#d55e00", "▼", "ansi_red"),
    Look("#5f7fd9", "+", "ansi_blue"),
    Look("#f0e442", "×", "ansi_cyan"),
    Look("#56b4e9", "=", "ansi_bright_blue"),
    Look("#e69f00", "~", "ansi_yellow"),
)
"""Of the models of several experiments over one another, three for each; ASCII tells them apart,
too. Later ones have these colours again, and the experiment's letter as their marker."""
LETTERS = "ABCDEF"
"""Of experiments that are laid over one another."""
UNKNOWN = Look("#009e73", "▲", "ansi_green")
"""For a model that a past experiment knew and this version does not."""


class Shades(NamedTuple):
    """A model's colours on some background, in Rich's notation."""

    full: str
    train: str
    """Held back, so that the test curve stands in front."""
    past: str
    """For earlier repeats: still the model's colour, nearly part of the paper."""


class Ink(NamedTuple):
    """What is not data, in Rich's notation."""

    frame: str
    label: str
    grid: str


@cache
def look(model: str) -> Look:
    """The model's appearance; of experiments over one another "B mlp" is the mlp of the second."""
    letter, _, name = model.rpartition(" ")
    if not letter or name not in LOOKS:
        return LOOKS.get(model, UNKNOWN)
    place = LETTERS.index(letter) * len(LOOKS) + list(LOOKS).index(name)
    found = OVERLAID[place % len(OVERLAID)]
    return found if place < len(OVERLAID) else found._replace(marker=letter)


@cache
def model_shades(model: str, background: Color) -> Shades:
    """The model's colours as they can be read on a background.

    Okabe–Ito's are too light for white paper. Where the background is the terminal's own, so are
    the colours, which cannot be mixed.
    """
    if background.ansi is not None:
        color = Color.parse(look(model).ansi)
        return Shades(color.rich_color.name, color.rich_color.name, "bright_black")
    color = Color.parse(look(model).color)
    if background.brightness > 0.5:
        color = color.blend(Color(0, 0, 0), 0.3)
    held_back, nearly_gone = (0.25, 0.55) if _is_extreme(background) else (0.45, 0.68)
    return Shades(
        color.hex6.lower(),
        color.blend(background, held_back).hex6.lower(),
        color.blend(background, nearly_gone).hex6.lower(),
    )


@cache
def chart_ink(background: Color, foreground: Color) -> Ink:
    """Colours between the background and the text for what stands behind the curves."""
    if background.ansi is not None or foreground.ansi is not None:
        return Ink("bright_black", "default", "bright_black")
    shares = (0.7, 0.9, 0.3) if _is_extreme(background) else (0.35, 0.6, 0.13)
    return Ink(*(background.blend(foreground, share).hex6.lower() for share in shares))


def model_style(model: str, background: Color, *, bold: bool = False) -> Style:
    """The model's full colour for Textual's own texts."""
    shade = RichColor.parse(model_shades(model, background).full)
    return Style(foreground=Color.from_rich_color(shade), bold=bold)


def _is_extreme(background: Color) -> bool:
    """Plain black or white: whoever chose that wants contrast."""
    return background.brightness in (0.0, 1.0)
