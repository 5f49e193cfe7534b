"""A connection of a test to a RabbitMQ node, which begins and ends without queues."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aiormq import connect, spec
from aiormq.abc import AbstractChannel
from pamqp.common import Arguments

from dungeonfighter.ingress.rabbitmq_names import names_of
from testkit.rabbitmq_server import RabbitMQServer


class RabbitMQClient:
    """Sends and takes single messages.

    Attributes:
        url: The address of the node.
        channel: For what is not here.
    """

    def __init__(self, url: str, channel: AbstractChannel) -> None:
        self.url = url
        self.channel = channel
        self._declared: list[str] = []

    async def declare(self, name: str, arguments: Arguments) -> None:
        """Create a queue that is removed at the end."""
        await self.channel.queue_declare(name, durable=True, arguments=arguments)
        self._declared.append(name)

    async def send(self, to: str, body: bytes, name: str = "") -> None:
        """Publish to a queue, which must exist, and wait for the confirmation."""
        properties = spec.Basic.Properties(delivery_mode=2, correlation_id=name or None)
        await self.channel.basic_publish(body, routing_key=to, properties=properties, mandatory=True)

    async def take_all(self, queue: str) -> list[bytes]:
        """Take all messages of a queue."""
        bodies: list[bytes] = []
        while True:
            message = await self.channel.basic_get(queue, no_ack=True)
            if isinstance(message.delivery, spec.Basic.GetEmpty):
                return bodies
            bodies.append(message.body)

    async def remove_all(self) -> None:
        names = names_of("df:")
        for name in (*names.streams, names.replies, names.dead, *self._declared):
            await self.channel.queue_delete(name)


@contextlib.asynccontextmanager
async def rabbitmq_client(server: RabbitMQServer) -> AsyncIterator[RabbitMQClient]:
    async with connect(server.url) as connection:
        client = RabbitMQClient(server.url, await connection.channel(on_return_raises=True))
        await client.remove_all()
        yield client
    async with connect(server.url) as connection:  # the test may have restarted the node
        client.channel = await connection.channel()
        await client.remove_all()
