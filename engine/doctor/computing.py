"""Every device computes: how fast, and whether it comes to what the CPU comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.device import available_devices
from engine.doctor.check import Check
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.doctor.reference import Step

SECONDS = 2.0
"""That each device multiplies."""
ACCURATE = 0.01
"""Greatest error of a product, as part of its length; TensorFloat32, which has 10 bits, comes to
less than a tenth of it."""
TOLERANCE = 0.01
"""Greatest difference of two devices' losses, nats."""


def speed(settings: Settings) -> Iterator[Check]:
    """Matrix products a second on every device."""
    import torch

    from engine.doctor.reference import multiply

    rates: dict[str, float] = {}
    for name in reversed(available_devices()):  # the CPU first
        rate, error = multiply(torch.device(name), settings, SECONDS)
        rates[name] = rate
        found = f"{name}: {rate / 1e9:,.0f} GFLOP/s in float32 matrix products"
        if not error <= ACCURATE:
            advice = "do not trust this device's results; look at its driver"
            yield Check("speed", "problem", f"{found}, wrong by {error:.1%}", advice)
        elif rate < rates["cpu"]:
            yield Check("speed", "warning", f"{found}, less than the CPU", "use --device cpu")
        else:
            yield Check("speed", "ok", found)


def training(settings: Settings) -> Iterator[Check]:
    """A training step of the two small networks on every device, against the CPU's."""
    import torch

    from engine.doctor.reference import first_step

    def steps(name: str) -> dict[str, Step]:
        device = torch.device(name)
        return {model: first_step(model, device, settings) for model in ("mlp", "cnn")}

    *others, cpu = available_devices()
    exact = steps(cpu)
    losses = (f"{model} {step.before:.3f} to {step.after:.3f}" for model, step in exact.items())
    found = f"cpu: one step, loss of {', of '.join(losses)}"
    if all(step.learns for step in exact.values()):
        yield Check("training", "ok", found)
    else:
        yield Check("training", "problem", f"{found}: not less", "install torch again")
    for name in others:
        yield agreement(name, exact, steps(name))


def agreement(name: str, exact: dict[str, Step], found: dict[str, Step]) -> Check:
    """Whether a device's steps are those of the CPU, within ``TOLERANCE``."""
    apart = max(found[model].distance(exact[model]) for model in exact)
    text = f"{name}: losses of one step are the CPU's within {apart:.5f}"
    if apart <= TOLERANCE:
        return Check("training", "ok", f"{text}, allowed {TOLERANCE}")
    advice = "do not trust this device's results; look at its driver, train with --device cpu"
    return Check("training", "problem", f"{text}, allowed {TOLERANCE}", advice)
