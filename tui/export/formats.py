"""The formats that an experiment is exported in."""

from __future__ import annotations

from typing import Final

ENDINGS: Final = {
    "csv": ".csv",
    "json": ".json",
    "markdown": ".md",
    "svg": ".svg",
    "png": ".png",
    "tensorboard": "-tensorboard",
}
"""Of the usual names, by format."""
TEXT: Final = ("csv", "json", "markdown", "svg")
"""Formats that can be printed."""
FOLDER: Final = "tensorboard"
"""The format that is no single file."""
