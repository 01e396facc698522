"""Whether differences are chance: both tests against figures worked out in other ways."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from engine_support import one_line
from scipy.integrate import quad

from engine.compare import compared, holm, mcnemar, median_run, welch
from engine.contenders import Contender, contenders, pairs
from engine.events import (
    EpochFinished,
    EpochResult,
    ExperimentStarted,
    ModelSize,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.settings import Settings
from engine.summary import SummaryText

NOW = datetime(2026, 11, 22, 7, 30, 12, tzinfo=UTC)
SAMPLES = (
    ([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8]),
    ([0.9744, 0.9751], [0.9760, 0.9748]),
    ([random.Random(1).gauss(0.98, 0.001) for _ in range(9)], [0.97, 0.99, 0.98, 0.981]),
)


def student_tail(t: float, freedom: float) -> float:
    """How likely Student's t is above ``t``: its density, integrated."""
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    scale = math.exp(log) / math.sqrt(freedom * math.pi)
    area, _ = quad(lambda x: scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2), t, math.inf)
    return float(area)


def by_hand(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Difference of the means, its standard error, and Welch and Satterthwaite's freedom."""
    means, shares = [], []
    for values in (first, second):
        mean = sum(values) / len(values)
        means.append(mean)
        shares.append(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    sizes = (len(first), len(second))
    below = sum(share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True))
    return means[0] - means[1], math.sqrt(sum(shares)), sum(shares) ** 2 / below


@pytest.mark.parametrize(("first", "second"), SAMPLES)
def test_welch_is_as_worked_out_by_hand(first: list[float], second: list[float]) -> None:
    found = welch(first, second)
    difference, error, freedom = by_hand(first, second)
    assert found.mean == pytest.approx(difference)
    assert found.p == pytest.approx(2 * student_tail(abs(difference) / error, freedom))
    assert found.interval is not None
    for end in found.interval:
        t = abs(end - difference) / error
        assert student_tail(t, freedom) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("first", "second"), [([0.9], [0.8, 0.9]), ([0.9, 0.8], [0.9]), ([0.9, 0.9], [0.8, 0.8, 0.8])]
)
def test_without_any_spread_there_is_no_interval(first: list[float], second: list[float]) -> None:
    found = welch(first, second)
    assert found.mean == pytest.approx(sum(first) / len(first) - sum(second) / len(second))
    assert (found.interval, found.p) == (None, None)


def test_mcnemar_counts_the_outcomes_that_are_no_likelier() -> None:
    for first, second in itertools.product(range(6), repeat=2):
        # Of every image that one alone misreads a coin says which one it is.
        flips = Counter(map(sum, itertools.product((0, 1), repeat=first + second)))
        extreme = sum(number for number in flips.values() if number <= flips[first])
        assert mcnemar(first, second) == pytest.approx(extreme / flips.total())


