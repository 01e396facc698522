"""Which device trains, and what it can do.

The one file that knows one kind of device from another: what a device cannot do is a capability
here, not an ``if`` in the training loop. torch is imported inside the functions that need it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import socket
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engine.load import nvidia_driver
from engine.one_line import OneLineError
from engine.settings import Settings

if TYPE_CHECKING:
    import torch

ACCELERATORS = ("cuda", "xpu", "mps")
NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""How allocators say it."""
X86 = ("x86_64", "AMD64")
"""What ``platform.machine`` calls it."""


class DeviceError(OneLineError, ValueError):
    """The device that was asked for is not there."""


@dataclass(frozen=True)
class Capabilities:
    """What the training code may use on a device."""

    feature_dtype: torch.dtype
    """Frozen networks run in this dtype."""
    feature_batch: int
    """Images at once through a frozen network; on a CPU few, so that activations stay in cache."""
    fused_convolutions: bool
    """Whether convolutions can do what follows them as well; see ``engine.fused``."""
    evaluation_batch: int
    """Images at once in an evaluation."""
    memory_format: torch.memory_format
    """Of convolution weights and inputs."""
    fused_optimizer: bool
    """Whether Adam updates all parameters in one kernel."""
    fast_bf16: bool
    """Whether bfloat16 is computed faster than float32."""
    cuda_graphs: bool
    """Whether a training step can be recorded and replayed."""


def available_devices() -> list[str]:
    """Names that ``choose_device`` accepts on this machine, best first."""
    import torch

    names = []
    for kind in ACCELERATORS:
        backend = getattr(torch, kind)
        if backend.is_available():
            count = backend.device_count()
            names += [kind] if count == 1 else [f"{kind}:{index}" for index in range(count)]
    return [*names, "cpu"]


def choose_device(name: str) -> torch.device:
    """Return the device for a ``device`` setting; ``auto`` takes the best there is.

    Raises:
        DeviceError: there is no such device here; the text lists those that are.
    """
    import torch

    available = available_devices()
    if name == "auto":
        return torch.device(available[0])
    kind, _, index = name.partition(":")
    if name != "cpu" and int(index or 0) >= _count(kind):
        raise DeviceError(f"device: {name!r} is not there; available: {', '.join(available)}")
    return torch.device(name)


def choose_devices(settings: Settings) -> list[torch.device]:
    """The device of each worker that the settings ask for.

    Raises:
        DeviceError: one is not there, or the workers would have to share it.
    """
    if settings.devices == "all":
        best = choose_device("auto").type
        names = [name for name in available_devices() if name.partition(":")[0] == best]
    else:
        names = settings.device_names
    chosen = [choose_device(name) for name in names]
    if settings.workers > 1 and chosen[0].type != "cpu":
        raise DeviceError(
            f"workers: {settings.workers} would share {chosen[0]}; workers are for the CPU, "
            f"give device cpu, or devices, such as {','.join(available_devices()[:-1])}"
        )
    return chosen


def _count(kind: str) -> int:
    import torch

    if kind not in ACCELERATORS or not getattr(torch, kind).is_available():
        return 0
    return int(getattr(torch, kind).device_count())


def capabilities(device: torch.device) -> Capabilities:
    """What ``device`` can do."""
    import torch

    on_cpu = device.type == "cpu"
    fast_bf16 = _has_fast_bf16(device)
    other_dtype = torch.bfloat16 if on_cpu and fast_bf16 else torch.float32
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return Capabilities(
        feature_dtype=torch.float16 if device.type == "cuda" else other_dtype,
        feature_batch=(8 if fast_bf16 else 4) if on_cpu else 256,
        fused_convolutions=on_cpu and platform.machine() in X86 and has_onednn,
        evaluation_batch=500 if on_cpu else 2000,
        memory_format=(torch.contiguous_format if device.type == "mps" else torch.channels_last),
        fused_optimizer=device.type in ("cpu", "cuda"),
        fast_bf16=fast_bf16,
        cuda_graphs=device.type == "cuda",
    )


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether the device has units that multiply bfloat16 matrices, as other ones do float32."""
    import torch

    if device.type == "cuda":
        # 8.0: Ampere's tensor cores.
        return torch.cuda.is_available() and torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def configure(device: torch.device, deterministic: bool) -> None:
    """Set what torch sets for the whole process; called before every experiment.

    Args:
        device: that will train.
        deterministic: whether only algorithms shall run that give the same bits every time.
    """
    import torch

    if deterministic != torch.are_deterministic_algorithms_enabled():
        # Not called in vain: it imports torch's compiler, which takes longer than torch itself.
        torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # a CUDA graph is recorded on the present device
        # Needed where it is deterministic; read when the first handle is made, so it is always set.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.set_float32_matmul_precision("high")  # TF32 where float32 is asked for
        torch.backends.cudnn.benchmark = not deterministic  # try the kernels, take the fastest


def physical_cores() -> int:
    """CPU cores that this process may use, hyper-threads not counted."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))


