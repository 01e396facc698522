"""What the form says of its values: how it would train, where, and what Start does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.settings import Settings
from tui.wording import counted, limits, training

ALL = "all"
"""Of the devices: the best ones, at the same time."""


def recipe_words(settings: Settings) -> str:
    """How the first model is trained, and those that are trained in another way."""
    first, *others = settings.models
    usual = training(settings.recipe(first))
    different = {name: training(settings.recipe(name)) for name in others}
    notes = [f"{name}: {words}" for name, words in different.items() if words != usual]
    return "; ".join([usual, *notes])


def best_devices(found: Sequence[str]) -> list[str]:
    """The devices that ``ALL`` stands for: those of the first one's kind."""
    return [name for name in found if _kind(name) == _kind(found[0])]


def _kind(device: str) -> str:
    return device.partition(":")[0]


def device_words(chosen: str, found: Sequence[str], ray: str) -> str:
    """Where it trains, or could; ``ray`` is a cluster's address, or empty."""
    if ray:
        return f"of the Ray cluster: {ray}"
    several = best_devices(found) if chosen == ALL else chosen.split(",")
    if len(several) > 1:
        return f"a worker process for each of {', '.join(several)}"
    if not found:
        return "auto takes the best accelerator, else the CPU"
    return f"auto takes {found[0]}; found: {', '.join(found)}"


def plan_words(settings: Settings, offered: str, pid: int | None) -> str:
    """What Start does; ``offered`` is an experiment that can be gone on with or, where process
    ``pid`` trains it, be watched.
    """
    runs = len(settings.models) * settings.repeats
    images = f", {limits(settings)}" if limits(settings) else ""
    rest = ""
    if offered:
        rest = f"; r goes on with {offered}"
        if pid is not None:
            rest = f"; w watches {offered}, process {pid}"
    return (
        f"{counted(runs, 'run')}, {counted(settings.epochs, 'epoch')} each{images}; "
        f"saved in {Path(settings.results)}{rest}"
    )
