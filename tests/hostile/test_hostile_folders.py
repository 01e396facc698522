"""The small files that the program keeps for itself cost, damaged, what they hold and no more."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hostile_support import (
    DEEP_TABLE,
    NASTY_VALUES,
    changed,
    changes,
    clear_line,
    edited,
    edits,
    examples,
)
from hypothesis import given
from hypothesis import strategies as st

from engine.cache import load_features
from engine.lock import FILE_NAME, owner_of, this_process, working_on
from engine.results import ResultsError
from engine.settings import Settings
from tui import memory
from tui.app import MnistApp
from tui.chart_options import ChartOptions
from tui.memory import recall, remember_choices, with_last_choices
from tui.trainer import Trainer

OWNER = {"host": "another", "pid": 12, "started": 1.5}
CHOICES = {
    "models": ["mlp"],
    "preset": "best",
    "epochs": 3,
    "repeats": 2,
    "theme": "dark",
    "charts": {"log_loss": False, "smoothing": 0.6, "seconds": True, "band": False},
}


@pytest.mark.slow
@examples("running.toml")
@given(st.one_of(changes, edits, st.binary(max_size=60)))
def test_any_owner(place: Path, wanted: Any) -> None:
    (place / FILE_NAME).write_bytes(damaged(OWNER, wanted))
    try:
        with working_on(place):
            assert owner_of(place) == this_process()
    except ResultsError as error:
        clear_line(error, f"remove {place / FILE_NAME}")


def damaged(tables: dict[str, Any], wanted: Any) -> bytes:
    """A file in the place of these tables."""
    if isinstance(wanted, bytes):
        return wanted
    if wanted and isinstance(wanted[0][1], str):
        return tomli_w.dumps(changed(tables, wanted)).encode()
    return edited(tomli_w.dumps(tables).encode(), wanted)


def test_an_owner_of_another_machine_is_told_inertly(tmp_path: Path) -> None:
    owner = {**OWNER, "host": "\x1b[2J\n[bold]" + "x" * 10_000}
    (tmp_path / FILE_NAME).write_text(tomli_w.dumps(owner))
    with pytest.raises(ResultsError) as caught, working_on(tmp_path):
        pass
    clear_line(caught.value, r"trained by process 12 on \x1b[2J\n[bold]xxx")


@pytest.mark.slow
@examples("choices.toml")
@given(st.one_of(changes, edits, st.binary(max_size=60)))
def test_any_choices(place: Path, wanted: Any) -> None:
    path = place / "choices.toml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "memory_file", lambda: path)
        path.write_bytes(damaged(CHOICES, wanted))
        remembered(Settings())


def remembered(settings: Settings) -> None:
    """Assert that choices are used, or not, and that new ones can be kept."""
    with_last_choices(settings)
    ChartOptions.of(recall().get("charts"))
    remember_choices(settings)
    assert with_last_choices(settings) == settings


def test_choices_that_can_be_read_but_not_written() -> None:
    path = memory.memory_file()
    path.parent.mkdir(parents=True)
    for value in ("0x" + "F" * 10_000, "{" + "a." * 900 + "a = 1}", "[" * 2000, "'" + "x" * 2**17):
        path.write_text(f"theme = {value}")
        MnistApp(Settings(), Trainer())
        remembered(Settings())
        assert recall()["preset"] == "default"


@pytest.mark.parametrize("value", [v for v in NASTY_VALUES if v is not DEEP_TABLE], ids=str)
def test_any_theme(value: Any) -> None:
    if isinstance(value, int) and abs(value) > 10**4000:
        pytest.skip("TOML cannot be written with it")
    memory.remember({"theme": value, "charts": value})
    assert MnistApp(Settings(), Trainer()).theme == "dark"


def test_choices_that_never_come(pipe: Path) -> None:
    path = memory.memory_file()
    path.parent.mkdir(parents=True)
    path.symlink_to(pipe)
    assert recall() == {}


@examples("features")
@given(st.one_of(edits, st.binary(max_size=60), st.integers(0, 32 + 23)))
def test_any_features(place: Path, wanted: Any) -> None:
    path = place / "x.features"
    data = torch.arange(12, dtype=torch.float16).view(3, 4).numpy().tobytes()
    whole = hashlib.sha256(data).digest() + data
    if isinstance(wanted, int):
        content = whole[:wanted]
    else:
        content = wanted if isinstance(wanted, bytes) else edited(whole, wanted)
    path.write_bytes(content)
    assert (load_features(path, (3, 4)) is not None) == (content == whole)


def test_features_of_another_size_are_not_read(tmp_path: Path, pipe: Path) -> None:
    path = tmp_path / "x.features"
    path.touch()
    os.truncate(path, 2**42)  # sparse: it takes no room
    assert load_features(path, (3, 4)) is None
    assert load_features(pipe, (3, 4)) is None
    assert load_features(tmp_path, (3, 4)) is None
