"""A proxy between an ingress and Redis that can hold, cut or silence its connections at the reply script."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final

from dungeonfighter.ingress.redis_scripts import ANSWER
from tests.integration.queue_proxy import BYTES_MAX, Connection, QueueProxy, listening

_REPLIES: Final = (ANSWER.digest.encode(), b"'MAXLEN', '~', most")
"""Bytes that only the script of the replies has: its digest, and a part of its text."""


class RedisProxy(QueueProxy):
    """A proxy in front of Redis.

    Attributes:
        hold: Keep replies that come from now on from Redis; `held` is set when one has come.
        cut_after: Pass the next replies on, and cut the connection instead of passing the answer on;
            `cut` is set when that has happened.
    """

    def __init__(self, redis_port: int) -> None:
        super().__init__(redis_port)
        self.hold = False
        self.cut_after = False
        self.cut = asyncio.Event()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def pass_request(self, request: bytes, connection: Connection) -> bool:
        """See `QueueProxy`."""
        has_replies = any(words in request for words in _REPLIES)
        if has_replies and self.hold:
            self.held.set()
            return True
        if has_replies and self.cut_after:
            connection.answering.cancel()
            await asyncio.wait([connection.answering])
            connection.queue.write(request)
            await connection.queue_reader.read(BYTES_MAX)  # Redis has executed it
            connection.ingress.transport.abort()
            self.cut_after = False
            self.cut.set()
            return False
        connection.queue.write(request)
        return True


def redis_proxy(redis_port: int) -> AbstractAsyncContextManager[RedisProxy]:
    """Run a `RedisProxy` in front of the Redis at this port."""
    return listening(RedisProxy(redis_port))
