"""TLS in front of a PostgreSQL whose programs were built without it: the server's half of the protocol.

A client asks with the message SSLRequest; the front agrees, ends TLS itself, and passes on the plain bytes.

Source: PostgreSQL's manual, "SSL Session Encryption".
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final

_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")


@contextlib.asynccontextmanager
async def tls_front(port: int, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Run a front of the PostgreSQL at a port of 127.0.0.1, and yield the port of the front.

    Args:
        port: The server.
        context: The certificate of the front; None refuses TLS, as a server without certificates does.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await reader.readexactly(len(_SSL_REQUEST))
            assert first == _SSL_REQUEST
            writer.write(b"S" if context is not None else b"N")
            if context is not None:
                await writer.start_tls(context)
                behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pump(reader, behind_writer), _pump(behind_reader, writer))
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
