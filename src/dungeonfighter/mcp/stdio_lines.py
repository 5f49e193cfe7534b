"""Standard input and output as lines of JSON-RPC, with an answer to each line that is no message.

`mcp.server.stdio.stdio_server` reads and writes through `StandardStreams` as through text files.

Source: MCP 2026-07-28, basic/transports/stdio.
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.answers import INVALID_REQUEST
from dungeonfighter.mcp.lines import ByteStreams


class StandardStreams:
    """The messages of one client; the arguments are those of `ByteStreams`."""

    def __init__(self, source: int, sink: int) -> None:
        self._lines = ByteStreams(source, sink)

    def __aiter__(self) -> StandardStreams:
        """Begin to read; call it once."""
        self._lines.start()
        return self

    async def __anext__(self) -> str:
        """Return the next message; answer the lines between that are none."""
        while (line := await self._lines.next()) is not None:
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
        await self._lines.write(text.encode())

    async def flush(self) -> None:
        """Do nothing: every line is written at once."""

    async def _answer(self, body: bytes) -> None:
        await self._lines.write(body + b"\n")
