"""What a network costs to use is measured beside the runs, and changes nothing in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from engine_support import Recorder
from torch.utils.flop_counter import FlopCounterMode

import engine.cost
import engine.executors.local
from engine.control import Control
from engine.cost import flops
from engine.events import Cost, CostMeasured, Event, Notice, RunId
from engine.experiment import resume_experiment, run_experiment
from engine.models import MODELS
from engine.records import ExperimentRecord
from engine.settings import Settings


@pytest.mark.parametrize("name", MODELS)
def test_operations_are_those_that_torch_counts(name: str) -> None:
    network = MODELS[name].build().eval()
    inputs = MODELS[name].prepare(torch.zeros(1, 28, 28, dtype=torch.uint8))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(inputs)
    assert flops(network, inputs) == counter.get_total_flops()
    assert not any(layer._forward_hooks for layer in network.modules())


def test_each_model_is_measured_once_after_its_first_run(both: Settings) -> None:
    recorder = Recorder()
    record = run_experiment(replace(both, epochs=1, repeats=2), recorder)
    costs = {event.model: event.cost for event in recorder.of(CostMeasured)}
    assert record.costs == costs
    order = [name for name in recorder.rare() if name in ("RunFinished", "CostMeasured")]
    assert order == ["RunFinished", "CostMeasured", "RunFinished"] * 2
    mlp, cnn = costs["mlp"], costs["cnn"]
    assert mlp.flops_per_image == 2 * (784 * 100 + 100 * 10)
    for cost in (mlp, cnn):
        assert cost.latency_seconds is not None
        assert cost.inference_images_per_second is not None
        assert min(cost.latency_seconds, cost.inference_images_per_second) > 0


def test_runs_are_the_same_to_the_bit_with_and_without(
    short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(short, models=("cnn", "mlp"), epochs=1, repeats=2, train_limit=200, shift=1)
    measured = run_experiment(settings)
    state = torch.get_rng_state()
    with monkeypatch.context() as patch:
        patch.setattr(engine.executors.local, "measure_cost", lambda model, bench: Cost())
        unmeasured = run_experiment(settings)
    assert torch.equal(torch.get_rng_state(), state)
    for id_ in measured.runs:
        one, other = (
            torch.load(record.folder / f"{id_}.pt", weights_only=True)
            for record in (measured, unmeasured)
        )
        assert all(torch.equal(one[name], other[name]) for name in other)


def test_failure_costs_its_figures_alone(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: torch.device) -> None:
        raise RuntimeError("CUDA error:\nout of memory")

    monkeypatch.setattr(engine.cost, "synchronize", refuse)
    recorder = Recorder()
    record = run_experiment(replace(short, epochs=1), recorder)
    assert record.status == "finished"
    assert record.costs == {"mlp": Cost(flops_per_image=158_800)}
    assert recorder.of(Notice) == [
        Notice("warning", "mlp: what it costs to use is not measured: CUDA error: out of memory")
    ]


def test_run_that_failed_is_not_measured(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "mlp", replace(MODELS["mlp"], build=lambda: 1 / 0))  # type: ignore[arg-type, return-value]
    recorder = Recorder()
    run_experiment(replace(short, models=("mlp", "cnn"), epochs=1, train_limit=100), recorder)
    assert [event.model for event in recorder.of(CostMeasured)] == ["cnn"]


def test_stop_ends_the_measuring(short: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control()
    monkeypatch.setattr(engine.cost, "synchronize", lambda device: control.stop())
    recorder = Recorder()
    record = run_experiment(replace(short, epochs=1, repeats=2), recorder, control)
    assert not recorder.of(CostMeasured)
    assert record.status == "stopped"
    assert [run.status for run in record.runs.values()] == ["finished", "queued"]


def test_is_not_measured_again_after_a_resume(short: Settings) -> None:
    control = Control()

    def react(event: Event) -> None:
        if isinstance(event, CostMeasured):
            control.stop()

    stopped = run_experiment(replace(short, epochs=1, repeats=2), Recorder(react), control)
    recorder = Recorder()
    record: ExperimentRecord = resume_experiment(stopped.folder, recorder)
    assert record.runs[RunId("mlp", 2)].status == "finished"
    assert recorder.of(CostMeasured) == [CostMeasured("mlp", stopped.costs["mlp"])]
    assert record.costs == stopped.costs
