"""What the user chose last, kept for the next start: ``choices.toml`` in the user's state folder.

It is a convenience: a file that cannot be read or written costs the memory and nothing else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import platformdirs

from engine.rules import SettingsError
from engine.settings import Settings, checked
from engine.toml_file import TomlError, read_toml

log = logging.getLogger("mnist_tui")
LONGEST = 2**16
"""Bytes of the file."""


def memory_file() -> Path:
    """Where choices are kept."""
    return platformdirs.user_state_path("mnist-tui") / "choices.toml"


def recall() -> dict[str, object]:
    """The choices kept; none where there is no file or it is damaged."""
    path = memory_file()
    if not os.path.lexists(path):
        return {}
    try:
        return read_toml(path, LONGEST)
    except TomlError as error:
        log.warning("%s: nothing is remembered: %s", path, error)
        return {}


def remember(choices: Mapping[str, object]) -> None:
    """Keep these choices beside the others."""
    import tomli_w

    from engine.files import LONG_AGO, remove_leftovers, write_atomically

    path = memory_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = tomli_w.dumps(recall() | dict(choices))
        except (ValueError, RecursionError):  # not all that can be read can be written
            content = tomli_w.dumps(choices)
        remove_leftovers(path.parent, path.suffix, LONG_AGO)
        write_atomically(path, content)
    except OSError as error:
        log.warning("%s: cannot be written, so nothing is remembered: %s", path, error)


REMEMBERED = ("models", "preset", "epochs", "repeats")
"""Settings that the form begins with as they were chosen last."""
WHERE = ("device", "devices", "workers")
"""Those of where to train, likewise."""


def with_last_choices(settings: Settings) -> Settings:
    """The settings with what was chosen last, if those remembered all have their defaults, and so
    with where to train.
    """
    names: list[str] = []
    if _are_usual(settings, REMEMBERED):
        names += REMEMBERED
    if _are_usual(settings, [*WHERE, "ray"]):
        names += WHERE
    last = recall() if names else {}
    try:
        chosen = {name: checked(name, last[name], name) for name in names if name in last}
        return replace(settings, **chosen)
    except SettingsError as error:
        log.warning("%s: not used: %s", memory_file(), error)
        return settings


def _are_usual(settings: Settings, names: Sequence[str]) -> bool:
    usual = Settings()
    return all(getattr(settings, name) == getattr(usual, name) for name in names)


def remember_choices(settings: Settings) -> None:
    """Keep what the form says for the next start."""
    plain = {name: getattr(settings, name) for name in (*REMEMBERED, *WHERE)}
    remember({**plain, "models": list(settings.models)})
