"""The mailbox between training thread and screen loses nothing that matters, and stays small."""

from __future__ import annotations

import threading

import pytest

from engine.events import EpochFinished, EpochResult, Notice, Progress, RunId
from tui.bridge import Bridge

RUN = RunId("mlp", 1)


def progress(epoch: int, step: int, steps: int = 1000, loss: float = 0.5) -> Progress:
    return Progress(RUN, "train", epoch, step, steps, loss, 0.9, 1000.0, 1.0, 1.0, loss, 0.9)


def test_only_the_newest_progress_of_a_run_is_kept() -> None:
    bridge = Bridge()
    for step in range(1, 501):
        bridge.emit(progress(1, step))
    delivery = bridge.take()
    assert delivery.progress[RUN].step == 500
    assert delivery.events == ()
    assert bridge.take().progress == {}


def test_every_other_event_arrives_once_and_in_order() -> None:
    bridge = Bridge()
    for number in range(100):
        bridge.emit(progress(1, number + 1))
        bridge.emit(Notice("info", str(number)))
    texts = [event.text for event in bridge.take().events if isinstance(event, Notice)]
    assert texts == [str(number) for number in range(100)]
    assert bridge.take().events == ()


def test_a_screen_that_never_polls_costs_bounded_memory() -> None:
    bridge = Bridge()
    for epoch in range(1, 101):
        for step in range(1, 1001):
            bridge.emit(progress(epoch, step))
    points = bridge.train_points("loss")[RUN]
    assert len(points) <= 128
    assert points[-1].x > 98.0
    assert len(bridge.take().progress) == 1


def test_a_spike_between_two_polls_is_still_drawn() -> None:
    bridge = Bridge()
    for step in range(1, 1001):
        bridge.emit(progress(1, step, loss=9.0 if 450 < step <= 550 else 0.1))
    highest = max(point.high for point in bridge.train_points("loss")[RUN])
    assert highest == pytest.approx(9.0)


def test_a_point_is_the_mean_over_its_window() -> None:
    bridge = Bridge()
    for step in range(1, 129):  # every second batch is lucky
        bridge.emit(progress(1, step, steps=128, loss=0.0 if step % 2 else 1.0))
    points = bridge.train_points("loss")[RUN]
    assert [point.mean for point in points] == [0.5] * 32
    assert points[0].x == 2 / 128  # in the middle of it


def test_nothing_is_lost_between_threads() -> None:
    bridge = Bridge()
    received: list[str] = []
    count = 5000

    def emit() -> None:
        for number in range(count):
            bridge.emit(Notice("info", str(number)))

    thread = threading.Thread(target=emit)
    thread.start()
    while thread.is_alive() or len(received) < count:
        received += [e.text for e in bridge.take().events if isinstance(e, Notice)]
    thread.join()
    assert received == [str(number) for number in range(count)]


@pytest.mark.slow
def test_a_day_of_events_in_a_minute_loses_no_epoch() -> None:
    """Ten Progress events a second, as the engine makes them, and an epoch a second, for 24 hours:
    all as quickly as they can be told, while the screen looks in now and then.
    """
    bridge = Bridge()
    seconds = 24 * 60 * 60
    within = [progress(1, step, steps=10) for step in range(1, 11)]
    received: list[int] = []
    largest = 0

    def train() -> None:
        for epoch in range(1, seconds + 1):
            for event in within:
                bridge.emit(event)
            result = EpochResult(epoch, 0.1, 0.97, 0.08, 0.98, 0.001, 1.0, 12_000.0, 0.1)
            bridge.emit(EpochFinished(RUN, result))

    thread = threading.Thread(target=train)
    thread.start()
    while thread.is_alive() or len(received) < seconds:
        delivery = bridge.take()
        received += [e.result.epoch for e in delivery.events if isinstance(e, EpochFinished)]
        largest = max(largest, len(delivery.progress), len(bridge.train_points("loss")))
        thread.join(0.01)
    assert received == list(range(1, seconds + 1))
    assert largest == 1, "one run, however many events"
