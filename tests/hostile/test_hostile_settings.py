"""A settings file or a variable gives settings, or one line that says what is wrong with it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hostile_support import (
    INPUTS,
    NASTY_NAMES,
    changed,
    changes,
    clear_line,
    edited,
    edits,
    examples,
    names,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from engine.rules import SettingsError
from engine.settings import FIELDS, MODEL_NAMES, Settings, from_text
from engine.settings_file import LONGEST, from_tables, load_settings, to_tables

SHIPPED = Path(__file__).parents[2] / "settings.toml"
VALID = to_tables(
    Settings(preset="quick", learning_rate=0.1, per_model={"cnn": {"shift": 1}}, models=("cnn",))
)


def read(path: Path) -> Settings | None:
    """The settings of a file; None if it was refused as it should be."""
    try:
        settings = load_settings(path, {})
    except SettingsError as error:
        clear_line(error, str(path) if str(path) in str(error) else ": ")
        return None
    for model in MODEL_NAMES:
        settings.recipe(model)
    # What is read can be saved with the results, and read back from there.
    tomllib.loads(tomli_w.dumps(to_tables(settings)))
    Settings(**from_tables(to_tables(settings), "x"))
    return settings


@pytest.mark.slow
def test_cut_anywhere(place: Path) -> None:
    path, whole = place / "settings.toml", SHIPPED.read_bytes()
    assert len(whole) >= INPUTS["settings.toml, cut"]
    taken = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        taken += read(path) is not None
    assert taken > 100, "a cut between two lines is no fault"


@pytest.mark.slow
@examples("settings.toml, tables")
@given(changes)
def test_any_values_anywhere(place: Path, wanted: list[tuple[int, str, Any]]) -> None:
    path = place / "settings.toml"
    path.write_text(tomli_w.dumps(changed(VALID, wanted)), encoding="utf-8")
    read(path)


@pytest.mark.slow
@examples("settings.toml, bytes")
@given(st.one_of(st.binary(max_size=60), edits))
def test_any_bytes(place: Path, wanted: Any) -> None:
    path = place / "settings.toml"
    whole = tomli_w.dumps(VALID).encode()
    path.write_bytes(wanted if isinstance(wanted, bytes) else edited(whole, wanted))
    read(path)


def test_what_toml_can_hold_but_python_not_show(place: Path) -> None:
    path = place / "settings.toml"
    for name in ("epochs", "models", "preset", "x" * 100_000):
        for value in ("0x" + "F" * 100_000, "[0x" + "F" * 100_000 + "]"):
            path.write_text(f"[experiment]\n{name} = {value}\n")
            assert read(path) is None
        path.write_text(f"[experiment]\n{name}{'.a' * 900} = 1\n")
        assert read(path) is None
        path.write_text(f"[experiment.{name}{'.a' * 900}]\n{'a.' * 900}a = 1\n")
        assert read(path) is None
        path.write_text(f"[experiment]\n{name}{'.a' * 100_000} = 1\n")
        assert read(path) is None
    path.write_text(f"{'a' * 100_000} = 1\n{'a' * 100_000} = 2\n")
    assert read(path) is None


def test_thousands_of_presets_are_not_all_named(place: Path) -> None:
    path = place / "settings.toml"
    path.write_text("\n".join(f"[presets.a{number}]" for number in range(5_000)))
    assert read(path) is not None
    with path.open("a") as file:
        file.write("\n[experiment]\npreset = 'gone'\n")
    assert read(path) is None


def test_what_never_ends_is_not_read_to_its_end(place: Path) -> None:
    with pytest.raises(SettingsError, match="/dev/zero: is longer than 1 MiB"):
        load_settings(Path("/dev/zero"), {})
    path = place / "settings.toml"
    with path.open("wb") as file:
        file.truncate(LONGEST * 10_000)  # sparse: it takes no room
    assert read(path) is None


def test_a_pipe_is_read_as_a_file_is() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"[experiment]\nepochs = 3\n")
    os.close(writing)
    assert load_settings(Path(f"/dev/fd/{reading}"), {}).epochs == 3
    os.close(reading)


@examples("environment")
@given(st.sampled_from([*FIELDS, *NASTY_NAMES]), values)
def test_any_variable(name: str, value: Any) -> None:
    typed = value if isinstance(value, str) else repr(value)[:5000]
    key = f"MNIST_TUI_{name.upper()}"
    try:
        load_settings(environment={key: typed}, folder=Path("/nowhere"))
    except SettingsError as error:
        clear_line(error, "")


@given(st.sampled_from(sorted(FIELDS)), names)
def test_any_flag(name: str, typed: str) -> None:
    try:
        from_text(name, typed, "--flag")
    except SettingsError as error:
        clear_line(error, "--flag:")
