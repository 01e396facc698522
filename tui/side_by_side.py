"""Which runs are under way, and which of them train side by side in one worker."""

from __future__ import annotations

from collections.abc import Sequence

from engine.records import ExperimentRecord, RunRecord

Group = Sequence[RunRecord]
"""Runs of one model, in their order."""


def under_way(record: ExperimentRecord) -> list[list[RunRecord]]:
    """The groups that train now. A worker has one at a time, and all of it is of one model."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for run in record.runs.values():
        if run.status == "running":
            groups.setdefault((run.place, run.id.model), []).append(run)
    return list(groups.values())


def names(group: Group) -> str:
    """A group in a few letters: "cnn-r1", "mlp-r1–5"."""
    first, repeats = group[0].id, [run.id.repeat for run in group]
    if len(group) == 1 or repeats != list(range(first.repeat, first.repeat + len(group))):
        return ", ".join(str(run.id) for run in group)
    return f"{first}–{repeats[-1]}"


def skip_words(groups: Sequence[Group], skipped: Sequence[Group]) -> str:
    """What is skipped of the groups under way, or could be."""
    if skipped:
        return f"skips {', '.join(map(names, skipped))}"
    if not groups:
        return "nothing is under way that could be skipped"
    return f"choose what to skip: {' or '.join(map(names, groups))}"


def workers(record: ExperimentRecord) -> int:
    """How many train at the same time, as far as that is known; 1 where this process trains."""
    known = record.environment.get("workers", 1)
    of_use = min(known, len(record.runs)) if isinstance(known, int) else 1
    return max(1, of_use, len(under_way(record)))


def is_handed_out(record: ExperimentRecord) -> bool:
    """Whether other processes train, on this machine or on a cluster."""
    return "workers" in record.environment or "ray" in record.environment
