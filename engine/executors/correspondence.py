"""What a Ray task says and hears: a letter at a time, each with all that came up meanwhile."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import ray

from engine.events import Progress
from engine.executors.mailbox import TOGETHER
from engine.executors.messages import Message, Orders


class Correspondence:
    """Writes to a mailbox on a thread of its own, while ``with`` lasts; leaving it sends the rest,
    and raises what has kept a letter from getting there.

    The next letter is written once the one before is there. So they stay in order, and where a
    thousand tasks write to one mailbox, they write fewer letters, each with only the newest
    Progress of a run.
    """

    def __init__(
        self, mailbox: Any, place: str, obey: Callable[[Orders], None], lost: Callable[[], None]
    ) -> None:
        """``obey`` is called with orders, ``lost`` when a letter could not be brought."""
        self._mailbox, self._place = mailbox, place
        self._obey, self._lost = obey, lost
        self._lock = threading.Lock()
        self._unsent: list[Message] = []
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._correspond, name="correspondence")

    def __enter__(self) -> Correspondence:
        self._exchange()  # what was ordered before it began is heard before it trains
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def send(self, message: Message) -> None:
        """Add a message to the next letter."""
        with self._lock:
            if isinstance(message, Progress):
                self._unsent = [
                    each
                    for each in self._unsent
                    if not (isinstance(each, Progress) and each.run == message.run)
                ]
            self._unsent.append(message)

    def _correspond(self) -> None:
        try:
            while not self._over.wait(TOGETHER):
                self._exchange()
            self._exchange()
        except Exception as error:
            self._failure = error
            self._lost()

    def _exchange(self) -> None:
        with self._lock:
            unsent, self._unsent = self._unsent, []
        letter = pickle.dumps(unsent) if unsent else None
        for orders in ray.get(self._mailbox.exchange.remote(self._place, letter)):
            self._obey(pickle.loads(orders))
