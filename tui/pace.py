"""How often the screen looks at the training, with which it shares one interpreter: what one takes
the other has not.
"""

from __future__ import annotations

import time

SHARE = 0.01
"""Of a core's time that looking may take, keys included."""
LIVELY_SHARE = 0.03
"""The same at the start, when somebody is watching."""
LIVELY = 10.0
"""Seconds that the start lasts."""
OPENING = 2.0
"""Seconds at its very beginning in which nothing is held back: laying out the screen has cost much,
and the first numbers are what everybody waits for.
"""
LONGEST_WAIT = 1.0
"""Seconds between two looks, however slow the machine is."""


class Pace:
    """As often as asked for, or as the machine can afford."""

    def __init__(self, refresh_rate: float) -> None:
        """``refresh_rate`` is in looks a second."""
        self._asked = 1 / refresh_rate
        self._spent = time.thread_time()
        """By this thread, until the last look."""

    def wait(self, elapsed: float) -> float:
        """Seconds until the next look, so many seconds after the start of the training."""
        before, self._spent = self._spent, time.thread_time()
        if elapsed < OPENING:
            return self._asked
        share = LIVELY_SHARE if elapsed < LIVELY else SHARE
        affordable = min((self._spent - before) / share, LONGEST_WAIT)
        return max(self._asked, affordable)
