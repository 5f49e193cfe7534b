"""The queues of the contract suite, each over a real server; a further kind is one more entry."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from redis.asyncio import Redis

from dungeonfighter.ingress.ports import DeadLetters, Queue
from dungeonfighter.ingress.rabbitmq import RabbitMQ
from dungeonfighter.ingress.rabbitmq_dead_letters import RabbitMQDeadLetters
from dungeonfighter.ingress.rabbitmq_names import own_reply_arguments
from dungeonfighter.ingress.redis_dead_letters import RedisDeadLetters
from dungeonfighter.ingress.redis_streams import RedisStreams
from testkit.rabbitmq_server import RabbitMQServer
from testkit.redis_server import RedisServer, redis_program
from tests.parts import program
from tests.rabbitmq import RabbitMQClient, rabbitmq_client

PREFIX: Final = "df:"
LEASE_SECONDS: Final = 1.0


class Broker(Protocol):
    """A real server that holds the queues of one game.

    Attributes:
        url: Its address.
    """

    url: str

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
        self.url = server.url
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


class RabbitMQBroker:
    """A RabbitMQ node, and a connection of the test to it."""

    def __init__(self, client: RabbitMQClient) -> None:
        self.url = client.url
        self._client = client

    def make(self) -> Queue:
        return RabbitMQ(self._client.url, prefix=PREFIX, lease_seconds=LEASE_SECONDS)

    def dead_letters(self) -> DeadLetters:
        return RabbitMQDeadLetters(self._client.url, prefix=PREFIX)

    async def send(self, stream: int, fields: Mapping[str, str | bytes]) -> None:
        texts = {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        await self._client.send(f"{PREFIX}in:{stream}", json.dumps(texts).encode(), texts["id"])

    async def replies(self, to: str = "") -> list[dict[str, bytes]]:
        found = [json.loads(body) for body in await self._client.take_all(to or f"{PREFIX}out")]
        return [{name: value.encode() for name, value in fields.items()} for fields in found]


@contextlib.asynccontextmanager
async def rabbitmq_broker(server: RabbitMQServer) -> AsyncIterator[Broker]:
    async with rabbitmq_client(server) as client:
        await client.declare(f"{PREFIX}out:team-a:me", own_reply_arguments())
        yield RabbitMQBroker(client)


@contextlib.asynccontextmanager
async def running_broker(
    kind: str, request: pytest.FixtureRequest | None, folder: Path
) -> AsyncIterator[Broker]:
    """Run the broker of a kind; a RabbitMQ node starts slowly, so all tests of a session share one."""
    if kind == "redis":
        async with redis_broker(folder) as broker:
            yield broker
    else:
        assert request is not None
        async with rabbitmq_broker(request.getfixturevalue("rabbitmq_server")) as broker:
            yield broker


BROKERS: Final = ("redis", pytest.param("rabbitmq", marks=pytest.mark.long))
