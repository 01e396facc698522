"""What can be set, its defaults and limits, and where the values come from.

Later wins: the defaults below, ``settings.toml``, ``MNIST_TUI_*`` environment variables, the
command line, the dashboard. Every source goes through the same two checks, ``from_text`` for
typed text and ``checked`` for TOML values, so a value that one source refuses, all refuse.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODEL_NAMES = ("mlp", "cnn", "mobilenetv2")
SCHEDULES = ("constant", "cosine", "one-cycle")
MOBILENETV2_WEIGHTS = ("bundled", "IMAGENET1K_V1", "IMAGENET1K_V2")
DEVICE_PATTERN = re.compile(r"auto|cpu|mps|xpu(:\d+)?|cuda(:\d+)?")
ENVIRONMENT_PREFIX = "MNIST_TUI_"
FILE_NAME = "settings.toml"


class SettingsError(ValueError):
    """A value that cannot be used. Its text is one line: where, what was found, what is allowed."""


@dataclass(frozen=True)
class Rule:
    """What one setting is for and what it accepts."""

    section: str
    """Its table in the settings file."""
    help: str
    allowed: str
    """In words, for the line that refuses another value."""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None


def _setting(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


def _whole(section: str, low: int, high: int, help: str, zero: str = "") -> Rule:
    lowest = f"{low} ({zero})" if zero else str(low)
    return Rule(section, help, f"a whole number from {lowest} to {high}", low, high)


def _number(section: str, low: str, high: str, help: str) -> Rule:
    return Rule(section, help, f"a number from {low} to {high}", float(low), float(high))


def _choice(section: str, choices: tuple[str, ...], help: str) -> Rule:
    return Rule(section, help, f"one of {', '.join(choices)}", choices=choices)


@dataclass(frozen=True)
class Settings:
    """Every setting in force for one experiment. Immutable; ``dataclasses.replace`` changes one."""

    models: tuple[str, ...] = _setting(
        MODEL_NAMES,
        Rule(
            "experiment",
            "the networks to train, in this order",
            f"one or more of {', '.join(MODEL_NAMES)}, each once",
            choices=MODEL_NAMES,
        ),
    )
    epochs: int = _setting(
        10, _whole("experiment", 1, 10_000, "passes over the training images in each run")
    )
    repeats: int = _setting(
        5, _whole("experiment", 1, 1000, "runs of each model, each with its own seed")
    )
    seed: int = _setting(
        1234,
        _whole("experiment", 0, 2**31 - 1, "repeat 1 uses this seed, repeat 2 the next"),
    )

    batch_size: int = _setting(64, _whole("training", 1, 60_000, "images in one step"))
    learning_rate: float = _setting(
        0.002,
        _number("training", "0.0000001", "10", "Adam's learning rate; a schedule's peak"),
    )
    schedule: str = _setting(
        "one-cycle",
        _choice("training", SCHEDULES, "how the learning rate changes over a run"),
    )
    validation_split: float = _setting(
        0.0, _number("training", "0", "0.5", "fraction of the training images held out to validate")
    )

    data: str = _setting(
        "",
        Rule(
            "data",
            "folder with MNIST's four IDX files, plain or .gz; empty for the bundled ones",
            "a folder, or empty for the bundled data",
        ),
    )
    train_limit: int = _setting(
        0, _whole("data", 0, 60_000, "train on the first N images only; 0 for all", "all")
    )
    test_limit: int = _setting(
        0, _whole("data", 0, 10_000, "test on the first N images only; 0 for all", "all")
    )
    mobilenetv2_weights: str = _setting(
        "bundled",
        _choice("data", MOBILENETV2_WEIGHTS, "ImageNet weights; all but bundled are downloaded"),
    )

    cache: bool = _setting(
        True, Rule("cache", "keep MobileNetV2's frozen features on disk", "true or false")
    )
    cache_folder: str = _setting(
        "",
        Rule("cache", "where; empty for the user's cache folder", "a folder, or empty"),
    )
    cache_limit_mb: int = _setting(
        1000, _whole("cache", 0, 1_000_000, "remove the files used longest ago above so many MB")
    )

    device: str = _setting(
        "auto",
        Rule(
            "device",
            "where to train; auto takes the best accelerator, else the CPU",
            "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N",
            pattern=DEVICE_PATTERN,
        ),
    )
    threads: int = _setting(
        0,
        _whole(
            "device",
            0,
            1024,
            "CPU threads; 0 for one in small networks and one per core in large ones",
            "auto",
        ),
    )

    results: str = _setting(
        "results",
        Rule(
            "files",
            "folder that experiments are saved in",
            "a folder",
            pattern=re.compile(r".*\S.*", re.DOTALL),
        ),
    )
    save_weights: bool = _setting(
        True, Rule("files", "save the trained weights of every run", "true or false")
    )

    def __post_init__(self) -> None:
        """Refuse what no source would be allowed to give, as ``SettingsError``."""
        for name in FIELDS:
            object.__setattr__(self, name, checked(name, getattr(self, name), name))


FIELDS: Mapping[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(Settings)}


def rule(name: str) -> Rule:
    """What the setting ``name`` accepts."""
    found: Rule = FIELDS[name].metadata["rule"]
    return found


def checked(name: str, value: object, where: str) -> Any:
    """Return ``value`` in the type of setting ``name``, as TOML or Python gave it.

    Raises:
        SettingsError: the type is wrong or the value is out of range; ``where`` leads the line.
    """
    refused = SettingsError(f"{where}: {_shown(value)} is not allowed; give {rule(name).allowed}")
    match FIELDS[name].default:
        case bool():
            if not isinstance(value, bool):
                raise refused
        case int():
            if not isinstance(value, int) or isinstance(value, bool):
                raise refused
        case float():
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise refused
            try:
                value = float(value)
            except OverflowError:
                raise refused from None
        case tuple():
            if not isinstance(value, list | tuple):
                raise refused
            value = tuple(value)
        case str():
            if not isinstance(value, str):
                raise refused
    if not _within(rule(name), value):
        raise refused
    return value


def _within(limits: Rule, value: object) -> bool:
    if isinstance(value, tuple):
        unique = len(set(map(str, value))) == len(value)
        return bool(value) and unique and all(item in limits.choices for item in value)
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return False  # not a name that files can have, nor text that TOML can hold
        if limits.pattern is not None:
            return limits.pattern.fullmatch(value) is not None
        return not limits.choices or value in limits.choices
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Written so that NaN, which compares false with everything, is refused.
        above = limits.low is None or value >= limits.low
        return above and (limits.high is None or value <= limits.high)
    return True


def from_text(name: str, text: str, where: str) -> Any:
    """Return typed text (environment, command line, dashboard) as the value of setting ``name``.

    Raises:
        SettingsError: as ``checked``.
    """
    text = text.strip()
    value: object = text
    try:
        match FIELDS[name].default:
            case bool():
                value = {"true": True, "false": False}.get(text.lower(), text)
            case int():
                value = int(text)
            case float():
                value = float(text)
            case tuple():
                value = tuple(part.strip() for part in text.split(",") if part.strip())
    except ValueError:
        pass  # checked() refuses the text with the same words as any other wrong value
    return checked(name, value, where)


def _shown(value: object, limit: int = 60) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    shown = repr(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read defaults, then the settings file, then ``MNIST_TUI_*`` variables.

    Args:
        path: the settings file; without it ``settings.toml`` in ``folder``, if there is one.
        environment: variables to read, ``os.environ`` unless given.
        folder: where to look for ``settings.toml``, the current folder unless given.

    Raises:
        SettingsError: one line that names the file or variable, what was found, what is allowed.
    """
    if path is None:
        default = (folder or Path()) / FILE_NAME
        values = read_file(default) if default.exists() or default.is_symlink() else {}
    else:
        values = read_file(path)
    variables = os.environ if environment is None else environment
    for key, text in variables.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
            if name not in FIELDS:
                raise SettingsError(f"{key}: unknown setting; known: {', '.join(FIELDS)}")
            values[name] = from_text(name, text, key)
    return Settings(**values)


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings that a TOML file names, checked.

    Raises:
        SettingsError: unreadable, not TOML, an unknown key, or a value that is not allowed.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except (ValueError, RecursionError) as error:  # ValueError also for a number too long to read
        raise SettingsError(f"{path}: is not valid TOML: {error}") from error
    return from_tables(content, str(path))


def from_tables(content: Mapping[str, object], where: str) -> dict[str, Any]:
    """Return the settings in TOML tables ``{section: {name: value}}``, checked."""
    sections: dict[str, list[str]] = {}
    for name in FIELDS:
        sections.setdefault(rule(name).section, []).append(name)
    values = {}
    for section, table in content.items():
        if section not in sections:
            raise SettingsError(
                f"{where}: {_shown(section)} is not a known section; allowed: "
                + ", ".join(f"[{known}]" for known in sections)
            )
        if not isinstance(table, dict):
            raise SettingsError(f"{where}: {section} must be a table: [{section}]")
        for name, value in table.items():
            if name not in sections[section]:
                raise SettingsError(
                    f"{where}: {_shown(name)} is not a known key of [{section}]; allowed: "
                    + ", ".join(sections[section])
                )
            values[name] = checked(name, value, f"{where}: {section}.{name}")
    return values


def to_tables(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return settings as TOML tables by section; ``from_tables`` reads them back."""
    tables: dict[str, dict[str, Any]] = {}
    for name in FIELDS:
        value = getattr(settings, name)
        plain = list(value) if isinstance(value, tuple) else value
        tables.setdefault(rule(name).section, {})[name] = plain
    return tables
