"""The progress of a command that takes longer, on its error output."""

from __future__ import annotations

import time
from typing import Final, TextIO

_PACE_SECONDS: Final = 1.0


class ProgressOutput:
    """Writes progress: as one changing line on a terminal, as lines below each other elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._shown_chars = 0

    def progress(self, text: str) -> None:
        """Write how far a step is; on a terminal the next text replaces this one."""
        if not self._output.isatty():
            self.say(text)
            return
        self._output.write(f"\r{text.ljust(self._shown_chars)}")
        self._output.flush()
        self._shown_chars = len(text)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        print(text, file=self._output, flush=True)

    def clear(self) -> None:
        """Remove the changing line, before a line for the standard output."""
        if self._shown_chars:
            self._output.write(f"\r{' ' * self._shown_chars}\r")
            self._output.flush()
            self._shown_chars = 0


class PacedProgress:
    """Passes on at most one text of progress a second, however often it is called; lines all pass."""

    def __init__(self, output: ProgressOutput) -> None:
        self._output = output
        self._next = time.monotonic() + _PACE_SECONDS

    def progress(self, text: str) -> None:
        """Write how far a step is, unless another text was written less than a second ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PACE_SECONDS
            self._output.progress(text)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._output.say(text)

    __call__ = progress
