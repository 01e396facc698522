"""Settings as words: "epochs 20"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.recipes import PRESETS
from engine.settings import Settings
from engine.settings_file import to_tables
from tui.output_lines import inert


def setting_words(settings: Settings) -> list[str]:
    """Every setting that has a value of its own; the others are the preset's."""
    return [f"{name} {_shown(value)}" for name, value in _flat(settings).items()]


def changed_settings(settings: Settings) -> list[str]:
    """Those that differ from the defaults."""
    usual = _flat(Settings())
    return [
        f"{name} {_shown(value)}"
        for name, value in _flat(settings).items()
        if value != usual.get(name)
    ]


def differing_settings(settings: Sequence[Settings]) -> list[tuple[str, list[str]]]:
    """Those that are not the same in all: the name, and the value in each."""
    flat = [_flat(each) for each in settings]
    names = dict.fromkeys(name for each in flat for name in each)
    rows = [
        (name, [_shown(each[name]) if name in each else "–" for each in flat]) for name in names
    ]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _flat(settings: Settings) -> dict[str, Any]:
    """By name; those of one model as "cnn.shift". Presets that come with the program are known."""
    tables = to_tables(settings)
    models, presets = tables.pop("models", {}), tables.pop("presets", {})
    flat = {name: value for table in tables.values() for name, value in table.items()}
    for model, fields in models.items():
        flat |= {f"{model}.{name}": value for name, value in fields.items()}
    for preset, fields in presets.items():
        if fields != PRESETS.get(preset):
            flat[f"presets.{preset}"] = fields
    return flat


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "+".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return inert(str(value)) or "''"
