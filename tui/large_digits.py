"""Numbers in digits of three rows, so that what matters is the largest on the screen."""

from __future__ import annotations

ROWS = 3
BLOCKS = {
    "0": ("█▀█", "█ █", "█▄█"),
    "1": ("▀█ ", " █ ", "▄█▄"),
    "2": ("▀▀█", "█▀▀", "█▄▄"),
    "3": ("▀▀█", " ▀█", "▄▄█"),
    "4": ("█ █", "▀▀█", "  █"),
    "5": ("█▀▀", "▀▀█", "▄▄█"),
    "6": ("█▀▀", "█▀█", "█▄█"),
    "7": ("▀▀█", "  █", "  █"),
    "8": ("█▀█", "█▀█", "█▄█"),
    "9": ("█▀█", "▀▀█", "▄▄█"),
    ".": (" ", " ", "▄"),
    "-": ("   ", "▄▄▄", "   "),
}
LINES = {
    "0": (" _ ", "| |", "|_|"),
    "1": ("   ", "  |", "  |"),
    "2": (" _ ", " _|", "|_ "),
    "3": (" _ ", " _|", " _|"),
    "4": ("   ", "|_|", "  |"),
    "5": (" _ ", "|_ ", " _|"),
    "6": (" _ ", "|_ ", "|_|"),
    "7": (" _ ", "  |", "  |"),
    "8": (" _ ", "|_|", "|_|"),
    "9": (" _ ", "|_|", " _|"),
    ".": (" ", " ", "."),
    "-": ("   ", " _ ", "   "),
}


def large_digits(number: str, *, ascii: bool = False) -> list[str]:
    """Three rows of the same width; ``number`` is of digits, points and minus signs.

    Half blocks are heavier than lines, but in ASCII a 2 would look as an 8 does.
    """
    shapes = LINES if ascii else BLOCKS
    return [" ".join(shapes[character][row] for character in number) for row in range(ROWS)]
