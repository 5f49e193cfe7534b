"""The log behind a queue: whoever writes a line never waits for the reader, the disk or another process.

A thread writes the queued lines in order, several at a time but never more than the kernel writes whole, so
that the lines of processes which share a pipe or a file stay whole. If the reader or the disk does not keep
up, the queue drops lines and counts them. Once lines are written again, one line has the count.

With a file the lines are appended to it. After `reopen` the thread opens the path anew before it writes any
further line, so that the file can be rotated by renaming it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dungeonfighter.hosting.instruments import Counter
from dungeonfighter.telemetry.log_lines import LINE_BYTES_MAX

CHARACTERS_MAX: Final = 1 << 20
"""The capacity of the queue."""
FLUSH_SECONDS_MAX: Final = 2.0
"""The longest time that the end of the process waits for the reader."""
_COLLECT_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.25
"""The time until the next attempt after a write that failed, for example on a full disk."""
_FILE_MODE: Final = 0o640


def _no_lines(_at_end: bool) -> list[str]:
    return []


def _loss_as_text(lost: int, why: str) -> str:
    return f"{lost} lines of the log are missing here: {why}" if lost else why


class LogQueue:
    """Lines on their way to a descriptor, with a thread of their own; `put` never blocks.

    Args:
        descriptor: The thread writes to it; ignored with a path.
        path: A file to append to.
        more_lines: Called in the thread several times a second, and with True by `drain`; the queue writes
            the lines that it returns.
        loss_line: Makes the line about lost lines from their number and the reason.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(
        self,
        descriptor: int,
        path: str = "",
        more_lines: Callable[[bool], Sequence[str]] = _no_lines,
        loss_line: Callable[[int, str], str] = _loss_as_text,
    ) -> None:
        self.path = path
        self.descriptor = self._opened() if path else descriptor
        self.more_lines = more_lines
        self.loss_line = loss_line
        self.lost = Counter()
        """The lines that nobody will read, since the process began."""
        self._waiting: deque[str] = deque()
        self._queued_chars = 0
        self._reported = 0
        self._why = "nobody read the log"
        self._is_writing = self._is_torn = self._must_reopen = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.drain)

    def put(self, line: str) -> None:
        """Queue a line, which may contain line feeds; drop and count it if the queue is full."""
        with self._condition:
            if self._queued_chars + len(line) > CHARACTERS_MAX:
                self.lost.value += 1
            else:
                self._waiting.append(line)
                self._queued_chars += len(line)
                self._condition.notify_all()

    def count_losses_with(self, counter: Counter) -> None:
        """Count the lost lines with this counter from now on; it begins with those of before."""
        with self._condition:
            counter.value, self.lost = self.lost.value, counter

    def reopen(self) -> None:
        """Let the thread open the path anew before it writes further lines; without a path do nothing."""
        with self._condition:
            self._must_reopen = bool(self.path)
            self._condition.notify_all()

    def drain(self, seconds: float = FLUSH_SECONDS_MAX) -> bool:
        """Wait until all queued lines are written, for `seconds` at most; return True if they are."""
        for line in self._collected(at_end=True):
            self.put(line)
        with self._condition:
            return self._condition.wait_for(lambda: not (self._waiting or self._is_writing), seconds)

    def _run(self) -> None:
        collected_at = time.monotonic()
        while True:
            with self._condition:
                self._is_writing = False
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._waiting or self._must_reopen, _COLLECT_SECONDS)
                lines = list(self._waiting)
                self._waiting.clear()
                self._queued_chars = 0
                self._is_writing = True
                must_reopen, self._must_reopen = self._must_reopen, False
            if time.monotonic() - collected_at >= _COLLECT_SECONDS:
                collected_at = time.monotonic()
                lines += self._collected(at_end=False)
            if must_reopen:
                self._reopen()
            self._write_lines(lines)

    def _write_lines(self, lines: list[str]) -> None:
        for count, chunk in _chunks(lines):
            if not self._write(chunk):
                self._lose(count)
        unreported = self.lost.value - self._reported
        if unreported and self._write(f"{self.loss_line(unreported, self._why)}\n".encode()):
            self._reported += unreported

    def _lose(self, count: int) -> None:
        with self._condition:
            self.lost.value += count
        time.sleep(_PAUSE_SECONDS)

    def _collected(self, *, at_end: bool) -> Sequence[str]:
        try:
            return self.more_lines(at_end)
        except Exception as error:  # noqa: BLE001 (without this thread there would be no log at all)
            return [self.loss_line(1, f"a sum failed with {type(error).__name__}")]

    def _write(self, rest: bytes) -> bool:
        """Write a chunk; return False if the reader is gone or the disk takes no more."""
        if self._is_torn:  # a part of a line is all that was written before
            rest = b"\n" + rest
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self.descriptor, rest) :]
            except BlockingIOError:
                select.select((), (self.descriptor,), ())
            except OSError as error:
                self._why = f"it could not be written ({error.strerror})"
                self._is_torn = self._is_torn or len(rest) < size
                return False
        self._is_torn = False
        return True

    def _opened(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)

    def _reopen(self) -> None:
        """Open the path anew; if that fails, go on with the former file and say so in it."""
        try:
            opened = self._opened()
        except OSError as error:
            line = self.loss_line(0, f"the file of the log cannot be opened anew ({error.strerror})")
            self._write(f"{line}\n".encode())
            return
        former, self.descriptor = self.descriptor, opened
        with contextlib.suppress(OSError):
            os.close(former)


def _chunks(lines: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines in pieces of at most `LINE_BYTES_MAX` bytes, each with the number of its lines."""
    count, chunk = 0, b""
    for line in lines:
        raw = f"{line}\n".encode("utf-8", "backslashreplace")
        if count and len(chunk) + len(raw) > LINE_BYTES_MAX:
            yield count, chunk
            count, chunk = 0, b""
        count, chunk = count + 1, chunk + raw
    if count:
        yield count, chunk
