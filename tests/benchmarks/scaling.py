"""How much quicker several workers finish the same runs, and what handing them out costs.

    python tests/benchmarks/scaling.py [--rounds N] [--only workers ray mailbox bytes coordinator]

Contenders take turns, so that a busy moment of the machine hits them all. Throughput is of
experiments until the last run has ended, the start of the workers included; ratios are of the
medians of the rounds.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine import Settings, run_experiment
from engine.device import device_name, physical_cores
from engine.events import (
    EpochFinished,
    EpochResult,
    Event,
    ExperimentStarted,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.executors.messages import Message
from engine.records import ExperimentRecord
from engine.results import Journal

PARTS = ("workers", "ray", "mailbox", "bytes", "coordinator")
SHORT = Settings(
    models=("cnn",), epochs=2, repeats=8, train_limit=10_000, test_limit=1000, device="cpu"
)
"""Eight runs that take some seconds each."""
LONG = replace(SHORT, repeats=4, epochs=4)
"""Four that take 20 seconds or more."""
MEAN_CHECKPOINT = 900_000
"""Bytes, of an mlp; the others' are smaller or not much larger."""
WORKERS = {
    "1 worker, 1 thread": replace(SHORT, workers=1, threads=1),
    "1 worker, 2 threads": replace(SHORT, workers=1, threads=2),
    "2 workers, 1 thread each": replace(SHORT, workers=2, threads=2),
}
ON_RAY = {
    "2 worker processes": replace(LONG, workers=2, threads=2),
    "2 tasks of Ray": replace(LONG, ray="local", threads=1),
}


def seconds(settings: Settings) -> tuple[float, float]:
    """Of an experiment until its last run has ended, and of the mean run in it.

    Starting and ending Ray, which take as long for a thousand runs, are not in it.
    """
    told: list[tuple[type[Event], float]] = []
    with tempfile.TemporaryDirectory() as folder:
        record = run_experiment(
            replace(settings, results=folder),
            lambda event: told.append((type(event), time.perf_counter())),
        )
    assert record.status == "finished", record.status
    begun = next(when for kind, when in told if kind is ExperimentStarted)
    ended = max(when for kind, when in told if kind is RunFinished)
    runs = [run.finished.seconds for run in record.runs.values() if run.finished]
    return ended - begun, statistics.mean(runs)


def compare(contenders: dict[str, Settings], rounds: int) -> None:
    """Print the throughput of each, and its ratio to the first."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, settings in contenders.items():
            times[name].append(seconds(settings))
            print(f"  {name}: {times[name][-1][0]:.1f} s, a run {times[name][-1][1]:.1f} s")
    first = 0.0
    for name, settings in contenders.items():
        median = statistics.median(whole for whole, _ in times[name])
        images = settings.repeats * settings.epochs * settings.train_limit
        first = first or images / median
        print(
            f"{name:26} {images / median:8,.0f} images/s  {images / median / first:5.2f}x  "
            f"{', '.join(f'{whole:.1f}' for whole, _ in times[name])} s"
        )


def traffic() -> None:
    """Print the bytes of what each kind of run sends and is sent, as they are pickled."""
    from engine.executors import hand_out

    sizes: dict[str, Counter[str]] = {}
    counts: dict[str, Counter[str]] = {}
    take = hand_out.HandOut._take

    def weighed(self: hand_out.HandOut, place: str, message: Message) -> None:
        group = self._under_way.get(place)
        if group is not None:
            model, kind = group.task.runs[0].model, type(message).__name__
            sizes.setdefault(model, Counter())[kind] += len(pickle.dumps(message))
            counts.setdefault(model, Counter())[kind] += 1
        take(self, place, message)

    hand_out.HandOut._take = weighed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            epochs=10,
            repeats=1,
            workers=2,
            train_limit=600,
            test_limit=1000,
            results=folder,
            device="cpu",
        )
        run_experiment(settings)
    for model, parts in sizes.items():
        for kind, size in parts.most_common():
            count = counts[model][kind]
            print(f"{model:12} {kind:14} {count:5} x {size // count:10,} = {size:12,} bytes")


def mailbox() -> None:
    """Print how many letters a second Ray's actor takes in from one task, and hands on."""
    import ray

    from engine.executors.mailbox import Mailbox

    ray.init(num_cpus=physical_cores(), include_dashboard=False, log_to_driver=False)
    box = Mailbox.remote()  # type: ignore[attr-defined]
    letter = pickle.dumps([RunStarted(RunId("cnn", 1), 1, 10, 1)])
    ray.get(box.take.remote(0))
    count = 3000
    began = time.perf_counter()
    ray.get([box.exchange.remote("task", letter) for number in range(count)])
    taken = len(ray.get(box.take.remote(0)))
    print(f"{taken / (time.perf_counter() - began):,.0f} letters/s through Ray")
    ray.shutdown()


def coordinator() -> None:
    """Print what the one who hands out does for every finished epoch: saving the checkpoint, and
    the summary, which is written anew and names every run.
    """
    checkpoint = bytes(MEAN_CHECKPOINT)
    result = EpochResult(1, 0.3, 0.9, 0.2, 0.95, 0.003, 2.5, 24_000.0, 0.5)
    for count in (10, 100, 1000):
        with tempfile.TemporaryDirectory() as folder:
            runs = tuple(RunId("cnn", repeat) for repeat in range(1, count + 1))
            settings = Settings(epochs=10, repeats=count, results=folder)
            now = datetime.now(UTC).replace(microsecond=0)
            started = ExperimentStarted("x", Path(folder), now, settings, runs, {"device": "cuda"})
            journal = Journal(ExperimentRecord.begin(started), lambda event: None)
            for run in runs:
                journal.record.record(RunStarted(run, 1, 10, 1))
                for epoch in range(1, 6):
                    journal.record.record(EpochFinished(run, replace(result, epoch=epoch)))
            journal.add(RunStarted(runs[0], 1, 10, 1))
            times = []
            for run in runs[:10]:
                began = time.perf_counter()
                journal.add(EpochFinished(run, replace(result, epoch=6)))
                journal.files.save(Path(folder) / f"resume-{run}.pt", checkpoint)
                times.append(time.perf_counter() - began)
            size = journal.record.summary.stat().st_size
        print(f"{count:5} runs: {1000 * statistics.median(times):7.1f} ms an epoch, {size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS)
    chosen = parser.parse_args()
    import torch

    name = device_name(torch.device("cpu"))
    print(f"{name}, {physical_cores()} cores, torch {torch.__version__}")
    work: dict[str, Callable[[], None]] = {
        "workers": lambda: compare(WORKERS, chosen.rounds),
        "ray": lambda: compare(ON_RAY, chosen.rounds),
        "mailbox": mailbox,
        "bytes": traffic,
        "coordinator": coordinator,
    }
    for part in chosen.only or PARTS:
        work[part]()


if __name__ == "__main__":
    main()
