"""What the network of a model costs to use, measured on the device that has trained it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from engine.control import StopRequested
from engine.device import synchronize
from engine.events import Cost, Notice
from engine.models import MODELS, MobileNetV2, predict_proba
from engine.one_line import one_line
from engine.workbench import Workbench

MOST_TIMES, MOST_SECONDS = 50, 0.01
"""Something is timed so often or so long, whichever ends first…"""
LEAST_TIMES, LONGEST_SECONDS = 3, 0.05
"""…but so often where that takes no longer than so long, and once at least."""


def measure_cost(model: str, bench: Workbench) -> Cost:
    """Measure what reading digits takes, in float32, with the threads that torch has now.

    The network is a new one, whose weights make no difference; nothing of a run is touched. What
    cannot be measured is said in a notice and is None.

    Raises:
        StopRequested: the experiment was told to end.
    """
    figures: dict[str, float] = {}
    try:
        _measure(model, bench, figures)
    except StopRequested:
        raise
    except Exception as error:  # of no weight beside a run that went well
        reason = one_line(" ".join(str(error).split()) or type(error).__name__, 300)
        bench.emit(Notice("warning", f"{model}: what it costs to use is not measured: {reason}"))
    return Cost(**figures)  # type: ignore[arg-type]  # operations are whole


@torch.inference_mode()
def _measure(model: str, bench: Workbench, figures: dict[str, float]) -> None:
    """Fill in the fields of a Cost, those first that ask the least."""
    prepare = MODELS[model].prepare
    network = _new(model, bench)

    def seconds_for(images: Tensor) -> float:
        return _seconds(lambda: predict_proba(network, prepare(images)), bench)

    frozen = isinstance(network, MobileNetV2)
    count = bench.able.feature_batch if frozen else max(1, bench.able.evaluation_batch // 2)
    digits = bench.mnist.test_images
    images = digits[torch.arange(count, device=digits.device) % len(digits)]
    figures["flops_per_image"] = flops(network, prepare(images[:1]))
    figures["latency_seconds"] = seconds_for(images[:1])
    figures["inference_images_per_second"] = count / seconds_for(images)


def _new(model: str, bench: Workbench) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # the initial weights take no run's random numbers
        network = MODELS[model].build()
    return network.eval().to(bench.device).to(memory_format=bench.able.memory_format)


def flops(network: nn.Module, inputs: Tensor) -> int:
    """Floating-point operations of the linear and convolutional layers, two for every weight that
    is multiplied and added, as torch's ``FlopCounterMode`` counts them.

    Counted here because importing that counter takes longer than to train a small network.

    Args:
        network: whose other layers are not counted.
        inputs: prepared, as it takes them.
    """
    counts: list[int] = []

    def count(layer: nn.Module, _: object, outputs: Tensor) -> None:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            counts.append(2 * outputs.numel() * layer.weight[0].numel())

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    network(inputs)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def _seconds(work: Callable[[], object], bench: Workbench) -> float:
    """The median time that ``work`` takes. The first time, which makes ready what the others
    reuse, does not count.
    """
    work()
    times: list[float] = []
    while (
        not times
        or (len(times) < LEAST_TIMES and sum(times) < LONGEST_SECONDS)
        or (len(times) < MOST_TIMES and sum(times) < MOST_SECONDS)
    ):
        bench.control.check_epoch()
        synchronize(bench.device)
        began = time.perf_counter()
        work()
        synchronize(bench.device)
        times.append(time.perf_counter() - began)
    return median(times)
