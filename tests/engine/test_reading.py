"""A trained network reads digits one at a time, as it read them in the test."""

from __future__ import annotations

import pytest
import torch

from engine.data import Mnist
from engine.events import Snapshot
from engine.experiment import run_experiment
from engine.inspection import Digits, feature_maps, first_layer, load_test_digits
from engine.models import CNN, MLP, MODELS, MobileNetV2, trained_part
from engine.reading import BOX, centred, make_reader, to_tensor
from engine.records import ExperimentRecord
from engine.settings import Settings

Trained = tuple[ExperimentRecord, dict[str, Snapshot]]


def as_bytes(image: torch.Tensor) -> bytes:
    return bytes(image.flatten().tolist())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """An experiment with the last snapshot of each model."""
    folder = str(tmp_path_factory.mktemp("results"))
    settings = Settings(
        models=("mlp", "cnn"), epochs=2, repeats=1, train_limit=2000, test_limit=300,
        results=folder, device="cpu", save_weights=False,
    )  # fmt: skip
    snapshots: dict[str, Snapshot] = {}

    def keep(event: object) -> None:
        if isinstance(event, Snapshot):
            snapshots[event.run.model] = event

    record = run_experiment(settings, keep)
    return record, snapshots


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_a_reader_answers_as_the_network_did_in_its_test(model: str, trained: Trained) -> None:
    record, snapshots = trained
    digits, snapshot = load_test_digits(record.settings), snapshots[model]
    assert len(digits) == len(snapshot.predicted) == len(snapshot.confidence) == 300
    read = make_reader(model, snapshot.weights)
    for number in range(40):
        answer = read(digits.image(number))
        assert sum(answer) == pytest.approx(1, abs=1e-5)
        assert answer.index(max(answer)) == snapshot.predicted[number]
        assert round(max(answer) * 255) == pytest.approx(snapshot.confidence[number], abs=1)


def test_snapshots_agree_with_the_summary(trained: Trained) -> None:
    record, snapshots = trained
    digits = load_test_digits(record.settings)
    for run in record.runs.values():
        snapshot = snapshots[run.id.model]
        hits = sum(a == b for a, b in zip(snapshot.predicted, digits.labels, strict=True))
        assert run.last is not None
        assert snapshot.epoch == run.last.epoch == 2
        assert hits / 300 == pytest.approx(run.last.test_accuracy)


def test_test_digits_are_those_of_the_files(mnist: Mnist) -> None:
    digits = load_test_digits(Settings(test_limit=5))
    assert digits == Digits(as_bytes(mnist.test_images[:5]), as_bytes(mnist.test_labels[:5].byte()))
    assert digits.image(3) == as_bytes(mnist.test_images[3])


def test_mobilenetv2_reads_with_its_imagenet_features() -> None:
    torch.manual_seed(1)
    classifier = MobileNetV2().classifier[1]
    read = make_reader("mobilenetv2", classifier.state_dict())
    image = load_test_digits(Settings(test_limit=1)).image(0)
    assert sum(read(image)) == pytest.approx(1, abs=1e-5)
    assert read(image) == read(image)


@pytest.mark.parametrize("model", MODELS)
def test_making_a_reader_takes_no_random_number_from_a_training(model: str) -> None:
    torch.manual_seed(1)
    weights = trained_part(MODELS[model].build()).state_dict()
    before = torch.get_rng_state()
    make_reader(model, weights)
    assert torch.equal(torch.get_rng_state(), before)


def test_first_layers_are_pictures_of_the_weights() -> None:
    mlp, cnn = MLP(), CNN()
    pictures = first_layer("mlp", mlp.state_dict())
    assert [(p.width, len(p.pixels)) for p in pictures] == [(28, 784)] * 100
    weights = mlp.state_dict()["layers.1.weight"]
    for unit in (0, 99):
        signs = [(pixel > 128) - (pixel < 128) for pixel in pictures[unit].pixels]
        differ = [s for s, w in zip(signs, weights[unit].tolist(), strict=True) if s * w < 0]
        assert not differ
    assert [(p.width, len(p.pixels)) for p in first_layer("cnn", cnn.state_dict())] == [(3, 9)] * 32
    assert first_layer("mobilenetv2", {}) == []


def test_feature_maps_are_the_first_layers_outputs(mnist: Mnist) -> None:
    from engine.data import prepare_28

    cnn = CNN()
    image = mnist.test_images[0]
    maps = feature_maps(cnn.state_dict(), as_bytes(image))
    with torch.inference_mode():
        expected = cnn.layers[:3](prepare_28(image).unsqueeze(0))[0]
    assert [(p.width, len(p.pixels)) for p in maps] == [(14, 196)] * 32
    for found, exact in zip(maps, expected, strict=True):
        shades = (torch.tensor(list(found.pixels)).view(14, 14) / 255) ** 2 * expected.max()
        assert torch.allclose(shades, exact, atol=float(expected.max()) / 200)


def test_a_small_drawing_in_a_corner_becomes_a_digit_in_the_middle() -> None:
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[1:9, 2:5] = 255
    result = to_tensor(centred(as_bytes(image)))
    rows, columns = result.sum(1).nonzero().flatten(), result.sum(0).nonzero().flatten()
    assert len(rows) == BOX
    assert int(rows[0]) == 28 - 1 - int(rows[-1])
    assert abs(int(columns[0]) - (28 - 1 - int(columns[-1]))) <= 1


def test_mnists_own_digits_hardly_move(mnist: Mnist) -> None:
    for image in mnist.test_images[:50]:
        moved = to_tensor(centred(as_bytes(image)))
        assert (moved.float() - image.float()).abs().mean() < 40


def test_an_empty_drawing_stays_empty_and_one_dot_is_no_error() -> None:
    assert centred(bytes(784)) == bytes(784)
    assert any(centred(bytes(783) + b"\xff"))
