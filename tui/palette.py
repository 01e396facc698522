"""What each model looks like in charts and legends.

The colours are of Okabe and Ito's set, which people with any common colour vision deficiency tell
apart; the markers tell the models apart without colour.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.color import Color


class Look(NamedTuple):
    """A model's appearance."""

    color: str
    """``#rrggbb``."""
    marker: str
    """One cell wide; stands at each epoch of a test curve."""


LOOKS = {
    "mlp": Look("#56b4e9", "●"),
    "cnn": Look("#e69f00", "◆"),
    "mobilenetv2": Look("#cc79a7", "■"),
}
UNKNOWN = Look("#009e73", "▲")
"""For a model that a past experiment knew and this version does not."""


def look(model: str) -> Look:
    """The model's appearance."""
    return LOOKS.get(model, UNKNOWN)


def known_colors(background: Color, foreground: Color) -> tuple[Color, Color]:
    """The two colours, or stand-ins to mix shades with where only the terminal knows them.

    The stand-ins are greys, so that what is mixed can be read on black as well as on white.
    """
    if background.ansi is None and foreground.ansi is None:
        return background, foreground
    return Color(64, 64, 64), Color(176, 176, 176)


def ink(color: Color, background: Color) -> Color:
    """The colour as it can be read on the background: Okabe–Ito's are too light for white paper."""
    if background.brightness < 0.5:
        return color
    return color.blend(Color(0, 0, 0), 0.3)


def train_shade(color: Color, background: Color) -> Color:
    """For train curves: the model's colour, held back so that the test curve stands in front."""
    return color.blend(background, 0.45)


def past_shade(color: Color, background: Color) -> Color:
    """For the curves of earlier repeats: still the model's colour, nearly part of the paper."""
    return color.blend(background, 0.68)
