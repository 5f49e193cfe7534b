"""Hostile connections for `bench.flood`: they cost a client little and may cost a server a lot.

Each connection attacks in one way for ever, reconnects once a second at most, and sends one request a second
at most where the server answers it: the bench is about connections, not about request rates.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

_HOST: Final = b"Host: localhost\r\n"
_POST: Final = b"POST /mcp HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\n"
_CALL: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_game_state",'
    b'"arguments":{"botId":"hostile"}}}'
)
_GET: Final = b"GET /api/summary HTTP/1.1\r\n" + _HOST + b"\r\n"
_WHOLE: Final = _POST + b"Accept: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_CALL), _CALL)
_BLANKS: Final = _WHOLE.replace(b"Accept", b"Mcp-Param-Bot-Id: a" + b" " * 31_500 + b"b\r\nAccept", 1)
_FIELDS: Final = _WHOLE.replace(b"Accept", b"X: y\r\n" * 5_000 + b"Accept", 1)
_OFFER: Final = _WHOLE.replace(
    b"Accept", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nAccept", 1
)
_PAUSE_SECONDS: Final = 1.0
_PIPELINE_BYTES: Final = 10_000_000

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


async def _slow_head(_: Reader, writer: Writer) -> None:
    for at in range(len(_GET)):
        writer.write(_GET[at : at + 1])
        await writer.drain()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _half_body(reader: Reader, writer: Writer) -> None:
    writer.write(_POST + b"Content-Length: 1000000\r\n\r\n" + b" " * 900_000)
    await reader.read()


async def _unread_answers(_: Reader, writer: Writer) -> None:
    for _number in itertools.repeat(0):
        writer.write(_GET * 20)
        await writer.drain()
        await asyncio.sleep(_PAUSE_SECONDS / 5)


async def _unread_pipeline(_: Reader, writer: Writer) -> None:
    mixed = (_GET + _WHOLE) * 100
    for _number in range(_PIPELINE_BYTES // len(mixed)):
        writer.write(mixed)
        await writer.drain()
    await asyncio.sleep(_PIPELINE_BYTES)


def _repeat_forever(request: bytes) -> Callable[[Reader, Writer], Awaitable[None]]:
    async def ask(reader: Reader, writer: Writer) -> None:
        while True:
            writer.write(request)
            if not await reader.read(65_536):
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    return ask


KINDS: Final = (
    _slow_head, _half_body, _unread_answers, _unread_pipeline,
    _repeat_forever(_BLANKS), _repeat_forever(_FIELDS), _repeat_forever(_OFFER),
)  # fmt: skip


async def _one(number: int, port: int) -> None:
    """Open one connection after the other until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            deaf = socket.socket()
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=deaf, limit=4096)
            try:
                await KINDS[number % len(KINDS)](reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _flood(port: int, connections: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    tasks = [asyncio.create_task(_one(number, port)) for number in range(connections)]
    await asyncio.wait(tasks, timeout=end - time.monotonic())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_flood(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
