"""The three networks: their layers, sizes and weights."""

from __future__ import annotations

import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_support import one_line
from torch import Tensor, nn
from torch.nn.functional import relu

from engine import assets
from engine.data import Mnist, prepare_28, prepare_224
from engine.models import (
    BUNDLED_WEIGHTS,
    CNN,
    MLP,
    MODELS,
    MobileNetV2,
    WeightsError,
    load_imagenet_weights,
    model_size,
    predict_proba,
)
from engine.settings import MODEL_NAMES


def kinds(module: nn.Module) -> list[type[nn.Module]]:
    """The classes of a module's leaves, in their order."""
    return [type(part) for part in module.modules() if not list(part.children())]


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter by name."""
    return {name: tuple(value.shape) for name, value in module.named_parameters()}


def test_table_names_the_models_of_the_settings_in_their_order() -> None:
    assert tuple(MODELS) == MODEL_NAMES


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [("mlp", 79_510, 79_510), ("cnn", 50_186, 50_186), ("mobilenetv2", 2_236_682, 12_810)],
)
def test_parameter_counts_are_exact(name: str, parameters: int, trainable: int) -> None:
    size = model_size(name, MODELS[name].build())
    assert (size.name, size.parameters, size.trainable_parameters) == (name, parameters, trainable)


def test_mlp_is_flatten_linear_relu_linear() -> None:
    model = MLP()
    assert kinds(model) == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]
    assert list(shapes(model).values()) == [(100, 784), (100,), (10, 100), (10,)]


def test_cnn_has_the_layers_of_the_notebook() -> None:
    model = CNN()
    assert kinds(model) == [
        nn.Conv2d,
        nn.MaxPool2d,
        nn.ReLU,
        nn.Conv2d,
        nn.MaxPool2d,
        nn.Flatten,
        nn.Linear,
    ]
    assert list(shapes(model).values()) == [
        (32, 1, 3, 3),
        (32,),
        (64, 32, 3, 3),
        (64,),
        (10, 3136),
        (10,),
    ]
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
        if isinstance(layer, nn.MaxPool2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == (2, 2, 0)


def test_mlp_forward_equals_its_matrices_written_out() -> None:
    model, images = MLP(), torch.randn(4, 1, 28, 28)
    first, first_bias, second, second_bias = model.parameters()
    hidden = relu(images.reshape(4, 784) @ first.T + first_bias)
    torch.testing.assert_close(model(images), hidden @ second.T + second_bias)


def test_cnn_forward_equals_its_layers_written_out() -> None:
    model, images = CNN(), torch.randn(4, 1, 28, 28)
    one, one_bias, two, two_bias, last, last_bias = model.parameters()
    maps = torch.conv2d(images, one, one_bias, padding=1)
    maps = relu(torch.max_pool2d(maps, 2))
    maps = torch.max_pool2d(torch.conv2d(maps, two, two_bias, padding=1), 2)
    torch.testing.assert_close(model(images), maps.reshape(4, 3136) @ last.T + last_bias)


def test_mobilenetv2_has_the_state_dict_keys_and_shapes_of_torchvision() -> None:
    from torchvision.models import mobilenet_v2

    ours, theirs = MobileNetV2().state_dict(), mobilenet_v2(num_classes=10).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in theirs.items()
    }


def test_mobilenetv2_forward_equals_torchvision_with_the_same_weights(
    pretrained: MobileNetV2, mnist: Mnist
) -> None:
    from torchvision.models import mobilenet_v2

    theirs = mobilenet_v2(num_classes=10)
    theirs.load_state_dict(pretrained.state_dict())
    inputs = prepare_224(mnist.test_images[:2])
    with torch.inference_mode():
        torch.testing.assert_close(pretrained(inputs), theirs.eval()(inputs), atol=1e-4, rtol=1e-4)


def test_mobilenetv2_classifier_is_dropout_and_one_linear_layer() -> None:
    classifier = MobileNetV2().classifier
    assert kinds(classifier) == [nn.Dropout, nn.Linear]
    assert classifier[0].p == 0.2
    assert shapes(classifier) == {"1.weight": (10, 1280), "1.bias": (10,)}


def test_mobilenetv2_train_leaves_the_frozen_features_in_eval_mode() -> None:
    model = MobileNetV2().train()
    assert model.training
    assert model.classifier.training
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 52
    assert not any(norm.training for norm in norms)
    assert not model.eval().classifier.training


def test_mobilenetv2_training_step_changes_only_the_classifier() -> None:
    model = MobileNetV2().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(
        [value for value in model.parameters() if value.requires_grad], lr=0.1
    )
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert changed == {"classifier.1.weight", "classifier.1.bias"}


@pytest.mark.parametrize(("build", "prepare"), [(MLP, prepare_28), (CNN, prepare_28)])
def test_forward_gives_logits_and_predict_proba_sums_to_one(
    build: type[nn.Module], prepare: Any, mnist: Mnist
) -> None:
    model = build().eval()
    inputs = prepare(mnist.test_images[:16])
    with torch.inference_mode():
        logits, probabilities = model(inputs), predict_proba(model, inputs)
    assert logits.shape == probabilities.shape == (16, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(16))
    assert logits.min() < 0
    torch.testing.assert_close(probabilities.sum(1), torch.ones(16))
    torch.testing.assert_close(probabilities, logits.exp() / logits.exp().sum(1, keepdim=True))


def test_bundled_weights_fill_every_feature_and_leave_the_classifier(
    pretrained: MobileNetV2,
) -> None:
    torch.manual_seed(3)
    model = MobileNetV2()
    classifier = model.classifier[1].weight.clone()
    random = {name: value.clone() for name, value in model.features.state_dict().items()}
    load_imagenet_weights(model, "bundled")
    assert torch.equal(model.classifier[1].weight, classifier)
    loaded = model.features.state_dict()
    same = [name for name in loaded if torch.equal(loaded[name], random[name])]
    assert all("num_batches_tracked" in name for name in same), same


def test_damaged_bundled_weights_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mobilenet_v2").mkdir()
    shutil.copy(assets.FOLDER / "SHA256SUMS", tmp_path)
    content = bytearray((assets.FOLDER / BUNDLED_WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / BUNDLED_WEIGHTS).write_bytes(content)
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(assets.AssetError) as caught:
        load_imagenet_weights(MobileNetV2(), "bundled")
    one_line(caught.value, str(tmp_path / BUNDLED_WEIGHTS), "damaged")


def serve(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Tensor] | Exception) -> None:
    """Let torchvision's download give ``answer``."""
    from torchvision.models import MobileNet_V2_Weights

    def get_state_dict(*_: object, **__: object) -> dict[str, Tensor]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(MobileNet_V2_Weights, "get_state_dict", get_state_dict)


def test_downloaded_weights_replace_the_features(
    monkeypatch: pytest.MonkeyPatch, pretrained: MobileNetV2
) -> None:
    state = {name: value + 1 for name, value in pretrained.state_dict().items()}
    serve(monkeypatch, {**state, "classifier.1.weight": torch.zeros(1000, 1280)})
    model = MobileNetV2()
    load_imagenet_weights(model, "IMAGENET1K_V2")
    torch.testing.assert_close(model.features[0][0].weight, state["features.0.0.weight"])


def test_weights_that_cannot_be_downloaded_give_one_line_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(monkeypatch, urllib.error.URLError("Name or service not known"))
    with pytest.raises(WeightsError) as caught:
        load_imagenet_weights(MobileNetV2(), "IMAGENET1K_V1")
    one_line(caught.value, "IMAGENET1K_V1", "Name or service not known", "bundled")


def test_weights_that_do_not_fit_are_a_weights_error(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {"features.0.0.weight": torch.zeros(1)})
    with pytest.raises(WeightsError):
        load_imagenet_weights(MobileNetV2(), "IMAGENET1K_V1")
