"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from engine.one_line import OneLineError, one_line
from engine.settings import Settings

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    """One line of the doctor."""

    name: str
    """What was looked at, in a word or two."""
    state: State
    """A warning: it works, but worse than it could. A problem: it does not work."""
    found: str
    """One line."""
    advice: str = ""
    """What to do; empty where there is nothing."""


@dataclass(frozen=True)
class Examination:
    """Something to look at."""

    name: str
    look: Callable[[Settings], Iterator[Check]]
    """May raise anything."""
    advice: str
    """What to do if it raises."""
    needs_torch: bool = False
    """Whether it is left out where there is no torch."""

    def checks(self, settings: Settings) -> Iterator[Check]:
        """What is found, as it is known; what is raised is a problem, and the last."""
        try:
            yield from self.look(settings)
        except OneLineError as error:
            yield Check(self.name, "problem", str(error), self.advice)
        except Exception as error:  # whatever breaks here is what somebody wants to know
            found = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            yield Check(self.name, "problem", one_line(found), self.advice)
