"""Which digits are misread, in which order, and by whom."""

from __future__ import annotations

from engine.events import RunId, Snapshot
from tui.misread import (
    Misread,
    confusion_of,
    filters,
    kept,
    misread,
    newest_of_each_model,
    ordered,
)

LABELS = bytes([7, 2, 1, 0, 4])


def snapshot(model: str, *predicted: int, repeat: int = 1) -> Snapshot:
    confidence = bytes(range(100, 100 + len(predicted)))
    return Snapshot(RunId(model, repeat), 1, bytes(predicted), confidence, {})


MLP = snapshot("mlp", 7, 3, 7, 0, 9)
CNN = snapshot("cnn", 7, 2, 7, 0, 4)


def test_only_wrong_answers_are_misread_and_keep_their_numbers() -> None:
    assert misread(MLP, LABELS) == [
        Misread(1, 2, 3, 101 / 255),
        Misread(2, 1, 7, 102 / 255),
        Misread(4, 4, 9, 104 / 255),
    ]
    assert misread(CNN, LABELS) == [Misread(2, 1, 7, 102 / 255)]


def test_orders() -> None:
    found = misread(MLP, LABELS)
    assert [one.number for one in ordered(found, "most certain first")] == [4, 2, 1]
    assert [one.number for one in ordered(found, "by digit")] == [2, 1, 4]
    assert [one.number for one in ordered(found, "by number")] == [1, 2, 4]


def test_filters_compare_with_the_other_networks() -> None:
    both = {"mlp": MLP, "cnn": CNN}
    assert filters("mlp", both) == ["", "cnn is right", "by all networks"]
    assert filters("mlp", {"mlp": MLP}) == [""]
    found = misread(MLP, LABELS)
    assert [one.number for one in kept(found, "cnn is right", both)] == [1, 4]
    assert [one.number for one in kept(found, "by all networks", both)] == [2]
    assert kept(found, "", both) == found


def test_confusion_counts_true_digits_down_and_answers_across() -> None:
    counts = confusion_of(MLP, LABELS)
    assert counts[7][7] == counts[2][3] == counts[1][7] == counts[0][0] == counts[4][9] == 1
    assert sum(map(sum, counts)) == len(LABELS)


def test_the_last_begun_run_stands_for_its_model() -> None:
    second = snapshot("mlp", 7, 2, 1, 0, 4, repeat=2)
    snapshots = {one.run: one for one in (MLP, CNN, second)}
    assert newest_of_each_model(snapshots) == {"mlp": second, "cnn": CNN}
