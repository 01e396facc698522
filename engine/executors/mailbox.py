"""Where Ray tasks and the one who hands them out leave letters for each other.

An actor, so a process of its own, on the machine of the one who hands out. It opens no letter,
and imports no torch, so that it takes as little as it can from those who train.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import ray

TOGETHER = 0.25
"""Seconds for which letters gather before they are fetched: every call costs the actor time."""


@ray.remote(num_cpus=0)
class Mailbox:
    """Letters of tasks, and orders for them, by the place where a task trains."""

    def __init__(self) -> None:
        self._letters: list[tuple[str, bytes]] = []
        self._orders: dict[str, list[bytes]] = {}
        self._features: list[Any] = []
        self._news = asyncio.Event()

    async def exchange(self, place: str, letter: bytes | None) -> list[bytes]:
        """Leave a letter; return the orders that have come for its sender."""
        if letter is not None:
            self._letters.append((place, letter))
            self._news.set()
        return self._orders.pop(place, [])

    async def take(self, seconds: float) -> list[tuple[str, bytes]]:
        """All letters that are new; waits so long for one, and then for what comes with it."""
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
            await asyncio.sleep(TOGETHER if self._letters else 0)
        letters, self._letters = self._letters, []
        self._news.clear()
        return letters

    async def order(self, place: str, orders: bytes) -> None:
        """Have orders ready for a task, after those that it has not fetched yet."""
        self._orders.setdefault(place, []).append(orders)

    async def keep(self, features: Any) -> None:
        """Put features into the store as this actor's own, as the task that has computed them may
        be gone before they are used.
        """
        self._features = [ray.put(features)]

    async def kept(self) -> list[Any]:
        """A reference to the features, in a list, as Ray would fetch a bare one."""
        return self._features
