"""Ctrl-C in the terminal: it ends the game, quietly at the prompt and with a note while the store works."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

from dungeonfighter.serving.signals import end_at_once


class Interrupts:
    """Turns SIGINT into KeyboardInterrupt while the block runs; a second SIGINT ends the process at once.

    Args:
        note: One line for standard error, when work is under way at the first SIGINT.
    """

    def __init__(self, note: str) -> None:
        self._note = f"{note}\n".encode()
        self._is_asking = False
        self._was_interrupted = False
        self._former: Any = None

    def __enter__(self) -> Self:
        self._former = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._former)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Let the next SIGINT be the first one, and a quiet one while the block runs."""
        self._was_interrupted, self._is_asking = False, True
        try:
            yield
        finally:
            self._is_asking = False

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._was_interrupted:
            end_at_once(128 + number)
        self._was_interrupted = True
        if not self._is_asking:
            with contextlib.suppress(OSError):
                os.write(sys.stderr.fileno(), self._note)  # a buffered write in a handler is not reentrant
        raise KeyboardInterrupt
