"""A proxy between an ingress and Redis that can hold, cut or silence its connections at the reply script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from dungeonfighter.ingress.redis_scripts import ANSWER

_REPLIES: Final = (ANSWER.digest.encode(), b"'MAXLEN', '~', most")
"""Bytes that only the script of the replies has: its digest, and a part of its text."""


class RedisProxy:
    """Passes bytes on. `async with redis_proxy(port)` makes one.

    Attributes:
        hold: Keep replies that come from now on from Redis; `held` is set when one has come.
        cut_after: Pass the next replies on, and cut the connection instead of passing the answer on;
            `cut` is set when that has happened.
        is_silent: Drop all bytes of all connections, and close none.
    """

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port
        self.port = 0
        self.hold = False
        self.held = asyncio.Event()
        self.cut_after = False
        self.cut = asyncio.Event()
        self.is_silent = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut_all(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the ingress in a task."""
        task = asyncio.create_task(self.serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        """Drop all connections."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self.cut_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the ingress."""
        try:
            back_reader, back = await asyncio.open_connection("127.0.0.1", self._redis_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        answering = asyncio.create_task(self._pass_answers(back_reader, writer))
        with contextlib.suppress(ConnectionError):
            while request := await reader.read(1 << 20):
                if self.is_silent:
                    continue
                has_replies = any(words in request for words in _REPLIES)
                if has_replies and self.hold:
                    self.held.set()
                    continue
                if has_replies and self.cut_after:
                    answering.cancel()
                    await asyncio.wait([answering])
                    back.write(request)
                    await back_reader.read(1 << 20)  # Redis has executed it
                    writer.transport.abort()
                    self.cut_after = False
                    self.cut.set()
                    break
                back.write(request)
        answering.cancel()
        back.close()
        writer.close()
        self._writers -= {writer, back}

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while answer := await reader.read(1 << 20):
                if not self.is_silent:
                    writer.write(answer)
        writer.close()


@contextlib.asynccontextmanager
async def redis_proxy(redis_port: int) -> AsyncIterator[RedisProxy]:
    """Run a `RedisProxy` in front of the Redis at this port."""
    proxy = RedisProxy(redis_port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
