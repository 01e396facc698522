"""How a network is trained: the fields of a recipe, and the presets.

The numbers of the presets were chosen by the accuracy on 10,000 of the training images that were
held out (``validation_split``), never on the test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from engine.rules import Rule, choice, number, whole

SCHEDULES = ("constant", "cosine", "one-cycle")
OPTIMIZERS = ("adam", "adamw", "sgd")
PRECISIONS = ("auto", "fp32", "bf16")

RECIPE_RULES: dict[str, Rule] = {
    "optimizer": choice("training", OPTIMIZERS, "what turns gradients into steps"),
    "learning_rate": number("training", "0.0000001", "10", "of all models; a schedule's peak"),
    "schedule": choice("training", SCHEDULES, "how the learning rate changes over a run"),
    "weight_decay": number("training", "0", "1", "pulls weights towards zero"),
    "shift": whole("training", 0, 4, "move training images at random by up to so many pixels"),
    "clean_epochs": whole(
        "training", 0, 10_000, "last epochs of a run in which training images are not moved"
    ),
    "label_smoothing": number(
        "training", "0", "0.5", "part of a label's weight that goes to all digits alike"
    ),
    "precision": choice(
        "training", PRECISIONS, "of the arithmetic; auto takes bf16 where that is faster"
    ),
}


@dataclass(frozen=True)
class Recipe:
    """How one network is trained; each field as ``RECIPE_RULES`` says."""

    optimizer: str = "adam"
    """adam (Kingma and Ba 2014), adamw (Loshchilov and Hutter 2017), sgd with momentum 0.9."""
    learning_rate: float = 0.001
    schedule: str = "constant"
    weight_decay: float = 0.0
    shift: int = 0
    clean_epochs: int = 0
    """The network's last look is at images like those it is tested on (He et al., "Data
    Augmentation Revisited", 2019)."""
    label_smoothing: float = 0.0
    precision: str = "auto"


Preset = Mapping[str, Any]
"""Fields of a recipe by name, for all models; under a model's name a table of fields for it; and
the number of epochs.
"""

DEFAULT_EPOCHS = 10
"""Of a preset that does not say."""

PRESETS: Mapping[str, Preset] = {
    # As published: nothing but Adam.
    "notebook": {"epochs": 10, "learning_rate": 0.001, "schedule": "constant"},
    # A quick look: does it train here?
    "quick": {"epochs": 1, "learning_rate": 0.002, "schedule": "one-cycle"},
    "default": {
        "epochs": 10,
        "learning_rate": 0.003,
        "schedule": "one-cycle",
        "cnn": {"optimizer": "adamw", "weight_decay": 0.1},
    },
    "best": {
        "epochs": 20,
        "learning_rate": 0.003,
        "schedule": "one-cycle",
        "shift": 1,
        "clean_epochs": 1,
        "label_smoothing": 0.02,
        "mlp": {"learning_rate": 0.004},
        "cnn": {"optimizer": "adamw", "weight_decay": 0.1, "label_smoothing": 0.05},
        "mobilenetv2": {"shift": 0, "clean_epochs": 0, "label_smoothing": 0.0},
    },
}


def merged(preset: Preset, changes: Preset) -> Preset:
    """A preset with some of its fields changed; the tables of single models are merged, too."""
    tables = {
        name: {**preset[name], **value}
        for name, value in changes.items()
        if isinstance(value, Mapping) and name in preset
    }
    return {**preset, **changes, **tables}


def without(
    per_model: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What is said for single models, without fields that a later source says for all."""
    left_out = set(names)
    return {
        model: {name: value for name, value in fields.items() if name not in left_out}
        for model, fields in per_model.items()
    }


RECIPE_FIELDS = tuple(field.name for field in fields(Recipe))


def recipe(preset: Preset, model: str, *layers: Mapping[str, Any]) -> Recipe:
    """How ``preset`` trains ``model``, with layers of settings over it, of which later ones win.

    Only fields of a recipe are taken. A preset's weight decay is meant for its own optimizer:
    where a layer names another one, it is dropped.
    """
    planned = _fields(preset) | _fields(preset.get(model, {}))
    given: dict[str, Any] = {}
    for layer in layers:
        given |= _fields(layer)
    if given.get("optimizer") not in (None, planned.get("optimizer", Recipe.optimizer)):
        planned.pop("weight_decay", None)
    return Recipe(**{**planned, **given})


def _fields(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: layer[name] for name in RECIPE_FIELDS if layer.get(name) is not None}
