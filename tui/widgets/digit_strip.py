"""Real MNIST digits in half-block pixels: what the networks are about to read."""

from __future__ import annotations

import gzip
import zlib
from functools import cache

from textual.strip import Strip

from engine.assets import FOLDER
from tui.pixels import MARGIN, cropped, picture, rows_of
from tui.widgets.strip_widget import StripWidget

SIDE = 28
COUNT = 8
TITLE = "What they learn to read: the first of 10,000 test digits"
FILE = "MNIST/raw/t10k-images-idx3-ubyte.gz"


@cache
def first_digits(count: int) -> tuple[bytes, ...]:
    """The first test images, 28×28 grey bytes each; none if the file cannot be read."""
    try:
        with gzip.open(FOLDER / FILE) as file:
            content = file.read(16 + count * SIDE * SIDE)[16:]
    except (OSError, EOFError, zlib.error):
        return ()
    size = SIDE * SIDE
    return tuple(content[i * size : (i + 1) * size] for i in range(len(content) // size))


class DigitStrip(StripWidget):
    """As many test digits side by side as fit."""

    def on_mount(self) -> None:
        """Say what they are."""
        super().on_mount()
        self.border_title = TITLE

    def draw(self) -> list[Strip]:
        """The digits in the middle of the width, whole or not at all."""
        margin = max(0, SIDE // 2 - self.size.height)
        if margin > MARGIN:
            return []
        digits = first_digits(COUNT)[: self.size.width // SIDE]
        left = Strip.blank((self.size.width - len(digits) * (SIDE - 2 * margin)) // 2)
        pictures = [picture(cropped(rows_of(digit, SIDE), margin), self.paper) for digit in digits]
        return [Strip.join([left, *parts]) for parts in zip(*pictures, strict=True)]
