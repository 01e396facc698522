"""How numbers are written for people, on the screen and in plain lines alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from engine.recipes import Recipe
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.events import RunFinished
    from engine.records import ExperimentRecord, ModelSummary
    from engine.trained import Trained

N = TypeVar("N", int, float)


def accuracy(fraction: float) -> str:
    """0.98711 → "98.71 %"."""
    return f"{fraction * 100:.2f} %"


def trained_network(trained: Trained, model: str) -> str:
    """A network and how good it is: "20261122-073012-cnn/cnn-r2: cnn, test accuracy 98.71 %"."""
    known = trained.test_accuracy
    return f"{trained.name}: {model}" + (
        "" if known is None else f", test accuracy {accuracy(known)}"
    )


def spread(model: ModelSummary) -> str:
    """Mean test accuracy ± standard deviation: "98.71 ± 0.09 %"; "–" without a finished run."""
    found = model.test_accuracy
    return "–" if found is None else mean_and_std(found.mean, found.std)


def mean_and_std(mean: float, std: float | None) -> str:
    """Fractions as "98.71 ± 0.09 %"; "98.71 %" where there is no standard deviation."""
    return accuracy(mean) if std is None else f"{mean * 100:.2f} ± {std * 100:.2f} %"


def duration(seconds: float) -> str:
    """Rounded to what matters: "8 s", "1:05", "2:03:09"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_left:02}:{seconds_left:02}"
    return f"{minutes}:{seconds_left:02}"


def short_duration(seconds: float) -> str:
    """As ``duration``, with a decimal where that matters: "0.4 s"."""
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def training(recipe: Recipe) -> str:
    """How a network is trained, in a few words: "adam 0.002 one-cycle, ±1 px"."""
    parts = [f"{recipe.optimizer} {recipe.learning_rate:g} {recipe.schedule}"]
    if recipe.weight_decay:
        parts.append(f"decay {recipe.weight_decay:g}")
    if recipe.shift:
        parts.append(f"±{recipe.shift} px")
    if recipe.label_smoothing:
        parts.append(f"smooth {recipe.label_smoothing:g}")
    return ", ".join(parts)


def limits(settings: Settings) -> str:
    """What of MNIST is left out: "trained on the first 3,000 images"; empty for all of it."""
    parts = [
        f"{done} on the first {limit:,}"
        for limit, done in ((settings.train_limit, "trained"), (settings.test_limit, "tested"))
        if limit
    ]
    return f"{', '.join(parts)} images" if parts else ""


def count(number: float) -> str:
    """In the width of a table's column: "812", "12,345", "1.23M"."""
    return f"{number:,.0f}" if number < 1_000_000 else f"{number / 1e6:.2f}M"


def counted(number: object, thing: str) -> str:
    """ "1 epoch", "10 epochs"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def rough_count(number: float) -> str:
    """As ``count``, in three figures: of a rate that is still measured the others only flicker."""
    return count(float(f"{number:.3g}"))


def known(value: N | None, words: Callable[[N], str], unknown: str = "–") -> str:
    """A number in words, if there is one."""
    return words(value) if value is not None else unknown


def milliseconds(seconds: float | None) -> str:
    """In three figures: "0.0712 ms", "12.3 ms"."""
    return known(seconds, lambda time: f"{time * 1000:#.3g} ms")


def gibibytes(number: int) -> str:
    """Bytes as "1.4 GiB"."""
    return f"{number / 2**30:.1f} GiB"


def run_line(event: RunFinished) -> str:
    """How a run ended: "cnn-r1 finished 98.71 % in 1:05 of training"."""
    reached = f" {accuracy(event.test_accuracy)}" if event.test_accuracy is not None else ""
    return f"{event.run} {event.status}{reached} in {short_duration(event.seconds)} of training"


def ranking_lines(record: ExperimentRecord) -> list[str]:
    """The result as plain lines, best model first."""
    lines = []
    for place, model in enumerate(record.ranking(), start=1):
        if model.test_accuracy is None:
            lines.append(f"–. {model.name:<12} no finished run")
            continue
        found, seconds = model.test_accuracy, model.seconds
        interval = f"  95 % CI ± {found.ci95 * 100:.2f}" if found.ci95 is not None else ""
        time = f"  {seconds.mean:.1f} s per run" if seconds else ""
        features = model.features_seconds
        extra = f" + {features:.1f} s for features, once" if features else ""
        lines.append(
            f"{place}. {model.name:<12} test accuracy {spread(model):<16}{interval}"
            f"  best run {accuracy(found.max)}  runs {model.runs}{time}{extra}"
        )
    return lines
