"""The dead letters in RabbitMQ, for an operator; see `ingress.ports.DeadLetters`.

A letter is the message as it was, cut, with headers that say why it is here. The broker itself may add
letters, when an operator has given the streams a limit of its own; those have the broker's headers.

Source: docs/decisions/052-rabbitmq.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from aiormq import spec
from aiormq.abc import AbstractChannel as Channel
from aiormq.abc import DeliveredMessage

from dungeonfighter.ingress.messages import DEAD_LETTER_BYTES_MAX
from dungeonfighter.ingress.partitions import STREAMS, stream_of
from dungeonfighter.ingress.ports import DeadLetter, Delivery, QueueUnavailable
from dungeonfighter.ingress.rabbitmq_link import Missing, Outgoing, RabbitMQLink, translated
from dungeonfighter.ingress.rabbitmq_messages import BODY, Properties, body_of, fields_of, properties_of
from dungeonfighter.ingress.rabbitmq_names import dead_arguments, names_of, stream_arguments

_HEARTBEAT_SECONDS: Final = 30
_NAME_CHARS_MAX: Final = 64
_DEATHS: Final = "x-death"
"""The broker's header about messages that it has moved."""


def letter_of(queue: str, reason: str, delivery: Delivery, body: bytes, properties: Properties) -> Outgoing:
    """Return the dead letter of a message, with the body `body`, which may be cut."""
    headers = {
        "reason": reason,
        "stream": delivery.stream,
        "entry": str(properties.message_id or "")[:_NAME_CHARS_MAX],
        "whole": len(body) == delivery.size,
    }
    name = str(properties.correlation_id or "")[:_NAME_CHARS_MAX]
    made = properties_of(name, is_persistent=True, headers=headers)
    made.message_id = uuid4().hex
    return Outgoing(queue, body, made)


class RabbitMQDeadLetters:
    """The dead letters of a game. Between `read` and `close` nobody else sees the letters that were read.

    Args:
        url: amqp:// or amqps://.
        prefix: The beginning of all names of queues.
    """

    def __init__(self, url: str, *, prefix: str = "df:") -> None:
        self._names = names_of(prefix)
        self._link = RabbitMQLink(url, _HEARTBEAT_SECONDS, lambda _: None)
        self._channel: Channel | None = None
        self._letters: dict[str, tuple[int, DeadLetter]] = {}
        """The letters that were read, in their order, each with its tag; 0 once it was removed."""

    async def count(self) -> int:
        """See `DeadLetters`."""
        await self._opened()
        try:
            unread = await self._link.waiting(self._names.dead)
        except Missing as error:
            raise QueueUnavailable(f"the queue {self._names.dead} was removed") from error
        return unread + sum(tag > 0 for tag, _ in self._letters.values())

    async def read(self, after: str, count: int) -> list[DeadLetter]:
        """See `DeadLetters`."""
        channel = await self._opened()
        names = list(self._letters)
        begin = names.index(after) + 1 if after in self._letters else 0
        found = [letter for tag, letter in list(self._letters.values())[begin:] if tag]
        while len(found) < count:
            async with translated():
                message = await channel.basic_get(self._names.dead)
            if not isinstance(message.delivery, spec.Basic.GetOk) or not message.delivery.delivery_tag:
                break
            letter = _letter(message, self._names.streams, len(self._letters))
            self._letters[letter.handle] = message.delivery.delivery_tag, letter
            found.append(letter)
        return found[:count]

    async def resend(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters`."""
        for letter in letters:
            if not letter.is_whole:
                raise QueueUnavailable(
                    f"the dead letter {letter.handle} is not complete, so it cannot be sent"
                )
            fields = {name: value.decode("utf-8", "replace") for name, value in letter.fields.items()}
            stream = stream_of(fields["bot"]) if fields.get("bot") else letter.stream
            properties = properties_of(fields.get("id", ""), is_persistent=True)
            message = Outgoing(self._names.streams[stream], body_of(fields), properties)
            if await self._link.publish([message]):
                raise QueueUnavailable(f"the queue {message.to} was removed")
            await self.delete([letter])

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters`."""
        channel = await self._opened()
        for letter in letters:
            tag, _ = self._letters.get(letter.handle, (0, letter))
            if tag:
                async with translated():
                    await channel.basic_ack(tag)
                self._letters[letter.handle] = 0, letter

    async def close(self) -> None:
        """See `DeadLetters`; the letters that were read return to their places."""
        self._channel = None
        self._letters.clear()
        await self._link.close()

    async def _opened(self) -> Channel:
        if self._channel is None:
            await self._link.open()
            await self._link.declare(self._names.dead, dead_arguments())
            for name in self._names.streams:
                await self._link.declare(name, stream_arguments(self._names))
            self._channel = await self._link.channel()
        return self._channel


def _letter(message: DeliveredMessage, streams: Sequence[str], place: int) -> DeadLetter:
    """Return a letter; one that somebody else has written may lack everything, and is called by its place."""
    properties, body = message.header.properties, message.body
    headers: dict[str, Any] = dict(properties.headers or {})
    reason, source = _death(headers)
    stream = headers.get("stream", streams.index(source) if source in streams else 0)
    fields = fields_of(body[: DEAD_LETTER_BYTES_MAX + 1], properties)
    fits = len(body) <= DEAD_LETTER_BYTES_MAX and headers.get("whole", True) is True
    return DeadLetter(
        str(properties.message_id or f"unnamed-{place}")[:_NAME_CHARS_MAX],
        str(headers.get("reason", reason))[:_NAME_CHARS_MAX],
        stream if isinstance(stream, int) and 0 <= stream < STREAMS else 0,
        str(headers.get("entry", ""))[:_NAME_CHARS_MAX],
        {name: value[:DEAD_LETTER_BYTES_MAX] for name, value in fields.items()},
        fits and BODY not in fields,
    )


def _death(headers: dict[str, Any]) -> tuple[str, str]:
    """Return the reason and the queue of a message that the broker has moved; empty if it has not."""
    deaths = headers.get(_DEATHS)
    first = deaths[0] if isinstance(deaths, list) and deaths else None
    if not isinstance(first, dict):
        return "", ""
    reason = str(first.get("reason", ""))
    return ("too_many_deliveries" if reason == "delivery_limit" else reason), str(first.get("queue", ""))
