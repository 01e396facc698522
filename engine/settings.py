"""What can be set, with its defaults and limits."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import rules
from engine.recipes import (
    DEFAULT_EPOCHS,
    PRESETS,
    RECIPE_FIELDS,
    RECIPE_RULES,
    Preset,
    Recipe,
    recipe,
)
from engine.rules import Rule, SettingsError, choice, number, setting, shown, switch, text, whole

MODEL_NAMES = ("mlp", "cnn", "mobilenetv2")
MOBILENETV2_WEIGHTS = ("bundled", "IMAGENET1K_V1", "IMAGENET1K_V2")
THEMES = ("last", "dark", "light", "high-contrast", "terminal")
ONE_DEVICE = r"cpu|mps|xpu(:\d+)?|cuda(:\d+)?"
DEVICE_PATTERN = rf"auto|{ONE_DEVICE}"


@dataclass(frozen=True)
class Settings:
    """Every setting in force for one experiment. Immutable; ``dataclasses.replace`` changes one."""

    models: tuple[str, ...] = setting(
        MODEL_NAMES,
        Rule(
            tuple,
            "experiment",
            "the networks to train, in this order",
            f"one or more of {', '.join(MODEL_NAMES)}, each once",
            choices=MODEL_NAMES,
        ),
    )
    preset: str = setting(
        "default",
        text("experiment", f"one of {', '.join(PRESETS)}", "how they are trained; see [presets]"),
    )
    epochs: int = setting(
        0, whole("experiment", 1, 10_000, "passes over the training images in each run", "preset")
    )
    """0 becomes the preset's number when the settings are made; ``replace`` of the preset alone
    leaves that number as it is, so give ``epochs=0`` with it."""
    repeats: int = setting(
        5, whole("experiment", 1, 1000, "runs of each model, each with its own seed")
    )
    repeats_at_once: int = setting(
        0,
        whole(
            "experiment",
            0,
            1000,
            "runs of a model that train side by side; auto for as many as it gains from",
            "auto",
        ),
    )
    seed: int = setting(
        1234, whole("experiment", 0, 2**31 - 1, "repeat 1 uses this seed, repeat 2 the next")
    )

    batch_size: int = setting(64, whole("training", 1, 60_000, "images in one step"))
    validation_split: float = setting(
        0.0, number("training", "0", "0.5", "fraction of the training images held out to validate")
    )
    patience: int = setting(
        0,
        whole(
            "training",
            0,
            10_000,
            "end a run after so many epochs without a better validation loss; 0 for never",
            "never",
        ),
    )
    optimizer: str | None = setting(None, RECIPE_RULES["optimizer"])
    learning_rate: float | None = setting(None, RECIPE_RULES["learning_rate"])
    schedule: str | None = setting(None, RECIPE_RULES["schedule"])
    weight_decay: float | None = setting(None, RECIPE_RULES["weight_decay"])
    shift: int | None = setting(None, RECIPE_RULES["shift"])
    clean_epochs: int | None = setting(None, RECIPE_RULES["clean_epochs"])
    label_smoothing: float | None = setting(None, RECIPE_RULES["label_smoothing"])
    precision: str | None = setting(None, RECIPE_RULES["precision"])

    data: str = setting(
        "",
        text(
            "data",
            "a folder, or empty for the bundled data",
            "folder with MNIST's four IDX files, plain or .gz; empty for the bundled ones",
        ),
    )
    train_limit: int = setting(
        0, whole("data", 0, 60_000, "train on the first N images only", "all")
    )
    test_limit: int = setting(0, whole("data", 0, 10_000, "test on the first N images only", "all"))
    mobilenetv2_weights: str = setting(
        "bundled",
        choice("data", MOBILENETV2_WEIGHTS, "ImageNet weights; all but bundled are downloaded"),
    )

    cache: bool = setting(True, switch("cache", "keep MobileNetV2's frozen features on disk"))
    cache_folder: str = setting(
        "", text("cache", "a folder, or empty", "where; empty for the user's cache folder")
    )
    cache_limit_mb: int = setting(
        1000, whole("cache", 0, 1_000_000, "remove the files used longest ago above so many MB")
    )

    device: str = setting(
        "auto",
        text(
            "device",
            "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N",
            "where to train; auto takes the best accelerator, else the CPU",
            DEVICE_PATTERN,
        ),
    )
    devices: str = setting(
        "",
        text(
            "device",
            "all, or devices with commas between, each as in device",
            "train on several at once, a worker process for each; empty for the one of device",
            rf"|all|({ONE_DEVICE})(,({ONE_DEVICE}))*",
        ),
    )
    workers: int = setting(
        0,
        whole(
            "device",
            0,
            256,
            "processes that share the runs and the CPU",
            "none",
        ),
    )
    ray: str = setting(
        "",
        text(
            "device",
            "local, auto, HOST:PORT or ray://HOST:PORT, or empty",
            "address of a Ray cluster that trains; local starts one on this machine",
            r"|local|auto|(ray://)?[\w.\-\[\]:]+:\d+",
        ),
    )
    threads: int = setting(
        0,
        whole(
            "device",
            0,
            1024,
            "CPU threads; auto for one per core, but for small networks one for every two",
            "auto",
        ),
    )
    deterministic: bool = setting(
        False, switch("device", "use only algorithms that give the same bits every time; slower")
    )
    cuda_graphs: str = setting(
        "auto", choice("device", ("auto", "off"), "replay recorded steps on NVIDIA GPUs")
    )

    results: str = setting(
        "results",
        text("files", "a folder", "folder that experiments are saved in", r"(?s).*\S.*"),
    )
    save_weights: bool = setting(True, switch("files", "save the trained weights of every run"))

    theme: str = setting(
        "last", choice("screen", THEMES, "colours; last for those chosen last, at first dark")
    )
    characters: str = setting(
        "auto",
        choice(
            "screen",
            ("auto", "unicode", "ascii"),
            "what is drawn with; auto takes unicode unless the locale says otherwise",
        ),
    )
    refresh_rate: float = setting(
        5.0, number("screen", "0.2", "20", "times a second that the numbers on the screen change")
    )

    on_hangup: str = setting(
        "finish",
        choice("screen", ("finish", "stop"), "what a training does when its terminal is gone"),
    )

    per_model: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """``[models.NAME]`` of the settings file: fields of a recipe for one model."""
    presets: Mapping[str, Preset] = dataclasses.field(default_factory=lambda: PRESETS)
    """``[presets.NAME]``; those of the settings file are added to the built-in ones."""

    def __post_init__(self) -> None:
        """Refuse what no source would be allowed to give, as ``SettingsError``."""
        for name in FIELDS:
            value, default = getattr(self, name), FIELDS[name].default
            if value != default or type(value) is not type(default):
                object.__setattr__(self, name, checked(name, value, name))
        object.__setattr__(self, "per_model", checked_models(self.per_model, "per_model"))
        presets = {
            name: checked_preset(preset, f"presets.{name}") for name, preset in self.presets.items()
        }
        object.__setattr__(self, "presets", presets)
        if self.preset not in self.presets:
            allowed = ", ".join(self.presets)
            raise SettingsError(f"preset: {shown(self.preset)} is not known; give one of {allowed}")
        if self.epochs == 0:
            epochs = self.presets[self.preset].get("epochs", DEFAULT_EPOCHS)
            object.__setattr__(self, "epochs", epochs)
        if self.patience and not self.validation_split:
            raise SettingsError(
                f"patience: {self.patience} needs validation images; "
                "give a validation_split above 0, or patience 0"
            )
        if "mobilenetv2" in self.models and self.recipe("mobilenetv2").shift:
            raise SettingsError(
                f"shift: {self.recipe('mobilenetv2').shift} is not allowed for mobilenetv2, "
                "whose features are computed once; train other models, or give the shift in "
                "the settings file, with 0 in [models.mobilenetv2]"
            )

    @property
    def device_names(self) -> list[str]:
        """The device of each worker, as far as that can be said without looking."""
        if self.devices:
            return self.devices.split(",")
        return [self.device] * max(1, self.workers)

    def seed_of(self, repeat: int) -> int:
        """The seed of a run, by its number among the repeats, counted from 1."""
        return self.seed + repeat - 1

    def recipe(self, model: str) -> Recipe:
        """How ``model`` is trained: ``[models.NAME]`` wins over ``[training]``, that over the
        preset.
        """
        preset = self.presets[self.preset]
        training = {name: getattr(self, name) for name in RECIPE_FIELDS}
        return recipe(preset, model, training, self.per_model.get(model, {}))


def expanded(folder: str) -> Path:
    """A folder as a setting names it; ``~`` is the user's own, ``~nosuchuser`` only a name."""
    return Path(os.path.expanduser(folder))  # Path's own refuses those it does not know


