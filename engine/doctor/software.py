"""Python, torch, and whether torch is made for this machine's GPU."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from engine.device import cuda_version, installed, unused_gpu
from engine.doctor.check import Check
from engine.settings import Settings


def python(settings: Settings) -> Iterator[Check]:
    """The versions of Python and of this program."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("python", "ok", f"{found}, mnist-tui {installed('mnist-tui')}")


def torch_build(settings: Settings) -> Iterator[Check]:
    """The versions of torch; a warning if there is a GPU that this torch cannot use."""
    import torch

    versions = f"{torch.__version__}, torchvision {installed('torchvision')}"
    found = f"{versions}, {f'for CUDA {cuda_version()}' if cuda_version() else 'without CUDA'}"
    reason, advice = unused_gpu()
    if reason:
        yield Check("torch", "warning", f"{found}: {reason}", advice)
    else:
        yield Check("torch", "ok", found)
