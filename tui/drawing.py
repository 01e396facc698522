"""A drawing of 28×28 grey pixels and the soft brush that makes it."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import count
from pathlib import Path

SIDE = 28
RADIUS = 1.7
"""Of the brush, in pixels: MNIST's strokes are about three wide."""


class Drawing:
    """White on black, as MNIST's digits are."""

    def __init__(self) -> None:
        self._pixels = bytearray(SIDE * SIDE)
        self.as_loaded = False
        """Whether it is a digit of the test files that nobody has changed."""

    @property
    def image(self) -> bytes:
        """Its pixels, row by row."""
        return bytes(self._pixels)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not any(self._pixels)

    def wipe(self) -> None:
        """Begin anew."""
        self._pixels = bytearray(SIDE * SIDE)
        self.as_loaded = False

    def load(self, image: bytes) -> None:
        """Go on from a digit of 28×28 grey bytes."""
        self._pixels = bytearray(image)
        self.as_loaded = True

    def stroke(self, start: tuple[float, float], end: tuple[float, float], *, erase: bool) -> None:
        """Draw, or erase, along a line from ``start`` to ``end``, both (x, y) in pixels."""
        self.as_loaded = False
        steps = max(1, math.ceil(2 * math.dist(start, end)))
        for step in range(steps + 1):
            part = step / steps
            self._dab(
                start[0] + part * (end[0] - start[0]),
                start[1] + part * (end[1] - start[1]),
                erase=erase,
            )

    def _dab(self, x: float, y: float, *, erase: bool) -> None:
        for row in range(max(0, math.floor(y - RADIUS)), min(SIDE, math.ceil(y + RADIUS) + 1)):
            for column in range(
                max(0, math.floor(x - RADIUS)), min(SIDE, math.ceil(x + RADIUS) + 1)
            ):
                distance = math.dist((x, y), (column + 0.5, row + 0.5))
                ink = round(255 * min(1.0, max(0.0, RADIUS - distance)))
                at = row * SIDE + column
                before = self._pixels[at]
                self._pixels[at] = min(before, 255 - ink) if erase else max(before, ink)

    def save(self, folder: Path) -> Path:
        """Write it as a PNG under a new name in ``folder``.

        Raises:
            OSError: the folder is gone, full or not writable.
        """
        from PIL import Image

        for number in count(1):
            path = folder / f"drawing-{number}.png"
            with suppress(FileExistsError), path.open("xb") as file:
                Image.frombytes("L", (SIDE, SIDE), self.image).save(file, "PNG")
                return path
        raise AssertionError("numbers do not end")
