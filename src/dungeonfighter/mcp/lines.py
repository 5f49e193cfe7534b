"""Standard input and output as lines of bytes.

A thread reads, so that input may be a file, a pipe or a terminal; it reads a descriptor, because a thread
that waits in a Python file would break the end of the interpreter.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Final

from dungeonfighter import limits

_CHUNK_BYTES: Final = 65_536


def take_standard_streams() -> tuple[int, int] | None:
    """Return descriptors of standard input and output that nothing else in this process uses.

    From now on everything else that is printed goes to standard error. Call it before any file is opened.

    Returns:
        The two descriptors; None if the process was started without a standard output to answer on.
    """
    missing = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in missing:  # otherwise the next file that is opened would be a standard stream
        os.open(os.devnull, os.O_RDWR)
    if 1 in missing:
        return None
    taken = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return taken


class ByteStreams:
    """The standard streams of one client, line by line.

    Once the client does not read any more, the lines end as if it had closed its own end.

    Args:
        source: The descriptor to read from.
        sink: The descriptor to write to.
        line_bytes_max: The length of the longest whole line, without its end.
    """

    def __init__(self, source: int, sink: int, line_bytes_max: int = limits.body_bytes_max) -> None:
        self._source = source
        self._sink = sink
        self._line_bytes_max = line_bytes_max
        self._buffer = bytearray()
        self._skipping = False
        """True in the rest of a line that is too long."""
        self._has_ended = False
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._wanted = threading.Semaphore(0)
        """The thread reads one chunk for each release, so never ahead."""
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to read; call it once."""
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    async def write(self, line: bytes) -> None:
        """Write a line with its end; drop it if the client does not read any more."""
        async with self._writing:
            if self._sink < 0:
                return
            try:
                await asyncio.to_thread(_write_all, self._sink, line)
            except OSError:
                self._sink = -1
                self._end()

    async def next(self) -> bytes | None:
        """Return the next line without its end; None at the end.

        A line that is too long is cut behind its first byte too many.
        """
        while True:
            if self._sink < 0:
                return None
            end = self._buffer.find(b"\n")
            if end >= 0 or (self._has_ended and self._buffer):
                line = bytes(self._buffer[: end if end >= 0 else None])
                del self._buffer[: len(line) + 1]
                if not self._skipping:
                    return line
                self._skipping = False
            elif len(self._buffer) > self._line_bytes_max:
                line = bytes(self._buffer[: self._line_bytes_max + 1])
                self._buffer.clear()
                if not self._skipping:
                    self._skipping = True
                    return line
            elif self._has_ended:
                return None
            else:
                self._arrived.clear()
                self._wanted.release()
                await self._arrived.wait()

    def _take(self, chunk: bytes) -> None:
        self._buffer += chunk
        self._arrived.set()

    def _end(self) -> None:
        self._has_ended = True
        self._arrived.set()

    def _read(self) -> None:
        """Read, in the thread, until the client closes its end."""
        try:
            while True:
                self._wanted.acquire()
                try:
                    chunk = os.read(self._source, _CHUNK_BYTES)
                except OSError:
                    chunk = b""
                if not chunk:
                    self._loop.call_soon_threadsafe(self._end)
                    return
                self._loop.call_soon_threadsafe(self._take, chunk)
        except RuntimeError:  # the event loop is closed
            pass


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
