"""The options of a bench run, and its progress on standard error."""

from __future__ import annotations

import sys
import time

from msgspec import Struct


class Options(Struct, frozen=True):
    """The options of one bench run.

    Attributes:
        repeats: The number of repeats of each measurement; the median counts.
        seconds: The length of each load.
        bots: The number of bots in the large tables.
        figures: The names of the requested figures.
    """

    repeats: int
    seconds: float
    bots: int
    figures: frozenset[str]


class Progress:
    """Writes a line to standard error for each step, with an estimate of the time that is left.

    Args:
        seconds: The estimate for the whole run.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._begun = time.monotonic()

    def step(self, what: str, seconds: float) -> None:
        """Announce a step that takes about `seconds`."""
        passed = time.monotonic() - self._begun
        self.say(f"[{_minutes(passed)}, about {_minutes(max(self._left, 0))} left] {what}")
        self._left -= seconds

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
