"""Standard error behind a queue: whoever writes there never waits for the one who reads it.

A thread writes what is queued, in order. When the reader does not keep up, lines are left out and counted,
and the count is told once the reader is back.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

CHARACTERS_MAX: Final = 1 << 20
"""What may wait in memory."""
FLUSH_SECONDS_MAX: Final = 2.0
"""How long the end of the process waits for the reader."""
_IDLE_SECONDS: Final = 0.25


def _no_lines(_at_end: bool) -> list[str]:
    return []


class QueuedStream(io.TextIOBase):
    """A text stream over a descriptor, written by its own thread; `write` never blocks.

    Args:
        descriptor: Where the text goes.
        idle: Called in the thread several times a second, with True at the end; the lines it returns
            are written.
    """

    def __init__(self, descriptor: int, idle: Callable[[bool], list[str]] = _no_lines) -> None:
        self._descriptor = descriptor
        self.idle = idle
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._left_out = 0
        self._busy = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.drain)

    def write(self, text: str) -> int:
        """Queue the text; it is left out and counted when too much waits."""
        with self._changed:
            if self._characters + len(text) > CHARACTERS_MAX:
                self._left_out += 1
            else:
                self._waiting.append(text)
                self._characters += len(text)
                self._changed.notify_all()
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def drain(self, seconds: float = FLUSH_SECONDS_MAX) -> bool:
        """Wait until everything queued is written, at most so long; the answer tells if it is."""
        self.write(self._told_when_idle(True))
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), seconds)

    def _run(self) -> None:
        told = time.monotonic()
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting), _IDLE_SECONDS)
                text, left_out = "".join(self._waiting), self._left_out
                self._waiting.clear()
                self._characters = self._left_out = 0
                self._busy = True
            if left_out:
                text += f"{left_out} lines are missing here: nobody read the log\n"
            if time.monotonic() - told >= _IDLE_SECONDS:
                told = time.monotonic()
                text += self._told_when_idle(False)
            self._put(text.encode("utf-8", "backslashreplace"))

    def _told_when_idle(self, at_end: bool) -> str:
        try:
            return "".join(self.idle(at_end))
        except Exception as error:  # noqa: BLE001 (this thread is the log: without it nothing is ever told)
            return f"a sum of the log is missing here: {error!r}\n"

    def _put(self, rest: bytes) -> None:
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                select.select((), (self._descriptor,), ())
            except OSError:  # the reader is gone for good
                return
