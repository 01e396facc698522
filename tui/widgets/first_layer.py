"""What the units of a first layer look for, and where cnn's find it in a digit."""

from __future__ import annotations

from rich.text import Text
from textual.strip import Strip

from engine.events import Snapshot
from engine.inspection import Picture, feature_maps, first_layer
from tui.pixels import enlarged, picture, rows_of
from tui.widgets.tiles import Tiles

FILTER_SCALE = 2
FILTER_SIDE = 3 * FILTER_SCALE
MAP_SIDE = 14
IN_COLOR = "blue +, orange -"
IN_CHARACTERS = "@ +, = 0, blank -"


class FirstLayer(Tiles):
    """A tile for each unit; negative weights differ from positive ones in colour or character."""

    EMPTY = "mobilenetv2 has ImageNet's features, frozen: there is nothing that changes"

    def __init__(self) -> None:
        super().__init__("first-layer", MAP_SIDE, MAP_SIDE // 2)
        self._snapshot: Snapshot | None = None
        self._weights: list[Picture] = []
        """Of the snapshot."""
        self._maps: list[Picture] = []

    @property
    def note(self) -> str:
        """How weights are drawn."""
        return IN_CHARACTERS if self.paper is None else IN_COLOR

    def show(self, snapshot: Snapshot, image: bytes) -> None:
        """Show a network, and what cnn finds in an image of 28×28 grey bytes."""
        model = snapshot.run.model
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._weights = first_layer(model, snapshot.weights)
        self._maps = feature_maps(snapshot.weights, image) if model == "cnn" else []
        self.tile_width = MAP_SIDE + (FILTER_SIDE if self._maps else 0)
        self.border_title = f"First layer of {snapshot.run} after epoch {snapshot.epoch}"
        self.show_count(len(self._weights))

    def tile(self, index: int) -> list[Strip]:
        """The weights; beside a filter, what it finds."""
        weights = self._weights[index]
        rows = rows_of(weights.pixels, weights.width)
        if not self._maps:
            return picture(halved(rows), self.paper, signed=True)
        small = picture(enlarged(rows, FILTER_SCALE), self.paper, signed=True)
        found = self._maps[index]
        large = picture(rows_of(found.pixels, found.width), self.paper)
        blank = self.strip(Text(" " * FILTER_SIDE))
        left = [*small, *[blank] * (len(large) - len(small))]
        return [Strip.join(pair) for pair in zip(left, large, strict=True)]

    def caption(self, index: int) -> str:
        """Its number."""
        return f"{'filter' if self._maps else 'unit'} {index + 1}"


def halved(rows: list[bytes]) -> list[list[int]]:
    """Squares of four pixels as one."""
    return [
        [
            (upper[x] + upper[x + 1] + lower[x] + lower[x + 1]) // 4
            for x in range(0, len(upper) - 1, 2)
        ]
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
