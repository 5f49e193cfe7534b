"""Standard error behind a queue: a write never waits for the reader of standard error.

A thread writes the queued texts in order. If the reader does not keep up, the queue drops texts and counts
them, and writes the count once the reader is back.
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
"""The capacity of the queue."""
FLUSH_SECONDS_MAX: Final = 2.0
"""The longest time that the end of the process waits for the reader."""
_COLLECT_SECONDS: Final = 0.25


def _no_lines(_at_end: bool) -> list[str]:
    return []


class QueuedStream(io.TextIOBase):
    """A text stream over a descriptor with a thread of its own; `write` never blocks.

    Args:
        descriptor: The thread writes to it.
        more_lines: Called in the thread several times a second, and with True by `drain`; the stream writes
            the lines that it returns.
    """

    def __init__(self, descriptor: int, more_lines: Callable[[bool], list[str]] = _no_lines) -> None:
        self._descriptor = descriptor
        self.more_lines = more_lines
        self._waiting: deque[str] = deque()
        self._queued_chars = 0
        self._dropped = 0
        self._is_writing = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.drain)

    def write(self, text: str) -> int:
        """Queue the text; drop and count it if the queue is full."""
        with self._condition:
            if self._queued_chars + len(text) > CHARACTERS_MAX:
                self._dropped += 1
            else:
                self._waiting.append(text)
                self._queued_chars += len(text)
                self._condition.notify_all()
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def drain(self, seconds: float = FLUSH_SECONDS_MAX) -> bool:
        """Wait until all queued texts are written, for `seconds` at most; return True if they are."""
        self.write(self._collect_lines(True))
        with self._condition:
            return self._condition.wait_for(lambda: not (self._waiting or self._is_writing), seconds)

    def _run(self) -> None:
        collected_at = time.monotonic()
        while True:
            with self._condition:
                self._is_writing = False
                self._condition.notify_all()
                self._condition.wait_for(lambda: bool(self._waiting), _COLLECT_SECONDS)
                text, dropped = "".join(self._waiting), self._dropped
                self._waiting.clear()
                self._queued_chars = self._dropped = 0
                self._is_writing = True
            if dropped:
                text += f"{dropped} lines are missing here: nobody read the log\n"
            if time.monotonic() - collected_at >= _COLLECT_SECONDS:
                collected_at = time.monotonic()
                text += self._collect_lines(False)
            self._write_all(text.encode("utf-8", "backslashreplace"))

    def _collect_lines(self, at_end: bool) -> str:
        try:
            return "".join(self.more_lines(at_end))
        except Exception as error:  # noqa: BLE001 (without this thread there would be no log at all)
            return f"a sum of the log is missing here: {error!r}\n"

    def _write_all(self, rest: bytes) -> None:
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                select.select((), (self._descriptor,), ())
            except OSError:  # the reader is gone
                return
