"""Everything of the engine's that is looked at, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.doctor.check import Check, Examination
from engine.doctor.computing import speed, training
from engine.doctor.machine import cpu, device, gpus, memory, threads
from engine.doctor.software import python, torch_build
from engine.doctor.stored import cache, data, results, weights
from engine.settings import Settings

EXAMINATIONS = (
    Examination("python", python, "install mnist-tui again, in an environment of its own"),
    Examination("torch", torch_build, "install mnist-tui again, in an environment of its own"),
    Examination("cpu", cpu, "install torch again", needs_torch=True),
    Examination("threads", threads, "install psutil again"),
    Examination("memory", memory, "install psutil again"),
    Examination(
        "gpu", gpus, "look at nvidia-smi; --device cpu trains without a GPU", needs_torch=True
    ),
    Examination("device", device, "give --device auto, or one that is there", needs_torch=True),
    Examination("data", data, "leave --data out, for the bundled images", needs_torch=True),
    Examination("weights", weights, "train with --model mlp --model cnn", needs_torch=True),
    Examination("results", results, "give --results a folder that can be written to"),
    Examination("cache", cache, "give --cache-folder, or --cache false"),
    Examination(
        "speed", speed, "train with --device cpu; look at nvidia-smi, or restart", needs_torch=True
    ),
    Examination(
        "training", training, "train with --device cpu; install torch again", needs_torch=True
    ),
)


def checks(settings: Settings) -> Iterator[Check]:
    """Look at everything; each check comes as soon as it is known. Raises nothing.

    Without torch all is looked at that can be without.
    """
    torch_works = True
    for examination in EXAMINATIONS:
        if examination.needs_torch and not torch_works:
            continue
        for check in examination.checks(settings):
            if check.name == "torch" and check.state == "problem":
                torch_works = False
                check = replace(check, found=f"{check.found}; nothing that trains works")
            yield check
