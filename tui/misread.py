"""Which test digits a network misreads, and how to look through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.events import RunId, Snapshot

ORDERS = ("most certain first", "by digit", "by number")

BY_ALL = "by all networks"
"""A filter: what every one of them misreads."""


class Misread(NamedTuple):
    """A test image that a network takes for another digit."""

    number: int
    """Of the image in the test file, from 0."""
    true: int
    predicted: int
    confidence: float
    """Of the wrong answer, 0–1."""


def misread(snapshot: Snapshot, labels: bytes) -> list[Misread]:
    """All of a network's, in the order of the test file."""
    answers = zip(labels, snapshot.predicted, snapshot.confidence, strict=True)
    return [
        Misread(number, true, predicted, confidence / 255)
        for number, (true, predicted, confidence) in enumerate(answers)
        if true != predicted
    ]


def ordered(found: Sequence[Misread], order: str) -> list[Misread]:
    """In one of ``ORDERS``."""
    if order == "by digit":
        return sorted(found, key=lambda one: (one.true, one.predicted, -one.confidence))
    if order == "by number":
        return sorted(found)
    return sorted(found, key=lambda one: (-one.confidence, one.number))


def newest_of_each_model(snapshots: Mapping[RunId, Snapshot]) -> dict[str, Snapshot]:
    """The last begun run of each model."""
    return {run.model: snapshot for run, snapshot in snapshots.items()}


def filters(model: str, snapshots: Mapping[str, Snapshot]) -> list[str]:
    """The filters there are for a model's misread digits; the first keeps all."""
    others = [other for other in snapshots if other != model]
    return ["", *(f"{other} is right" for other in others), *([BY_ALL] if others else [])]


def kept(found: Sequence[Misread], chosen: str, snapshots: Mapping[str, Snapshot]) -> list[Misread]:
    """Those that a filter lets through."""
    if chosen == BY_ALL:
        others = list(snapshots.values())
        return [one for one in found if all(o.predicted[one.number] != one.true for o in others)]
    if chosen:
        other = snapshots[chosen.removesuffix(" is right")]
        return [one for one in found if other.predicted[one.number] == one.true]
    return list(found)


def confusion_of(snapshot: Snapshot, labels: bytes) -> list[list[int]]:
    """10×10 counts; rows are true digits, columns predicted ones."""
    counts = Counter(zip(labels, snapshot.predicted, strict=True))
    return [[counts[true, predicted] for predicted in range(10)] for true in range(10)]
