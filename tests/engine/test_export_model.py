"""Exported networks answer in other programs as they do here."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_support import one_line

from engine.data import IMAGENET_MEAN, Mnist
from engine.experiment import run_experiment
from engine.export_model import FORMATS, INPUT, OUTPUT, ExportError, export_model
from engine.models import MODELS, MobileNetV2, predict_proba
from engine.reading import load_network
from engine.records import ExperimentRecord
from engine.settings import Settings
from engine.steady import steady
from engine.tensor_file import tensor_bytes
from engine.trained import Trained, find_trained
from tui.cli import main
from tui.commands import export_model_flags

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
safetensors = pytest.importorskip("safetensors")
CLOSE = 1e-5


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ExperimentRecord:
    """An experiment with a run of each small network, trained far enough to be sure of a digit."""
    return run_experiment(
        Settings(
            models=("mlp", "cnn"),
            epochs=1,
            repeats=1,
            train_limit=3000,
            test_limit=100,
            device="cpu",
            threads=1,
            results=str(tmp_path_factory.mktemp("results")),
        )
    )


@pytest.fixture(scope="module")
def exported(record: ExperimentRecord) -> dict[str, bytes]:
    """The ONNX file of each."""
    results = record.folder.parent
    models = record.settings.models
    return {m: export_model(find_trained(results, f"latest/{m}"), "onnx")[1] for m in models}


@torch.inference_mode()
def answers(path: Path, images: torch.Tensor) -> np.ndarray:
    """What the network answers here, [N, 10], to images as the training takes them."""
    model, network = load_network(path)
    network = steady(network.eval())
    found = [predict_proba(network, MODELS[model].prepare(part)) for part in images.split(500)]
    return np.asarray(torch.cat(found).numpy())


def onnx_answers(content: bytes, images: torch.Tensor) -> np.ndarray:
    """What onnxruntime answers to the same, given as grey from 0 to 1."""
    session = onnxruntime.InferenceSession(content)
    grey = (images.numpy()[:, None] / 255).astype(np.float32)
    parts = [grey[start : start + 500] for start in range(0, len(grey), 500)]
    return np.concatenate([session.run([OUTPUT], {INPUT: part})[0] for part in parts])


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_onnx_answers_as_the_network_does_on_every_test_image(
    model: str, record: ExperimentRecord, exported: dict[str, bytes], mnist: Mnist
) -> None:
    ours = answers(record.folder / f"{model}-r1.pt", mnist.test_images)
    theirs = onnx_answers(exported[model], mnist.test_images)
    assert theirs.shape == (10_000, 10)
    assert theirs.dtype == np.float32
    assert np.abs(ours - theirs).max() < CLOSE
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    assert (theirs.argmax(1) == mnist.test_labels.numpy()).mean() > 0.8


@pytest.mark.slow
def test_onnx_brings_mobilenetv2s_pipeline_with_it(
    pretrained: MobileNetV2, mnist: Mnist, tmp_path: Path
) -> None:
    (tmp_path / "any.pt").write_bytes(tensor_bytes(pretrained.state_dict()))
    model, content = export_model(Trained("any.pt", tmp_path / "any.pt"), "onnx")
    assert model == "mobilenetv2"
    images = mnist.test_images[:16]
    ours, theirs = answers(tmp_path / "any.pt", images), onnx_answers(content, images)
    assert np.abs(ours - theirs).max() < CLOSE
    assert ours.std(0).min() > 10 * CLOSE  # or any answer would be right


@pytest.mark.parametrize("count", [1, 3])
def test_onnx_takes_any_number_of_images(
    count: int, exported: dict[str, bytes], mnist: Mnist
) -> None:
    assert onnx_answers(exported["mlp"], mnist.test_images[:count]).shape == (count, 10)


def test_onnx_says_what_it_is_and_what_it_takes(
    exported: dict[str, bytes], record: ExperimentRecord
) -> None:
    proto = onnx.load_from_string(exported["cnn"])
    onnx.checker.check_model(proto, full_check=True)
    (given,), (told,) = proto.graph.input, proto.graph.output
    shapes = [
        [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (given, told)
    ]
    assert (given.name, told.name) == ("images", "probabilities")
    assert shapes == [["batch", 1, 28, 28], ["batch", 10]]
    described = {entry.key: entry.value for entry in proto.metadata_props}
    assert described["model"] == "cnn"
    assert described["run"] == f"{record.id}/cnn-r1"
    assert float(described["test_accuracy"]) == pytest.approx(record.models[1].test_accuracy.mean)
    assert "0 (black) to 1" in described[INPUT] == given.doc_string


def test_onnx_does_not_tell_where_it_was_made(exported: dict[str, bytes]) -> None:
    here = str(Path(__file__).parents[2]).encode()
    assert all(here not in content for content in exported.values())


def test_safetensors_are_the_weights_and_what_they_need(record: ExperimentRecord) -> None:
    from safetensors.torch import load

    trained = find_trained(record.folder.parent, "latest/cnn")
    _, content = export_model(trained, "safetensors")
    network = MODELS["cnn"].build()
    network.load_state_dict(load(content))
    expected = load_network(trained.path)[1].state_dict()
    assert all(bool((value == expected[name]).all()) for name, value in load(content).items())
    with_header = io.BytesIO(content)
    length = int.from_bytes(with_header.read(8), "little")
    header = with_header.read(length).decode()
    for part in ('"model":"cnn"', '"run":"' + trained.name, "- 0.1307) / 0.3081"):
        assert part in header


def test_preprocessing_in_words_is_that_of_the_pipeline() -> None:
    from engine.export_model import PREPROCESSING

    assert PREPROCESSING.keys() == MODELS.keys()
    black = MODELS["mobilenetv2"].prepare(torch.zeros(1, 28, 28))[0, :, 0, 0]
    white = MODELS["mobilenetv2"].prepare(torch.full((1, 28, 28), 255.0))[0, :, 0, 0]
    std = 1 / (white - black)
    words = PREPROCESSING["mobilenetv2"]
    assert str([round(value, 3) for value in std.tolist()]) in words
    assert str(list(IMAGENET_MEAN)) in words
    assert (-black * std).tolist() == pytest.approx(IMAGENET_MEAN)


def test_a_plain_file_holds_tensors_alone(record: ExperimentRecord) -> None:
    trained = find_trained(record.folder.parent, "latest/mlp")
    _, content = export_model(trained, "pt")
    state = torch.load(io.BytesIO(content), weights_only=True)
    MODELS["mlp"].build().load_state_dict(state)


@pytest.mark.parametrize(
    ("format", "missing"),
    [("onnx", "onnxscript"), ("onnx", "onnx"), ("safetensors", "safetensors.torch")],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    format: str, missing: str, record: ExperimentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExportError) as caught:
        export_model(find_trained(record.folder.parent, "latest"), format)
    package = missing.partition(".")[0]
    one_line(caught.value, f"{package} is not installed: pip install {package}")


def command(record: ExperimentRecord, *arguments: str) -> int:
    """The exit code of the command in this process."""
    try:
        return main(["export-model", *arguments, "--results", str(record.folder.parent)])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_command_writes_a_file_named_as_the_run_and_nothing_over_another(
    record: ExperimentRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mlp-r1.onnx"
    assert command(record, "latest/mlp", "--format", "onnx") == 0
    out, err = capfd.readouterr()
    assert out == "mlp-r1.onnx\n"
    first, *described = err.splitlines()
    assert first.startswith(f"{record.id}/mlp-r1: mlp, test accuracy ")
    assert [line.partition(":")[0] for line in described] == [INPUT, OUTPUT]
    assert onnx.load_from_string(path.read_bytes()).graph.node

    path.write_text("mine")
    assert command(record, "latest/mlp", "--format", "onnx") == 2
    assert "mlp-r1.onnx: is there already; --force replaces it" in capfd.readouterr().err
    assert path.read_text() == "mine"
    assert command(record, "latest/mlp", "--format", "pt", "--output", str(path), "--force") == 0
    assert (
        path.read_bytes() == export_model(find_trained(record.folder.parent, "latest/mlp"), "pt")[1]
    )
    assert [each.name for each in tmp_path.iterdir()] == ["mlp-r1.onnx"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("latest/mobilenetv2", "--format", "pt"), "has no experiment with weights"),
        (("latest", "--format", "h5"), "invalid choice: 'h5'"),
        (("latest",), "--format"),
        (("latest", "--format", "pt", "--output", "nowhere/a.pt"), "nowhere/a.pt: cannot be wr"),
    ],
)
def test_command_refuses_in_one_line(
    arguments: tuple[str, ...],
    problem: str,
    record: ExperimentRecord,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(record, *arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1
    assert problem in err


def test_command_knows_the_formats_without_torch() -> None:
    assert tuple(FORMATS) == export_model_flags.FORMATS
