"""A proxy between an ingress and RabbitMQ that can hold replies or acknowledgements, cut and fall silent."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final

from tests.integration.queue_proxy import Connection, QueueProxy, listening

REPLIES: Final = b"df:out:local:"
"""Bytes that only a reply has: the name of the queue that it goes to."""
ACKNOWLEDGEMENTS: Final = b"\x00\x3c\x00\x50"
"""The class and method of `basic.ack` (AMQP 0-9-1, "basic")."""


class RabbitMQProxy(QueueProxy):
    """A proxy in front of RabbitMQ.

    Attributes:
        hold: Keep requests with these bytes, and all behind them, from the broker; `held` is set when one
            has come.
    """

    def __init__(self, broker_port: int) -> None:
        super().__init__(broker_port)
        self.hold = b""

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def pass_request(self, request: bytes, connection: Connection) -> bool:
        """See `QueueProxy`."""
        if self.hold and self.hold in request:
            connection.is_held = True
            self.held.set()
        if not connection.is_held:
            connection.queue.write(request)
        return True


def rabbitmq_proxy(broker_port: int) -> AbstractAsyncContextManager[RabbitMQProxy]:
    """Run a `RabbitMQProxy` in front of the broker at this port."""
    return listening(RabbitMQProxy(broker_port))
