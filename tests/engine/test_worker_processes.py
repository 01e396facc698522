"""Runs that are handed out to worker processes: the same bits, whoever trains them and who dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from engine_support import Recorder, one_line

from engine.control import Control
from engine.device import DeviceError
from engine.events import (
    CostMeasured,
    EpochFinished,
    Event,
    Notice,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.executors.executor import executor_for
from engine.executors.local import LocalExecutor
from engine.experiment import resume_experiment, run_experiment
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.results_folder import newest_unfinished
from engine.settings import Settings

pytestmark = pytest.mark.slow

MLP = [RunId("mlp", repeat) for repeat in range(1, 5)]


@pytest.fixture
def two(short: Settings) -> Settings:
    """Three epochs of four runs for two workers."""
    return replace(short, repeats=4, epochs=3, workers=2)


def weights(record: ExperimentRecord) -> dict[str, dict[str, torch.Tensor]]:
    """The saved ones of all runs, by file."""
    return {
        path.name: torch.load(path, weights_only=True)
        for path in sorted(record.folder.glob("*-r*.pt"))
    }


def assert_same_bits(one: ExperimentRecord, other: ExperimentRecord) -> None:
    """Weights, losses and what is read in every test image."""
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)
    assert weights(one)
    for run in one.runs.values():
        also = other.runs[run.id]
        assert [e.test_loss for e in run.epochs] == [e.test_loss for e in also.epochs], run.id
        assert run.finished and also.finished
        assert run.finished.confusion == also.finished.confusion


def of_run(recorder: Recorder, run: RunId) -> list[str]:
    """What was told of a run, in its order, without what may be dropped."""
    rare = RunStarted | EpochFinished | RunFinished | RunFailed
    return [
        f"{type(event).__name__} {event.result.epoch}"
        if isinstance(event, EpochFinished)
        else type(event).__name__
        for event in recorder.events
        if isinstance(event, rare) and event.run == run
    ]


WHOLE = ["RunStarted", *(f"EpochFinished {epoch}" for epoch in (1, 2, 3)), "RunFinished"]


def kill(place: str) -> None:
    """As the system does where memory runs out."""
    workers = {child.name: child.pid for child in multiprocessing.active_children()}
    pid = workers[place]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_two_workers_come_to_the_bits_of_one(two: Settings) -> None:
    settings = replace(two, models=("mlp", "cnn"), repeats=2, train_limit=300)
    recorder = Recorder()
    shared_out = run_experiment(settings, recorder)
    alone = run_experiment(replace(settings, workers=0), executor=LocalExecutor())
    assert_same_bits(shared_out, alone)
    assert {run.place for run in shared_out.runs.values()} == {"worker 1", "worker 2"}
    assert all(of_run(recorder, run) == WHOLE for run in shared_out.runs)
    assert {event.model for event in recorder.of(CostMeasured)} == {"mlp", "cnn"}
    assert len(recorder.of(CostMeasured)) == 2
    assert {p.name for p in shared_out.folder.iterdir()} == {
        p.name for p in alone.folder.iterdir()
    }, "no checkpoint is left, nor anything else"
    assert read_record(shared_out.folder).runs[MLP[0]].place.startswith("worker")
    assert shared_out.environment["workers"] == 2


def test_killed_worker_costs_only_its_run_which_is_trained_again(two: Settings) -> None:
    killed: list[str] = []

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.run == MLP[1] and not killed:
            killed.append(next(e.place for e in recorder.of(RunStarted) if e.run == MLP[1]))
            kill(killed[0])

    recorder = Recorder(react)
    record = run_experiment(two, recorder)
    assert record.status == "finished"
    assert_same_bits(record, run_experiment(replace(two, workers=0)))
    begun = recorder.of(RunStarted)
    assert sorted(event.run for event in begun) == sorted([*MLP, MLP[1]]), "no other was touched"
    first, second = (number for number, event in enumerate(begun) if event.run == MLP[1])
    assert begun[first].place == killed[0]
    others_left = {event.run for event in begun[:second]} != set(MLP)
    assert begun[second].place != killed[0] or not others_left, "elsewhere, if it need not wait"
    told = of_run(recorder, MLP[1])
    assert [each for each in told if each != "RunStarted"] == WHOLE[1:], "no epoch twice"
    notices = [event.text for event in recorder.of(Notice)]
    assert any("SIGKILL" in text and "mlp-r2" in text and killed[0] in text for text in notices)


def test_stopped_workers_leave_what_can_be_resumed_to_the_same_bits(two: Settings) -> None:
    control = Control()

    def react(event: Event) -> None:
        begun = {each.run for each in recorder.of(RunStarted)}
        if isinstance(event, EpochFinished) and begun == {MLP[0]}:
            control.pause()  # until the second is there, too
        elif isinstance(event, RunStarted) and event.run == MLP[1]:
            control.resume()
        elif isinstance(event, EpochFinished) and event.run == MLP[1]:
            control.stop_after_epoch()

    recorder = Recorder(react)
    settings = replace(two, repeats=2, epochs=30)
    stopped = run_experiment(settings, recorder, control)
    assert stopped.status == "stopped"
    assert all(0 < len(run.epochs) < 30 for run in stopped.runs.values())
    assert len(list(stopped.folder.glob("resume-*.pt"))) == 2
    assert newest_unfinished(Path(settings.results)).folder == stopped.folder
    resumed = resume_experiment(stopped.folder)
    assert resumed.status == "finished"
    assert_same_bits(resumed, run_experiment(replace(settings, workers=0)))
    assert not list(resumed.folder.glob("resume*"))


def test_pause_skip_stop_and_the_plan_reach_the_workers(two: Settings) -> None:
    control = Control()
    quiet: list[bool] = []
    changed: list[bool] = []

    def react(event: Event) -> None:
        if isinstance(event, Progress) and event.run == MLP[0] and not changed:
            control.skip_run(MLP[0])
            changed.append(control.plan.change_epochs(MLP[2], -98, 100) == 2)
        if isinstance(event, RunFinished) and event.run == MLP[2]:
            control.pause()

    def look_while_paused() -> None:
        while not control.paused:
            time.sleep(0.01)
        time.sleep(1.0)  # what was on its way has come
        before = len(recorder.events)
        time.sleep(0.5)
        quiet.append(len(recorder.events) == before)
        control.stop()

    recorder = Recorder(react)
    looking = threading.Thread(target=look_while_paused)
    looking.start()
    record = run_experiment(replace(two, epochs=100), recorder, control)
    looking.join()
    ends = {run.id: run.status for run in record.runs.values()}
    assert ends[MLP[0]] == "skipped"
    assert ends[MLP[2]] == "finished" and len(record.runs[MLP[2]].epochs) == 2
    assert ends[MLP[3]] in ("queued", "stopped"), "it began behind a run of two epochs"
    assert changed == quiet == [True]
    assert record.status == "stopped"


def test_features_are_computed_by_one_and_used_by_all(two: Settings) -> None:
    settings = replace(
        two, models=("mobilenetv2", "mlp"), repeats=2, train_limit=24, test_limit=8, cache=False
    )
    recorder = Recorder()
    record = run_experiment(settings, recorder)
    computed = [e.run for e in recorder.of(RunFinished) if e.features_seconds]
    assert computed == [RunId("mobilenetv2", 1)]
    assert {e.run for e in recorder.of(Progress) if e.phase == "features"} == set(computed)
    assert_same_bits(record, run_experiment(replace(settings, workers=0)))


def test_workers_end_with_the_program_that_started_them(two: Settings, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from engine import Settings, run_experiment\n"
        "if __name__ == '__main__':\n"
        f"    run_experiment(Settings(models=('mlp',), epochs=1000, workers=2, data={two.data!r}, "
        f"results={two.results!r}), lambda event: print(type(event).__name__, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "EpochFinished":
            assert process.poll() is None
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(workers) >= 2
        process.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"workers": 2, "device": "cuda:7"}, ["cuda:7", "cpu"]),
        ({"devices": "cpu,cuda:7"}, ["cuda:7", "cpu"]),
        ({"devices": "cpu", "workers": 2}, ["devices cpu", "workers 2"]),
        ({"ray": "local", "workers": 2}, ["ray local", "workers 2"]),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_created(
    short: Settings, change: dict[str, object], parts: list[str]
) -> None:
    with pytest.raises(DeviceError) as error:
        run_experiment(replace(short, **change))
    one_line(error.value, *parts)
    assert not Path(short.results).exists()


def test_the_simplest_executor_is_taken_that_does(short: Settings) -> None:
    names = {
        "LocalExecutor": [{}, {"devices": "cpu"}],
        "ProcessExecutor": [{"workers": 1}, {"devices": "cpu,cpu"}, {"devices": "all"}],
    }
    for name, changes in names.items():
        for change in changes:
            assert type(executor_for(replace(short, **change))).__name__ == name, change
