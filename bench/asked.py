"""What the bench was asked for, and how it tells where it stands."""

from __future__ import annotations

import sys
import time

from msgspec import Struct


class Asked(Struct, frozen=True):
    """How much to measure.

    Attributes:
        repeats: Of everything that is repeated; the median counts.
        seconds: How long each load lasts.
        bots: In the large tables.
        figures: The names that are wanted.
    """

    repeats: int
    seconds: float
    bots: int
    figures: frozenset[str]


class Progress:
    """One line on standard error for each step, with about how long all is going to take still."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._begun = time.monotonic()

    def step(self, what: str, seconds: float) -> None:
        """A step begins that takes about `seconds`."""
        passed = time.monotonic() - self._begun
        self.say(f"[{_minutes(passed)}, about {_minutes(max(self._left, 0))} left] {what}")
        self._left -= seconds

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
