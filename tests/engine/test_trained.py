"""A trained network is found by a name, and loaded only if it is one."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.experiment import run_experiment
from engine.inspection import load_test_digits
from engine.models import MODELS
from engine.reading import load_reader
from engine.records import ExperimentRecord
from engine.results import ResultsError
from engine.settings import Settings
from engine.tensor_file import tensor_bytes
from engine.trained import find_trained, saved_networks


@pytest.fixture(scope="module")
def record(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentRecord:
    """Two models, two repeats."""
    return run_experiment(
        Settings(
            models=("mlp", "cnn"),
            epochs=1,
            repeats=2,
            train_limit=500,
            data=str(small_folder),
            device="cpu",
            threads=1,
            results=str(tmp_path_factory.mktemp("results")),
        )
    )


def refusal(results: Path, name: str) -> str:
    with pytest.raises(ResultsError) as caught:
        find_trained(results, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_run_is_found_by_experiment_and_name(record: ExperimentRecord) -> None:
    results = record.folder.parent
    for run in record.runs.values():
        for id_ in (record.id, record.id[:8], "latest"):
            found = find_trained(results, f"{id_}/{run.id}")
            assert found.path == record.folder / f"{run.id}.pt"
            assert found.name == f"{record.id}/{run.id}"
            assert run.last is not None
            assert found.test_accuracy == pytest.approx(run.last.test_accuracy)


def test_of_an_experiment_the_most_accurate_run_of_each_model_that_was_saved_is_known(
    record: ExperimentRecord, tmp_path: Path
) -> None:
    saved = saved_networks(record)
    assert list(saved) == ["mlp", "cnn"]
    assert saved == {
        model: find_trained(record.folder.parent, f"latest/{model}") for model in saved
    }
    other = {"cnn-r1.pt": "cnn-r2.pt", "cnn-r2.pt": "cnn-r1.pt"}[saved["cnn"].path.name]
    (tmp_path / other).touch()
    (without,) = saved_networks(replace(record, folder=tmp_path)).values()
    assert without.path == tmp_path / other


@pytest.mark.parametrize("model", ["", "mlp", "cnn"])
def test_of_several_runs_the_most_accurate_is_taken(model: str, record: ExperimentRecord) -> None:
    best = max(
        run.last.test_accuracy
        for run in record.runs.values()
        if run.last is not None and model in ("", run.id.model)
    )
    name = f"{record.id}/{model}" if model else record.id
    assert find_trained(record.folder.parent, name).test_accuracy == pytest.approx(best)


def test_what_is_not_there_is_refused_with_what_is(record: ExperimentRecord) -> None:
    results = record.folder.parent
    there = "there are mlp-r1, mlp-r2, cnn-r1, cnn-r2"
    assert there in refusal(results, f"{record.id}/cnn-r3")
    assert there in refusal(results, f"{record.id}/../../etc/passwd")
    assert "has no experiment '..'" in refusal(results, "../mlp-r1")
    assert "has no experiment ''" in refusal(results, "/")
    assert r"'a\x1b[2J'" in refusal(results, "a\x1b[2J")
    assert "has no experiment with weights" in refusal(results, "latest/mobilenetv2")
    assert "has no experiment with weights" in refusal(results / "nowhere", "latest")
    assert "is not a file" in refusal(results, "gone.pt")


def test_a_beginning_that_two_experiments_share_is_refused(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260101-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.toml").write_text("")
    assert "has 2 experiments '2026'…: '20260101-a', '20260101-b'" in refusal(tmp_path, "2026")
    assert "schema is missing" in refusal(tmp_path, "20260101-a")
    refusal(tmp_path, "latest")


def test_a_path_in_the_summary_is_never_followed(record: ExperimentRecord, tmp_path: Path) -> None:
    folder = tmp_path / "results" / record.id
    folder.mkdir(parents=True)
    text = record.summary.read_text(encoding="utf-8")
    (folder / "summary.toml").write_text(
        text.replace("mlp-r1.pt", "../../outside.pt"), encoding="utf-8"
    )
    (tmp_path / "outside.pt").write_bytes((record.folder / "mlp-r1.pt").read_bytes())
    assert "has no weights of any run" in refusal(tmp_path / "results", record.id)


@pytest.mark.parametrize("run", ["mlp-r1", "cnn-r2"])
def test_weights_read_as_the_network_did_in_its_test(run: str, record: ExperimentRecord) -> None:
    model, read = load_reader(record.folder / f"{run}.pt")
    assert model == run.partition("-")[0]
    digits = load_test_digits(record.settings)
    hits = 0
    for number, label in enumerate(digits.labels):
        answer = read(digits.image(number))
        assert sum(answer) == pytest.approx(1, abs=1e-5)
        hits += answer.index(max(answer)) == label
    accuracy = next(one.last for one in record.runs.values() if str(one.id) == run and one.last)
    assert hits / len(digits) == pytest.approx(accuracy.test_accuracy)


def test_mobilenetv2_brings_its_features_with_it(tmp_path: Path) -> None:
    (tmp_path / "any.pt").write_bytes(tensor_bytes(MODELS["mobilenetv2"].build().state_dict()))
    model, read = load_reader(tmp_path / "any.pt")
    assert model == "mobilenetv2"
    assert sum(read(bytes(784))) == pytest.approx(1, abs=1e-5)


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def mlp(change: Callable[[dict[str, Tensor]], object]) -> bytes:
    state = dict(MODELS["mlp"].build().state_dict())
    change(state)
    return saved(state)


class Harmful:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("harm", "w")


DAMAGED = {
    "empty": (b"", "is damaged"),
    "text": (b"weights", "is damaged"),
    "cut": (mlp(lambda state: None)[:-500], "is damaged"),
    "number": (saved(3), "is damaged"),
    "list": (saved([torch.zeros(3)]), "is damaged"),
    "code": (pickle.dumps(Harmful()), "is damaged"),
    "code in a zip": (saved({"layers.1.weight": Harmful()}), "is damaged"),
    "no layer": (mlp(lambda state: state.popitem()), "fit none of mlp, cnn, mobilenetv2"),
    "other shape": (
        mlp(lambda state: state.update({"layers.1.bias": torch.zeros(9)})),
        "fit none of mlp, cnn, mobilenetv2",
    ),
    "not finite": (
        mlp(lambda state: state.update({"layers.1.bias": torch.full((100,), torch.nan)})),
        "not finite: its training diverged",
    ),
}


@pytest.mark.parametrize(("content", "problem"), DAMAGED.values(), ids=DAMAGED)
def test_what_are_no_weights_is_refused_in_one_line_and_not_executed(
    content: bytes, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pt").write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        load_reader(Path("a.pt"))
    assert str(caught.value).startswith("a.pt: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("harm").exists()


def test_a_small_file_that_stands_for_many_numbers_is_refused(tmp_path: Path) -> None:
    weights = {"weight": torch.zeros(1).expand(10**12)}
    (tmp_path / "any.pt").write_bytes(tensor_bytes(weights))
    with pytest.raises(ResultsError, match="damaged or holds no weights"):
        load_reader(tmp_path / "any.pt")