def test_holm_is_as_worked_out_by_hand() -> None:
    # Sorted: 4 × 0.005, 3 × 0.01, 2 × 0.03, and 1 × 0.04, which may not be below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def experiment(
    folder: Path,
    accuracies: dict[str, list[float]],
    misread: Sequence[int] | None = None,
    images: int = 100,
) -> ExperimentRecord:
    """With a run of each model per accuracy; all misread the same images."""
    runs = tuple(RunId(model, r + 1) for model, of in accuracies.items() for r in range(len(of)))
    settings = Settings(models=tuple(accuracies))
    environment: dict[str, str | int] = {"device": "cpu", "device_name": "a CPU"}
    record = ExperimentRecord.begin(
        ExperimentStarted(folder.name, folder, NOW, settings, runs, environment)
    )
    confusion = tuple(tuple(images // 10 * (i == j) for j in range(10)) for i in range(10))
    for run in runs:
        accuracy = accuracies[run.model][run.repeat - 1]
        result = EpochResult(1, 0.2, 0.9, 0.1, accuracy, 0.001, 2.0, 100.0, 0.5)
        record.record(RunStarted(run, run.repeat, 1, 1))
        record.record(EpochFinished(run, result))
        record.record(
            RunFinished(
                run, ModelSize(run.model, 10, 10), "finished", 2.0, 0.0, accuracy, 0.1, confusion,
                accuracy, 0, "", None if misread is None else tuple(misread),
            )
        )  # fmt: skip
    return record


def side(record: ExperimentRecord, model: str = "mlp") -> Contender:
    return Contender(record, model, model, tuple(record.finished_runs(model)))


def test_networks_are_compared_image_by_image(tmp_path: Path) -> None:
    first = experiment(tmp_path / "a", {"mlp": [0.95, 0.96, 0.97]}, misread=[1, 2, 3, 4, 5])
    second = experiment(tmp_path / "b", {"mlp": [0.97, 0.98]}, misread=[5, 6])
    (one,) = compared([(side(first), side(second))])
    found = one.discordance
    assert found is not None
    assert (found.baseline_alone, found.other_alone, found.images) == (4, 1, 100)
    assert found.p == mcnemar(4, 1)
    assert (found.baseline.id.repeat, found.other.id.repeat) == (2, 1), "the medians"
    assert one.difference is not None
    assert one.difference.mean == pytest.approx(0.975 - 0.96)
    assert one.difference.p == welch([0.97, 0.98], [0.95, 0.96, 0.97]).p


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    known = side(experiment(tmp_path / "a", {"mlp": [0.95, 0.96]}, misread=[1]))
    old = side(experiment(tmp_path / "b", {"mlp": [0.95, 0.97]}))
    fewer = side(experiment(tmp_path / "c", {"mlp": [0.95, 0.94]}, misread=[1], images=50))
    untrained = side(experiment(tmp_path / "d", {"mlp": []}))
    answers = compared([(known, old), (known, fewer), (known, untrained)])
    assert [each.discordance for each in answers] == [None, None, None]
    assert "does not say which" in answers[0].reason
    assert answers[1].reason == "the test images differ: 100 of the one, 50 of the other"
    assert answers[2].difference is None


def test_several_comparisons_are_adjusted_together(tmp_path: Path) -> None:
    sides = [
        side(experiment(tmp_path / str(n), {"mlp": [0.9, 0.9 + n / 100]}, misread=range(n * 9)))
        for n in range(4)
    ]
    found = compared([(sides[0], other) for other in sides[1:]])
    differences = [each.difference for each in found if each.difference and each.difference.p]
    assert len(differences) == 3
    assert [d.adjusted for d in differences] == holm([d.p for d in differences if d.p])
    discordances = [each.discordance for each in found if each.discordance]
    assert [d.adjusted for d in discordances] == holm([d.p for d in discordances])
    assert any(d.adjusted != d.p for d in discordances)


def test_the_median_run_is_no_outlier(tmp_path: Path) -> None:
    record = experiment(tmp_path, {"mlp": [0.5, 0.99, 0.9, 0.95]})
    assert median_run(record.finished_runs("mlp")).id == RunId("mlp", 3)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two experiments that have the MLP in common, and one that has nothing of these."""
    for id_, models in (("a", ["mlp", "cnn"]), ("b", ["mlp"]), ("c", ["mobilenetv2"])):
        record = experiment(tmp_path / f"{id_}-1", {model: [0.9, 0.95] for model in models})
        record.folder.mkdir()
        record.summary.write_bytes(SummaryText(record).encoded())
    return tmp_path


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["a"], ["a-1/mlp a-1/cnn"]),
        (["a", "b"], ["a-1/mlp b-1/mlp"]),
        (["b", "a"], ["b-1/mlp a-1/mlp"]),
        (["a", "c"], ["a-1/mlp c-1/mobilenetv2", "a-1/cnn c-1/mobilenetv2"]),
        (["a/cnn", "b"], ["a-1/cnn b-1/mlp"]),
        (["latest", "a/cnn", "b"], ["c-1/mobilenetv2 a-1/cnn", "c-1/mobilenetv2 b-1/mlp"]),
        (["a/mlp-r1", "a/mlp-r2"], ["a-1/mlp-r1 a-1/mlp-r2"]),
        (["a/cnn-r2", "a/mlp"], ["a-1/cnn-r2 a-1/mlp"]),
        (["a/cnn-r2", "b/mlp"], ["a-1/cnn-r2 b-1/mlp"]),
    ],
)
def test_names_say_what_is_compared(results: Path, names: list[str], wanted: list[str]) -> None:
    found = pairs([contenders(results, name) for name in names])
    shown = [" ".join(f"{each.record.id}/{each.name}" for each in pair) for pair in found]
    assert shown == wanted
    runs = {each.name: len(each.runs) for pair in found for each in pair}
    assert all(number == (1 if "-r" in name else 2) for name, number in runs.items())


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["b"], "b-1 has mlp alone"),
        (["a/cnn", "a/cnn"], "a-1/cnn is given twice"),
        (["a", "a-1"], "a-1/mlp is given twice"),
        (["a/cnn-r2", "a/cnn"], "a-1/cnn-r2 is one of the runs of cnn itself"),
        (["a", "b", "a/mlp-r1"], "a-1/mlp-r1 is one of the runs of mlp itself"),
        (["a/mlp-r3"], "has no finished run of 'mlp-r3'; its models are mlp, cnn"),
        (["d"], "has no experiment 'd'"),
    ],
)
def test_nothing_to_compare_is_refused(results: Path, names: list[str], part: str) -> None:
    with pytest.raises(ResultsError) as caught:
        pairs([contenders(results, name) for name in names])
    one_line(caught.value, part)
