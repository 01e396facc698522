"""Cached features are those that would be computed, or they are computed anew."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import engine.workbench
from engine import run_experiment
from engine.cache import cache_folder, clear_cache, features_file, load_features, store_features
from engine.device import Capabilities, capabilities
from engine.events import Event, Notice
from engine.settings import Settings

SHAPE = (6, 4)
LARGE = 10**6


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)).half()


@pytest.fixture
def able() -> Capabilities:
    return capabilities(torch.device("cpu"))


def test_what_is_stored_is_read_back_bit_for_bit(tmp_path: Path, features: torch.Tensor) -> None:
    path = tmp_path / "deep" / "a.features"
    store_features(path, features, LARGE)
    found = load_features(path, SHAPE)
    assert found is not None
    assert torch.equal(found, features)


def test_nothing_is_read_where_nothing_is(tmp_path: Path) -> None:
    assert load_features(tmp_path / "a.features", SHAPE) is None


@pytest.mark.parametrize("damage", ["flipped", "truncated", "longer", "empty"])
def test_a_damaged_file_is_not_used(tmp_path: Path, features: torch.Tensor, damage: str) -> None:
    path = tmp_path / "a.features"
    store_features(path, features, LARGE)
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    damaged = {
        "flipped": bytes(content),
        "truncated": path.read_bytes()[:-2],
        "longer": path.read_bytes() + b"xx",
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    assert load_features(path, SHAPE) is None


def test_a_file_of_another_shape_is_not_used(tmp_path: Path, features: torch.Tensor) -> None:
    path = tmp_path / "a.features"
    store_features(path, features, LARGE)
    assert load_features(path, (SHAPE[0] + 1, SHAPE[1])) is None


def test_the_name_depends_on_weights_images_and_device(tmp_path: Path, able: Capabilities) -> None:
    network = nn.Linear(2, 2)
    images = torch.zeros(3, 28, 28, dtype=torch.uint8)
    name = features_file(tmp_path, network, images, able)
    assert features_file(tmp_path, network, images.clone(), able) == name
    other_images = images.clone()
    other_images[2, 5, 5] = 1
    names = {
        name,
        features_file(tmp_path, network, other_images, able),
        features_file(tmp_path, network, images[:2], able),
        features_file(tmp_path, nn.Linear(2, 2), images, able),
    }
    assert len(names) == 4


def test_the_name_depends_on_all_that_changes_the_bits_and_on_nothing_else(
    tmp_path: Path, able: Capabilities
) -> None:
    network = nn.Linear(2, 2)
    images = torch.zeros(3, 28, 28, dtype=torch.uint8)

    def name(**changes: object) -> Path:
        return features_file(tmp_path, network, images, replace(able, **changes))

    others = {
        name(feature_dtype=torch.float16),
        name(feature_batch=able.feature_batch + 1),
        name(fused_convolutions=not able.fused_convolutions),
        name(memory_format=torch.contiguous_format),
    }
    assert len(others - {name()}) == 4
    assert name(evaluation_batch=1, fused_optimizer=False) == name()


def test_the_files_used_longest_ago_make_room(tmp_path: Path, features: torch.Tensor) -> None:
    paths = [tmp_path / f"{name}.features" for name in "abcd"]
    size = 32 + features.numel() * 2
    for age, path in enumerate(paths[:3]):
        store_features(path, features, LARGE)
        os.utime(path, (1000 + age, 1000 + age))
    load_features(paths[0], SHAPE)  # used now
    store_features(paths[3], features, 2 * size)
    assert {path.name for path in tmp_path.iterdir()} == {"a.features", "d.features"}


def test_what_is_larger_than_the_limit_is_not_stored(
    tmp_path: Path, features: torch.Tensor
) -> None:
    store_features(tmp_path / "a.features", features, 10)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_a_setting(tmp_path: Path) -> None:
    assert cache_folder(Settings(cache_folder=str(tmp_path))) == tmp_path
    assert cache_folder(Settings()).name == "mnist-tui"


@pytest.fixture
def few(tmp_path: Path) -> Settings:
    return Settings(
        models=("mobilenetv2",),
        epochs=2,
        repeats=1,
        train_limit=24,
        test_limit=12,
        threads=1,
        results=str(tmp_path / "results"),
        cache_folder=str(tmp_path / "cache"),
    )


def never(*_: object, **__: object) -> torch.Tensor:
    raise AssertionError("computed again")


def test_a_second_experiment_computes_nothing_and_ends_the_same(
    few: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_experiment(few)
    monkeypatch.setattr(engine.workbench, "extract_features", never)
    second = run_experiment(few)
    assert second.status == "finished"
    ends = [next(iter(record.runs.values())).epochs[-1] for record in (first, second)]
    assert ends[0].test_loss == ends[1].test_loss
    assert ends[0].train_loss == ends[1].train_loss


def test_without_the_cache_nothing_is_written(few: Settings) -> None:
    run_experiment(replace(few, cache=False))
    assert not Path(few.cache_folder).exists()


def test_a_cache_that_cannot_be_written_costs_a_notice(few: Settings, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    events: list[Event] = []
    record = run_experiment(few, events.append)
    assert record.status == "finished"
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "cache_folder" in notices[0]


def test_clearing_removes_the_features_and_nothing_else(tmp_path: Path) -> None:
    features = torch.rand(10, 1280).half()
    for name in ("one", "other"):
        store_features(tmp_path / f"{name}.features", features, 10**6)
    (tmp_path / "mine.txt").write_text("kept")
    assert clear_cache(tmp_path) == (2, 2 * (10 * 1280 * 2 + 32))
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    assert clear_cache(tmp_path / "nowhere") == (0, 0)


def test_what_a_killed_process_left_half_written_is_cleared(
    tmp_path: Path, features: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr("os.unlink", lambda path: None)
        killed.delattr("os.replace")
        with pytest.raises(AttributeError):
            store_features(tmp_path / "a.features", features, LARGE)
    assert len(list(tmp_path.iterdir())) == 1
    assert clear_cache(tmp_path) == (1, 6 * 4 * 2 + 32)
    assert not list(tmp_path.iterdir())


def test_held_out_images_do_not_change_which_features_are_cached(few: Settings) -> None:
    for changes in ({}, {"validation_split": 0.25}, {"validation_split": 0.25, "seed": 5}):
        run_experiment(replace(few, **changes))  # type: ignore[arg-type]
    assert len(list(Path(few.cache_folder).glob("*.features"))) == 1


def test_features_above_the_limit_are_told_of_and_not_kept(few: Settings) -> None:
    events: list[Event] = []
    run_experiment(replace(few, cache_limit_mb=0), events.append)
    (notice,) = (event.text for event in events if isinstance(event, Notice))
    assert "cache_limit_mb: 0" in notice
    assert "not kept" in notice
