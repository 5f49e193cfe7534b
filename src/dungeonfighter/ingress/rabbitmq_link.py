"""The connections to RabbitMQ of one consumer, producer or command, and the translation of its errors.

Publishing has a connection of its own: when the broker is short of memory or disk, it stops reading from
connections that publish, and acknowledgements on such a connection would wait, too. A connection that fails
stays failed: the owner opens all anew, so it knows which deliveries are void. Nothing waits without a bound,
and a message whose confirmation did not come in time may have arrived.

Source: docs/decisions/052-rabbitmq.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from aiormq import connect
from aiormq.abc import AbstractChannel as Channel
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionNotAllowed,
    DeliveryError,
    InvalidFrameError,
    ProbableAuthenticationError,
    PublishError,
)
from msgspec import Struct
from pamqp.common import Arguments
from pamqp.exceptions import PAMQPException

from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.rabbitmq_messages import Properties

ANSWER_SECONDS_MAX: Final = 5.0
"""The longest wait for an answer or a confirmation."""
_CLOSE_SECONDS_MAX: Final = 2.0
_HEARTBEAT_SECONDS_MIN: Final = 2
_REFUSALS: Final = (
    AuthenticationError, ProbableAuthenticationError, ConnectionNotAllowed, ChannelAccessRefused,
    ChannelPreconditionFailed,
)  # fmt: skip

logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it raises, too, whatever it logs


class Missing(Exception):
    """The queue or exchange does not exist."""


class Outgoing(Struct, frozen=True):
    """A message to publish; it goes to the queue named `to`, or to an exchange."""

    to: str
    body: bytes
    properties: Properties
    exchange: str = ""


class OnMessage(Protocol):
    """Receives one message; it must not wait."""

    async def __call__(self, message: DeliveredMessage, /) -> None: ...


class RabbitMQLink:
    """Two connections to one broker.

    Args:
        url: amqp:// or amqps://, with the options of the client library.
        heartbeat_seconds: The broker and this side take a silent connection for dead after about twice so
            long.
        on_failure: Called when an open connection or channel ends without `close` being called.
    """

    def __init__(self, url: str, heartbeat_seconds: float, on_failure: Callable[[str], None]) -> None:
        self._url = _with_heartbeat(url, heartbeat_seconds)
        self._on_failure = on_failure
        self._connections: list[AbstractConnection] = []
        self._wanted: set[Channel] = set()
        self._publishing: Channel
        self.control: Channel

    async def open(self) -> None:
        """Connect anew.

        Raises:
            QueueUnavailable, QueueRefused.
        """
        await self.close()
        async with translated():
            for _ in range(2):
                self._connections.append(await self._connect())
            self._publishing = await self._channel(self._connections[0], is_confirmed=True)
            self.control = await self._channel(self._connections[1], is_confirmed=False)

    async def channel(self) -> Channel:
        """Return a further channel of the consuming connection.

        Raises:
            QueueUnavailable, QueueRefused.
        """
        async with translated():
            return await self._channel(self._connections[1], is_confirmed=False)

    async def leave(self, channel: Channel) -> None:
        """Close a channel; the broker gives what was not acknowledged to the next consumer, in order.

        Raises:
            QueueUnavailable, QueueRefused.
        """
        self._wanted.discard(channel)
        async with translated():
            await channel.close()

    async def consume(
        self, channel: Channel, queue: str, on_message: OnMessage, *, prefetch: int = 0, no_ack: bool = False
    ) -> None:
        """Begin to receive messages, with at most `prefetch` that are not acknowledged.

        Raises:
            QueueUnavailable, QueueRefused, Missing.
        """
        async with translated():
            if prefetch:
                await channel.basic_qos(prefetch_count=prefetch)
            await channel.basic_consume(queue, on_message, no_ack=no_ack)

    async def declare(self, queue: str, arguments: Arguments) -> None:
        """Create a queue if it is missing.

        Raises:
            QueueUnavailable.
            QueueRefused: The queue exists and is another one.
        """
        async with translated():
            await self.control.queue_declare(queue, durable=True, arguments=arguments)

    async def hear(self, exchange: str, ear: str, on_message: OnMessage) -> None:
        """Receive all that is published to an exchange, by a queue that lives as long as the connection.

        Raises:
            QueueUnavailable, QueueRefused.
        """
        async with translated():
            control = self.control
            await control.exchange_declare(exchange, exchange_type="fanout", durable=True)
            await control.queue_declare(ear, exclusive=True, auto_delete=True)
            await control.queue_bind(ear, exchange)
            await control.basic_consume(ear, on_message, no_ack=True)

    async def waiting(self, queue: str) -> int:
        """Return the number of messages in a queue that no consumer has.

        Raises:
            QueueUnavailable, QueueRefused, Missing.
        """
        async with translated():
            found = await self.control.queue_declare(queue, passive=True)
            return found.message_count or 0

    async def publish(self, messages: Sequence[Outgoing]) -> list[int]:
        """Publish messages and wait until the broker has confirmed all of them.

        Returns:
            The places of those that no queue received, because the queue does not exist.

        Raises:
            QueueUnavailable: Any of them may have arrived.
        """
        async with translated():
            results = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, PublishError):
                    raise result
        return [place for place, result in enumerate(results) if isinstance(result, PublishError)]

    async def _publish(self, message: Outgoing) -> None:
        await self._publishing.basic_publish(
            message.body, exchange=message.exchange, routing_key=message.to, properties=message.properties,
            mandatory=not message.exchange,
        )  # fmt: skip

    async def close(self) -> None:
        """Close both connections; never raises."""
        self._wanted.clear()
        connections, self._connections = self._connections, []
        if connections:
            closing = [asyncio.ensure_future(one.close()) for one in connections]
            await asyncio.wait(closing, timeout=_CLOSE_SECONDS_MAX)
            for one in closing:
                one.cancel()
            await asyncio.gather(*closing, return_exceptions=True)

    async def _connect(self) -> AbstractConnection:
        try:
            return await connect(self._url)
        except InvalidFrameError as error:  # the broker closes the connection where it should open it
            place = unquote(urlsplit(self._url).path[1:]) or "/"
            raise QueueRefused(
                f"RabbitMQ has no virtual host {place!r}, or the user may not use it: the path of the address"
            ) from error

    async def _channel(self, connection: AbstractConnection, *, is_confirmed: bool) -> Channel:
        """Open a channel whose end is a failure while it is wanted."""
        opened = await connection.channel(publisher_confirms=is_confirmed, on_return_raises=is_confirmed)
        self._wanted.add(opened)
        opened.closing.add_done_callback(lambda closing: self._ended(opened, closing))
        opened.on_consumer_cancel_callbacks.add(lambda _: self._cancelled(opened))
        return opened

    def _ended(self, channel: Channel, closing: asyncio.Future[object]) -> None:
        if channel in self._wanted:
            self._wanted.clear()
            error = None if closing.cancelled() else closing.exception()
            self._on_failure(str(error or "the connection was closed"))

    def _cancelled(self, channel: Channel) -> None:
        if channel in self._wanted:
            self._wanted.clear()
            self._on_failure("a queue was removed")


@contextlib.asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Bound the time of a call, and turn the errors of the client library into those of the port."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            yield
    except ChannelNotFoundEntity as error:
        raise Missing(str(error)) from error
    except _REFUSALS as error:
        raise QueueRefused(f"RabbitMQ refuses: {error}") from error
    except DeliveryError as error:
        raise QueueUnavailable(f"RabbitMQ did not take a message: {error}") from error
    except TimeoutError as error:
        raise QueueUnavailable(f"RabbitMQ gave no answer for {ANSWER_SECONDS_MAX:g} s") from error
    except (AMQPError, PAMQPException, OSError, RuntimeError, EOFError) as error:
        said = str(error) or type(error).__name__
        raise QueueUnavailable(f"RabbitMQ does not answer: {said}") from error


def _with_heartbeat(url: str, seconds: float) -> str:
    """Return an address with the interval of heartbeats, unless it names one."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    options.setdefault("heartbeat", str(max(_HEARTBEAT_SECONDS_MIN, round(seconds))))
    return parts._replace(query=urlencode(options)).geturl()
