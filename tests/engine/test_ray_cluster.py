"""Runs on Ray's own test cluster: two nodes on this machine, one of which dies in mid-run."""

from __future__ import annotations

import socket
import sys
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
from engine.experiment import run_experiment
from engine.records import ExperimentRecord
from engine.settings import Settings

pytestmark = pytest.mark.slow

MLP = [RunId("mlp", repeat) for repeat in range(1, 4)]


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


def test_features_are_computed_once_and_orders_reach_the_tasks(
    cluster: Cluster, short: Settings
) -> None:
    control = Control()
    settings = replace(
        short,
        models=("mobilenetv2", "mlp"),
        repeats=2,
        epochs=2,
        train_limit=24,
        test_limit=8,
        cache=False,
    )

    def react(event: Event) -> None:
        if isinstance(event, RunStarted) and event.run == MLP[0]:
            control.skip_run(MLP[0])
        if isinstance(event, RunStarted) and event.run == MLP[1]:
            control.stop()

    recorder = Recorder(react)
    run_experiment(replace(settings, ray=cluster.address), recorder, control)
    features = [event.run for event in recorder.of(RunFinished) if event.features_seconds]
    assert features == [RunId("mobilenetv2", 1)], "one task computes them for all"
    assert {event.run for event in recorder.of(Progress) if event.phase == "features"} == {
        *features
    }


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
