"""What is known of a model after an experiment, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from engine.records import ModelSummary
from tui.comparison import COLUMNS
from tui.wording import count, mean_and_std

UNKNOWN = "unknown"
NOTHING = "–"


def fact_rows(models: Sequence[ModelSummary]) -> list[tuple[str, list[str]]]:
    """A row per fact that is known of any model: its name, and its value for each of them.

    What energy the training took is always told, be it that nobody knows.
    """
    facts = [model_facts(model) for model in models]
    names = dict.fromkeys(name for of_model in facts for name in of_model)
    return [(name, [of_model.get(name, NOTHING) for of_model in facts]) for name in names]


def model_facts(model: ModelSummary) -> dict[str, str]:
    """Facts by their names; unknown ones are left out, but for the energy."""
    first, *others = COLUMNS
    facts = {first.name: first.shown(model)}
    accuracy, cost = model.test_accuracy, model.cost
    if accuracy is not None and accuracy.ci95 is not None:
        facts["95 % interval"] = f"± {accuracy.ci95 * 100:.2f} %"
    if model.best_epoch is not None:
        facts["best epoch"] = str(model.best_epoch)
    facts |= {column.name: column.shown(model) for column in others}
    if model.calibration_error is not None:
        found = model.calibration_error
        facts["calibration error"] = mean_and_std(found.mean, found.std)
    if cost.flops_per_image is not None:
        facts["FLOP/image"] = count(cost.flops_per_image)
    if cost.latency_seconds is not None:
        facts["reads an image in"] = f"{cost.latency_seconds * 1000:.2f} ms"
    if cost.inference_images_per_second is not None:
        facts["reads images/s"] = count(cost.inference_images_per_second)
    if model.peak_memory_bytes:
        facts["peak memory"] = f"{model.peak_memory_bytes / 2**20:,.0f} MiB"
    energy = model.energy_joules
    facts["energy/run"] = UNKNOWN if energy is None else f"{count(energy.mean)} J"
    return facts