def runs_side_by_side(kind: str, small: bool) -> int:
    """How many runs of a network train side by side, unless a setting says otherwise.

    Args:
        kind: of device.
        small: whether its matrices are small. On a CPU one convolution keeps all cores busy; an
            accelerator waits for its next kernel.
    """
    return 10 if small or kind != "cpu" else 1


def feature_workers(device: torch.device, setting: int) -> int:
    """Threads that compute frozen features: on a CPU one a core, or as the ``threads`` setting
    says; elsewhere one, which only feeds the device.
    """
    return (setting or physical_cores()) if device.type == "cpu" else 1


def use_threads(setting: int, small_networks: int, cores: int = 0) -> int:
    """Set torch's CPU threads for runs that train side by side and return their number.

    Args:
        setting: the ``threads`` setting; 0 for auto.
        cores: those that auto may use; 0 for all.
        small_networks: how many train, if their matrices are so small that a second thread costs
            one of them more than it gives: threads wait for each other at every matrix, and on a
            busy machine they wait long. So each has two networks at least. 0 for large ones.
    """
    import torch

    cores = cores or physical_cores()
    threads = setting or (min(cores, max(1, small_networks // 2)) if small_networks else cores)
    torch.set_num_threads(threads)
    return threads


def synchronize(device: torch.device) -> None:
    """Wait until ``device`` has done everything it was given, so that a clock reads true."""
    import torch

    if device.type == "mps":
        torch.mps.synchronize()
    elif device.type != "cpu":
        getattr(torch, device.type).synchronize(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory left for what was tried."""
    import torch

    # The CPU's and Apple's allocators say so in words alone.
    words = isinstance(error, RuntimeError) and (any(sign in str(error) for sign in NO_MEMORY))
    return words or isinstance(error, torch.OutOfMemoryError | MemoryError)


def free_cache(device: torch.device) -> None:
    """Give back memory that nothing uses any more."""
    import torch

    gc.collect()
    if device.type in ACCELERATORS:
        getattr(torch, device.type).empty_cache()


def start_peak_memory(device: torch.device) -> None:
    """Begin to measure ``peak_memory`` anew, where the system can."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):  # Linux: forget the process's peak so far
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory(device: torch.device) -> int:
    """Bytes since ``start_peak_memory``: the most allocated on a CUDA device; elsewhere the most
    that the whole process had in memory, or has now where the system does not say.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)


def device_name(device: torch.device) -> str:
    """The product name of a device, as its driver gives it."""
    import torch

    if device.type in ("cuda", "xpu"):
        return str(getattr(torch, device.type).get_device_name(device))
    return _cpu_name()


@cache
def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_features() -> list[str]:
    """What torch uses of this CPU: its widest vectors, and its ways to compute bfloat16."""
    import torch

    able = torch.cpu.get_capabilities()
    bf16 = {"avx512_bf16": "bfloat16 vectors", "amx_bf16": "bfloat16 matrices (AMX)"}
    found = [text for name, text in bf16.items() if able.get(name, False)]
    return [torch.backends.cpu.get_cpu_capability(), *found]


def compute_capability(device: torch.device) -> str:
    """Of an NVIDIA GPU, such as "9.0"; empty for any other device."""
    import torch

    if device.type != "cuda":
        return ""
    major, minor = torch.cuda.get_device_capability(device)
    return f"{major}.{minor}"


def cuda_version() -> str:
    """The CUDA that torch was built for, such as "13.0"; empty if it was built without."""
    import torch

    return torch.version.cuda or ""


def unused_gpu() -> tuple[str, str]:
    """Why torch uses no GPU where NVIDIA's driver is, and what to do; empty where all is well."""
    import torch

    driver = nvidia_driver()
    if not driver or torch.cuda.is_available():
        return "", ""
    if not cuda_version():
        return f"cannot use a GPU, though there is driver {driver}", "install torch with CUDA"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides the GPU", "unset CUDA_VISIBLE_DEVICES"
    reason = f"no GPU found, though there is driver {driver}"
    return reason, f"install a driver for CUDA {cuda_version()}, or torch for an earlier CUDA"


def environment(device: torch.device, threads: int) -> dict[str, str | int]:
    """What an experiment runs on, for its summary; ``threads`` is the setting, 0 for auto."""
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": installed("torchvision"),
        "mnist_tui": installed("mnist-tui"),
        "device": str(device),
        "device_name": device_name(device),
        "driver": nvidia_driver() if device.type == "cuda" else "",
        "host": socket.gethostname(),
        "threads": threads or physical_cores(),
    }


def installed(distribution: str) -> str:
    """The version of an installed package; "unknown" of one that is not."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
