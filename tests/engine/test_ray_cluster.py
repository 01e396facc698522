"""Runs on Ray's own test cluster: two nodes on this machine, one of which dies in mid-run."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import ray
import torch
from engine_support import Recorder, one_line
from ray.cluster_utils import Cluster

from engine.control import Control
from engine.device import DeviceError
from engine.events import (
    EpochFinished,
    Event,
    Notice,
    Progress,
    RunFinished,
    RunId,
    RunStarted,
)
from engine.executors.cluster import RayPool
from engine.executors.local import LocalExecutor
from engine.experiment import resume_experiment, run_experiment
from engine.records import ExperimentRecord
from engine.settings import Settings

pytestmark = pytest.mark.slow

MLP = [RunId("mlp", repeat) for repeat in range(1, 4)]


@ray.remote(num_cpus=1)
class Others:
    """People who use the cluster, too."""

    def are_there(self) -> bool:
        return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that trains nothing, and two nodes that train one run each."""
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": quick})
    cluster.add_node(num_cpus=1, node_name="left")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def assert_same_bits(one: ExperimentRecord, other: ExperimentRecord) -> None:
    """Test losses and saved weights of all runs."""
    for run in one.runs.values():
        losses = [epoch.test_loss for epoch in run.epochs]
        assert losses == [epoch.test_loss for epoch in other.runs[run.id].epochs], run.id
        files = [each.folder / f"{run.id}.pt" for each in (one, other)]
        weights = [torch.load(file, weights_only=True) for file in files]
        torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_lost_node_costs_nothing_but_time(cluster: Cluster, short: Settings) -> None:
    doomed = cluster.add_node(num_cpus=1, node_name="right")
    lost: list[RunId] = []

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished) and not lost:
            starts = {each.run: each.place for each in recorder.of(RunStarted)}
            if starts[event.run].startswith("right cpu"):
                lost.append(event.run)
                cluster.remove_node(doomed, allow_graceful=False)

    settings = replace(short, repeats=3, epochs=40)
    recorder = Recorder(react)
    record = run_experiment(replace(settings, ray=cluster.address), recorder)
    assert record.status == "finished"
    assert record.environment["nodes"] == 3
    assert_same_bits(record, run_experiment(settings))
    told = [(event.run, event.result.epoch) for event in recorder.of(EpochFinished)]
    assert sorted(told) == [(run, epoch) for run in MLP for epoch in range(1, 41)], "each once"
    places = [event.place for event in recorder.of(RunStarted) if event.run == lost[0]]
    assert [place.rpartition(" ")[0] for place in places] == ["right cpu", "left cpu"]
    assert [e.text for e in recorder.of(Notice) if str(lost[0]) in e.text and "lost" in e.text]
    assert not list(record.folder.glob("resume*"))


def test_features_are_computed_once_for_all_tasks(cluster: Cluster, short: Settings) -> None:
    settings = replace(
        short,
        models=("mobilenetv2", "mlp"),
        repeats=2,
        epochs=2,
        train_limit=24,
        test_limit=8,
        cache=False,
    )

    recorder = Recorder()
    run_experiment(replace(settings, ray=cluster.address), recorder)
    features = [event.run for event in recorder.of(RunFinished) if event.features_seconds]
    assert features == [RunId("mobilenetv2", 1)], "one task computes them for all"
    assert {event.run for event in recorder.of(Progress) if event.phase == "features"} == {
        *features
    }


def test_pause_skip_and_stop_reach_the_tasks(cluster: Cluster, short: Settings) -> None:
    control = Control()
    epochs: list[RunId] = []

    def go_on() -> None:
        """Once nothing has come for a second: the pause has got there."""
        seen = -1
        while len(epochs) > seen:
            seen = len(epochs)
            time.sleep(1)
        quiet.append(seen)
        control.resume()

    quiet: list[int] = []
    waiting = threading.Thread(target=go_on)

    def react(event: Event) -> None:
        if not isinstance(event, EpochFinished):
            return
        epochs.append(event.run)
        if len(epochs) == 1:
            control.pause()
            waiting.start()
        elif quiet and event.run == MLP[0]:
            control.skip_run(MLP[0])
        elif event.run == MLP[1]:
            control.stop()

    recorder = Recorder(react)
    settings = replace(short, repeats=3, epochs=10_000, ray=cluster.address)
    record = run_experiment(settings, recorder, control)
    waiting.join()
    assert quiet, "it did not train to the end in spite of the pause"
    assert record.status == "stopped"
    ends = {event.run: event.status for event in recorder.of(RunFinished)}
    assert ends == {MLP[0]: "skipped", MLP[1]: "stopped"}


def test_stop_reaches_a_task_that_waits_for_other_peoples(
    cluster: Cluster, short: Settings
) -> None:
    ray.init(cluster.address, log_to_driver=False)
    try:
        others = Others.remote()  # type: ignore[attr-defined]
        ray.get(others.are_there.remote())  # and have the only core
        control = Control()
        threading.Timer(3, control.stop).start()
        recorder = Recorder()
        record = run_experiment(replace(short, ray=cluster.address), recorder, control)
        assert record.status == "stopped"
        assert not recorder.of(RunStarted)
    finally:
        ray.shutdown()


def test_lost_cluster_ends_in_a_line_and_what_was_trained_is_resumed_to_the_same_bits(
    cluster: Cluster, short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[RayPool] = []

    def enter(pool: RayPool) -> RayPool:
        pools.append(pool)
        return pool

    def react(event: Event) -> None:
        if isinstance(event, EpochFinished):
            ray.kill(pools[0]._mailbox)

    monkeypatch.setattr(RayPool, "__enter__", enter)
    settings = replace(short, repeats=2, epochs=20)
    recorder = Recorder(react)
    record = run_experiment(replace(settings, ray=cluster.address), recorder)
    assert record.status == "interrupted"
    one_line(recorder.of(Notice)[-1].text, "the cluster is lost", "mnist-tui resume")
    resumed = resume_experiment(record.folder, executor=LocalExecutor())
    assert resumed.status == "finished"
    assert_same_bits(resumed, run_experiment(settings))


def test_threads_that_no_node_has_are_refused(cluster: Cluster, short: Settings) -> None:
    with pytest.raises(DeviceError) as error:
        run_experiment(replace(short, ray=cluster.address, threads=3))
    one_line(error.value, "threads: 3", "1 at most")


def test_local_is_a_cluster_of_its_own(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    record = run_experiment(replace(short, ray="local"))
    assert record.status == "finished"
    assert record.environment["nodes"] == 1


def test_without_ray_a_line_says_how_to_install_it(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "engine.executors.cluster", raising=False)
    with pytest.raises(DeviceError) as error:
        run_experiment(replace(short, ray="local"))
    one_line(error.value, "ray is not installed", "pip install")


def test_cluster_that_is_not_there_is_said_in_a_line(short: Settings) -> None:
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(DeviceError) as error:
            run_experiment(replace(short, ray=address))
    one_line(error.value, address, "cannot be reached")
