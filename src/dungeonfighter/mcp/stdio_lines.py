"""Standard input and output as lines of JSON-RPC, with an answer to each line that is no message.

`mcp.server.stdio.stdio_server` reads and writes through `StandardStreams` as through text files. A thread
reads, so that input may be a file, a pipe or a terminal; it reads a descriptor, because a thread that waits
in a Python file would break the end of the interpreter.

Source: MCP 2026-07-28, basic/transports/stdio.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Final

from dungeonfighter import limits
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.answers import INVALID_REQUEST

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


class StandardStreams:
    """The lines of one client.

    Once the client does not read any more, the lines end as if it had closed its own end.

    Args:
        source: The descriptor to read from.
        sink: The descriptor to write to.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._buffer = bytearray()
        self._skipping = False
        """True in the rest of a line that is too long."""
        self._has_ended = False
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._wanted = threading.Semaphore(0)
        """The thread reads one chunk for each release, so never ahead."""
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> StandardStreams:
        """Begin to read; call it once."""
        threading.Thread(target=self._read, name="stdin", daemon=True).start()
        return self

    async def __anext__(self) -> str:
        """Return the next message; answer the lines between that are none."""
        while (line := await self._line()) is not None:
            if len(line) > limits.body_bytes_max:
                wrong = f"the message is larger than {limits.body_bytes_max} bytes"
                await self._answer(wire.error_body(None, INVALID_REQUEST, wrong))
            elif line.strip():
                envelope = wire.open_envelope(line)
                fault = envelope.fault
                if fault is None:
                    return line.decode()
                if fault.message != wire.NO_RESPONSES:  # an answer to an answer would pass for another one
                    await self._answer(wire.error_body(envelope.id, fault.code, fault.message, fault.data))
        raise StopAsyncIteration

    async def write(self, text: str) -> None:
        """Write an answer with its line end; drop it if the client does not read any more."""
        async with self._writing:
            if self._sink < 0:
                return
            try:
                await asyncio.to_thread(_write_all, self._sink, text.encode())
            except OSError:
                self._sink = -1
                self._end()

    async def flush(self) -> None:
        """Do nothing: every line is written at once."""

    async def _answer(self, body: bytes) -> None:
        await self.write(f"{body.decode()}\n")

    async def _line(self) -> bytes | None:
        """Return the next line without its end, cut behind the first byte too many; None at the end."""
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
            elif len(self._buffer) > limits.body_bytes_max:
                line = bytes(self._buffer[: limits.body_bytes_max + 1])
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