FIELDS: Mapping[str, dataclasses.Field[Any]] = {
    field.name: field for field in dataclasses.fields(Settings) if "rule" in field.metadata
}


def rule(name: str) -> Rule:
    """What the setting ``name`` accepts."""
    found: Rule = FIELDS[name].metadata["rule"]
    return found


def checked(name: str, value: object, where: str) -> Any:
    """Return ``value`` in the type of setting ``name``; see ``rules.checked``."""
    return rules.checked(rule(name), value, where)


def checked_fields(
    table: Mapping[str, object], known: Mapping[str, Rule], where: str
) -> dict[str, Any]:
    """Return the values of a table, each in the type of its rule.

    Raises:
        SettingsError: a name that is not known, or a value that its rule refuses.
    """
    for name in table:
        if name not in known:
            raise SettingsError(
                f"{where}: {shown(name)} is not a known key of [{where.rpartition(': ')[2]}]; "
                f"allowed: {', '.join(known)}"
            )
    return {
        name: rules.checked(known[name], value, f"{where}.{name}") for name, value in table.items()
    }


def checked_models(table: Mapping[str, object], where: str) -> dict[str, dict[str, Any]]:
    """Return a table of recipe fields for each model; raises as ``checked_fields``."""
    for model in table:
        if model not in MODEL_NAMES:
            raise SettingsError(
                f"{where}: {shown(model)} is not a model; allowed: {', '.join(MODEL_NAMES)}"
            )
    return {
        model: checked_fields(
            checked_table(fields, f"{where}.{model}"), RECIPE_RULES, f"{where}.{model}"
        )
        for model, fields in table.items()
    }


def checked_preset(value: object, where: str) -> dict[str, Any]:
    """Return a preset, see ``recipes.Preset``; raises as ``checked_fields``."""
    table = checked_table(value, where)
    common = {name: fields for name, fields in table.items() if name not in MODEL_NAMES}
    models = {name: fields for name, fields in table.items() if name in MODEL_NAMES}
    known = {"epochs": dataclasses.replace(rule("epochs"), zero=""), **RECIPE_RULES}
    return checked_fields(common, known, where) | checked_models(models, where)


def checked_table(value: object, where: str) -> Mapping[str, object]:
    """Return a table as it is; raises ``SettingsError`` if it is none."""
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be a table: [{where.rpartition(': ')[2]}]")
    return value


def from_text(name: str, typed: str, where: str) -> Any:
    """Return typed text as the value of setting ``name``; see ``rules.from_text``."""
    return rules.from_text(rule(name), typed, where)
