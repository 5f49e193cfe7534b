"""Waits that end at once when the run is interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_LOOK_SECONDS: Final = 0.05


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came: everything is to be removed."""


class TooLate(RuntimeError):
    """A condition did not come true in time; the text says which."""


class Interruption:
    """Set once by a signal; whatever waits then raises `Interrupted`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raise `Interrupted` if it was set."""
        if self._event.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Wait so long."""
        self._event.wait(max(0.0, seconds))
        self.check()

    def until(self, condition: Callable[[], bool], seconds: float, complaint: str) -> None:
        """Wait until a condition holds, which is asked in this thread.

        Raises:
            TooLate: It did not hold in time; `complaint` is the text.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TooLate(complaint)
            self.wait(_LOOK_SECONDS)
