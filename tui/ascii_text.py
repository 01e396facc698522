"""Text in ASCII, for terminals and locales that know no other characters.

Every character becomes one of the same width, so that layouts do not change.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

PAIRS = {"± ": "+-", "→ ": "->", "≥ ": ">=", "≤ ": "<="}
"""Two characters for two, where a single one would say less."""
GROUPS = {
    "-": "─↔╌┄╍┅┉▁▔–—−‒⎯╴╶🭶🭷",
    "|": "│┃╎┆┊╏┇┋║▏▕▎▍",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛┣┫┳┻╋╞╡╪",
    "#": "█▓■◼▉▊▋▇▆▐▌▀▄▒",
    "=": "‖━═╸╺▅▃",
    ".": "·░▂…⋅",
    " ": "┈🔎",
    "o": "●○◉⬤",
    "*": "◆◇•",
    "^": "▲△↑⌃",
    "v": "▼▽↓✓√",
    ">": "▶▸→›≥↷",
    "<": "◀◂←‹≤",
    "x": "×✗✘✕",
    "!": "⚠★",
    "'": "°",
    "~": "±",
}
SINGLE = {character: plain for plain, characters in GROUPS.items() for character in characters}
BRAILLE = 0x2800
UPPER, LOWER = 0b00011011, 0b11100100
"""Bits of a braille character's dots in its upper and lower half, by Unicode's numbering."""
COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself sets ``LC_CTYPE`` to where the locale is C (PEP 538)."""


def wants_ascii(characters: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to draw in ASCII, by the setting ``characters``: auto, unicode or ascii.

    With auto the locale decides, if one is set at all: many containers have none and are read on
    terminals that know every character.
    """
    if characters != "auto":
        return characters == "ascii"
    given = {name: environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")}
    if given["LC_CTYPE"] in COERCED:
        del given["LC_CTYPE"]
    locale = next((value for value in given.values() if value), "")
    return bool(locale) and "utf" not in locale.lower()


@lru_cache(maxsize=4096)
def to_ascii(text: str) -> str:
    """The text in ASCII, each character in as many cells as before."""
    if text.isascii():
        return text
    for pair, plain in PAIRS.items():
        text = text.replace(pair, plain)
    return "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    dots = ord(character) - BRAILLE
    if 0 <= dots < 256:
        upper, lower = dots & UPPER, dots & LOWER
        return ":" if upper and lower else "'" if upper else "." if lower else " "
    if character in SINGLE:
        return SINGLE[character]
    base = unicodedata.normalize("NFKD", character)[0]
    wide = "?" * (2 if unicodedata.east_asian_width(character) in "WF" else 1)
    return base if base.isascii() else wide
