"""A progress bar as text."""

from __future__ import annotations

from rich.text import Text


def bar(fraction: float, width: int, style: str = "bold") -> Text:
    """``fraction`` (0–1) of ``width`` cells, in half-cell steps; done and to do differ in shape."""
    halves = round(min(1.0, max(0.0, fraction)) * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    return Text.assemble((done, style), ("─" * (width - len(done)), "dim"))
