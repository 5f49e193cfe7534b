"""The queues of the contract suite, each over a real server; a further kind is one more entry."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from redis.asyncio import Redis

from dungeonfighter.ingress.ports import DeadLetters, Queue
from dungeonfighter.ingress.redis_dead_letters import RedisDeadLetters
from dungeonfighter.ingress.redis_streams import RedisStreams
from testkit.redis_server import RedisServer, redis_program
from tests.parts import program

PREFIX: Final = "df:"
LEASE_SECONDS: Final = 1.0


class Broker(Protocol):
    """A real server that holds the queues of one game."""

    def make(self) -> Queue:
        """Return a consumer that is not open yet."""

    def dead_letters(self) -> DeadLetters: ...

    async def send(self, stream: int, fields: Mapping[str, str | bytes]) -> None:
        """Add a message to the end of a stream, as a producer does."""

    async def replies(self, to: str = "") -> list[dict[str, bytes]]:
        """Return all replies that arrived at a stream, and remove none or all of them."""


class RedisBroker:
    """A Redis server, and a connection of the test to it."""

    def __init__(self, server: RedisServer, user: str = "") -> None:
        self.server = server
        self.client = Redis.from_url(self.url_of(user) if user else server.url)

    def url_of(self, user: str) -> str:
        """Return the address for a user with a password, `name:password`."""
        return self.server.url.replace("//", f"//{user}@")

    def make(self) -> Queue:
        return RedisStreams(self.server.url, prefix=PREFIX, lease_seconds=LEASE_SECONDS)

    def dead_letters(self) -> DeadLetters:
        return RedisDeadLetters(self.server.url, prefix=PREFIX)

    async def send(self, stream: int, fields: Mapping[str, str | bytes]) -> None:
        words = [word for pair in fields.items() for word in pair]
        client: Any = self.client
        await client.execute_command("XADD", f"{PREFIX}in:{stream}", "*", *words)

    async def replies(self, to: str = "") -> list[dict[str, bytes]]:
        found: Any = await self.client.xrange(to or f"{PREFIX}out")
        return [{name.decode(): value for name, value in fields.items()} for _, fields in found]


@contextlib.asynccontextmanager
async def redis_broker(folder: Path) -> AsyncIterator[Broker]:
    with RedisServer(redis_program() or program("redis-server", part="redis"), folder) as server:
        broker = RedisBroker(server)
        yield broker
        await broker.client.aclose()


BROKERS: Final[dict[str, Callable[[Path], AbstractAsyncContextManager[Broker]]]] = {"redis": redis_broker}
