"""Where the values of settings come from.

Later wins: the built-in defaults, ``settings.toml``, ``MNIST_TUI_*`` environment variables, the
command line, the dashboard.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.recipes import PRESETS, merged, without
from engine.rules import Rule, SettingsError, shown
from engine.settings import (
    FIELDS,
    Settings,
    checked_fields,
    checked_models,
    checked_preset,
    checked_table,
    from_text,
    rule,
)
from engine.toml_file import TomlError, parse_toml, size_in_words

ENVIRONMENT_PREFIX = "MNIST_TUI_"
FILE_NAME = "settings.toml"
LONGEST = 2**20
"""Bytes of a settings file."""


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given: Mapping[str, Any] | None = None,
) -> Settings:
    """Read defaults, then the settings file, then ``MNIST_TUI_*`` variables, then what is given.

    Args:
        path: the settings file; without it ``settings.toml`` in ``folder``, if there is one.
        environment: variables to read, ``os.environ`` unless given.
        folder: where to look for ``settings.toml``, the current folder unless given.
        given: values that win over all of these, by name.

    Raises:
        SettingsError: one line that names the file or variable, what was found, what is allowed.
    """
    if path is None:
        default = (folder or Path()) / FILE_NAME
        values = read_file(default) if default.exists() or default.is_symlink() else {}
    else:
        values = read_file(path)
    for_all: list[str] = []
    variables = os.environ if environment is None else environment
    for key, typed in variables.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
            if name not in FIELDS:
                raise SettingsError(f"{key}: unknown setting; known: {', '.join(FIELDS)}")
            values[name] = from_text(name, typed, key)
            for_all.append(name)
    for_all += given or {}
    values["per_model"] = without(values.get("per_model", {}), for_all)
    return Settings(**{**values, **(given or {})})


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings that a TOML file names, checked.

    Raises:
        SettingsError: unreadable, not TOML, an unknown key, or a value that is not allowed.
    """
    try:
        with path.open("rb") as file:  # which may be a pipe
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise SettingsError(f"{path}: is longer than {size_in_words(LONGEST)}")
        return from_tables(parse_toml(content), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except TomlError as error:
        raise SettingsError(f"{path}: {error}") from error


def from_tables(content: Mapping[str, object], where: str) -> dict[str, Any]:
    """Return the settings in TOML tables ``{section: {name: value}}``, checked."""
    sections: dict[str, dict[str, Rule]] = {}
    for name in FIELDS:
        sections.setdefault(rule(name).section, {})[name] = rule(name)
    values: dict[str, Any] = {}
    for section, value in content.items():
        if section not in (*sections, "models", "presets"):
            known = ", ".join(f"[{known}]" for known in (*sections, "models", "presets"))
            raise SettingsError(
                f"{where}: {shown(section)} is not a known section; allowed: {known}"
            )
        table = checked_table(value, f"{where}: {section}")
        if section == "models":
            values["per_model"] = checked_models(table, f"{where}: models")
        elif section == "presets":
            presets = {
                name: checked_preset(preset, f"{where}: presets.{name}")
                for name, preset in table.items()
            }
            values["presets"] = dict(PRESETS) | {
                name: merged(PRESETS.get(name, {}), preset) for name, preset in presets.items()
            }
        else:
            values |= checked_fields(table, sections[section], f"{where}: {section}")
    return values


def to_tables(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return settings as TOML tables by section; ``from_tables`` reads them back.

    What the preset decides is left out, and so are the presets that are not in force.
    """
    tables: dict[str, dict[str, Any]] = {}
    for name in FIELDS:
        value = getattr(settings, name)
        if value is not None:
            plain = list(value) if isinstance(value, tuple) else value
            plain = rule(name).zero if rule(name).zero and value == 0 else plain
            tables.setdefault(rule(name).section, {})[name] = plain
    tables["models"] = {model: dict(fields) for model, fields in settings.per_model.items()}
    tables["presets"] = {settings.preset: dict(settings.presets[settings.preset])}
    return {section: table for section, table in tables.items() if table}
