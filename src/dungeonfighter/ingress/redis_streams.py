"""The queue over Redis Streams.

A stream has one group with one consumer, the holder of its lease. A reply, the acknowledgement and the
removal of its message are one script, so none of them can be lost alone. Handled messages are removed, so
the length of a stream is the number of messages that are not answered.

Source: docs/ingress.md, docs/decisions/051-ingress.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Any, Final

import msgspec

from dungeonfighter.connection_strings import shown_redis
from dungeonfighter.ingress.messages import DEAD_LETTER_BYTES_MAX, MESSAGE_BYTES_MAX
from dungeonfighter.ingress.ports import Delivery, QueueRefused, QueueUnavailable, Reply
from dungeonfighter.ingress.redis_dead_letters import MESSAGE
from dungeonfighter.ingress.redis_keys import CONSUMER, GROUP, keys_of
from dungeonfighter.ingress.redis_link import NoGroup, RedisLink
from dungeonfighter.ingress.redis_scripts import ANSWER, CREATE, EXCUSE, LENGTHS, READ, TAKE_OVER
from dungeonfighter.ingress.stream_leases import StreamLeases
from dungeonfighter.task_ending import end

logger = logging.getLogger(__name__)

DEAD_LETTERS_MAX: Final = 10_000
"""Older dead letters are removed (approximately)."""
_READ_BYTES_MAX: Final = 1_048_576
"""The bytes after which one read ends, before values are cut. It exceeds them by 16 messages at most."""
_TAKEN_OVER_AT_ONCE: Final = 256
_OF_A_STREAM_MAX: Final = 512
"""A stream with so many messages in hand is not read: a bot that floods it leaves room for other streams."""
_BESIDE_FULL_SECONDS: Final = 0.05
"""The longest wait for messages while there is such a stream."""
_NAMES: Final = {
    name.encode(): name for name in ("id", "bot", "episode", "turn", "input", "start", "view", "reply_to")
}

_Settled = tuple[int, str, int, list[str | msgspec.Raw]]
"""An element of the argument of `ANSWER`."""


class RedisStreams:
    """One consumer of the streams of a game; see `ingress.ports.Queue`.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: The beginning of all keys.
        lease_seconds: The time after which the streams of a dead consumer are taken over.
        replies_max: The length of each stream of replies (approximately).
    """

    def __init__(
        self, url: str, *, prefix: str = "df:", lease_seconds: float = 5.0, replies_max: int = 100_000
    ) -> None:
        self._place = shown_redis(url)
        self._keys = keys_of(prefix)
        self._replies_max = replies_max
        self._link = RedisLink(url)
        self._in_hand: list[set[str]] = [set() for _ in self._keys.streams]
        """The entries of each stream that were read and not settled."""
        self._leases = StreamLeases(
            self._link, self._keys, token_hex(8), lease_seconds, lambda stream: len(self._in_hand[stream])
        )
        self._taking_over: dict[int, str] = {}
        """The streams whose earlier deliveries must be read first, and the entry to begin at."""
        self._turn = 0
        self._keeping: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._failure: QueueUnavailable | None = None
        self._is_up = False

    @property
    def is_up(self) -> bool:
        """See `Queue`."""
        return self._is_up

    def held(self) -> Collection[int]:
        """See `Queue`."""
        return self._leases.held()

    async def open(self) -> None:
        """See `Queue`."""
        await self._stop_keeping()
        self._leases.forget()
        for entries in self._in_hand:
            entries.clear()
        self._taking_over.clear()
        await self._link.close()
        self._failure = None
        await self._create_groups()
        await self._warn_about_eviction()
        await self._keep()
        self._is_up = True
        self._keeping = asyncio.create_task(self._keep_leases())

    async def close(self) -> None:
        """See `Queue`."""
        await self._stop_keeping()
        with contextlib.suppress(QueueUnavailable, QueueRefused, NoGroup, TimeoutError):
            async with asyncio.timeout(1):
                await self._leases.leave()
        self._is_up = False
        await self._link.close()

    async def read(self, free: int, wait_seconds: float) -> list[Delivery]:
        """See `Queue`."""
        if self._failure is not None:
            raise self._down(self._failure)
        try:
            try:
                return await self._read(free, wait_seconds)
            except NoGroup:
                logger.warning("the streams at %s were removed, and are created anew", self._place)
                await self._create_groups()
                return []
        except (QueueUnavailable, QueueRefused) as error:
            raise self._down(error) from error

    async def _read(self, free: int, wait_seconds: float) -> list[Delivery]:
        readable = self._leases.readable()
        for stream in self._taking_over.keys() & readable:
            if taken := await self._take_over(stream, min(free, _TAKEN_OVER_AT_ONCE)):
                return taken
        streams = sorted(one for one in readable if len(self._in_hand[one]) < _OF_A_STREAM_MAX)
        if not streams:
            await self._wait_for_change(wait_seconds)
            return []
        if len(streams) < len(readable):
            wait_seconds = min(wait_seconds, _BESIDE_FULL_SECONDS)
        self._turn = (self._turn + 1) % len(streams)
        streams = streams[self._turn :] + streams[: self._turn]
        keys = [self._keys.streams[stream] for stream in streams]
        found = await self._link.run(
            READ, keys,
            [GROUP, CONSUMER, free, MESSAGE_BYTES_MAX, _READ_BYTES_MAX, _OF_A_STREAM_MAX],
        )  # fmt: skip
        if found:
            return self._deliveries(streams, found)
        return await self._wait_for_messages(streams[:free], wait_seconds)

    async def _wait_for_messages(self, streams: Sequence[int], seconds: float) -> list[Delivery]:
        """Wait for a message, and return the first new one of each stream."""
        numbers = {self._keys.streams[stream].encode(): stream for stream in streams}
        answer = await self._link.wait(
            seconds, "XREADGROUP", "GROUP", GROUP, CONSUMER, "COUNT", 1, "BLOCK", max(1, int(seconds * 1000)),
            "STREAMS", *numbers, *(">" for _ in numbers),
        )  # fmt: skip
        found = []
        for key, entries in answer:
            for name, fields in entries:
                self._in_hand[numbers[key]].add(entry := name.decode())
                size = sum(map(len, fields)) + sum(map(len, fields.values()))
                cut = {_name(name): value[:MESSAGE_BYTES_MAX] for name, value in fields.items()}
                found.append(Delivery(entry, numbers[key], cut, 1, size))
        return found

    async def _take_over(self, stream: int, count: int) -> list[Delivery]:
        """Read messages that were delivered before the lease began; order demands them before new ones."""
        last, found = await self._link.run(
            TAKE_OVER, [self._keys.streams[stream]],
            [GROUP, CONSUMER, self._taking_over[stream], count, MESSAGE_BYTES_MAX, _READ_BYTES_MAX],
        )  # fmt: skip
        if not found:
            del self._taking_over[stream]
            return []
        self._taking_over[stream] = f"({last.decode()}"
        return self._deliveries([stream], found)

    def _deliveries(self, streams: Sequence[int], found: Iterable[Sequence[Any]]) -> list[Delivery]:
        """Return what a script has read, without the messages that are in hand already."""
        deliveries = []
        for number, name, times, size, words in found:
            stream, entry = streams[number - 1], name.decode()
            if entry not in self._in_hand[stream]:
                self._in_hand[stream].add(entry)
                named = {_name(words[at]): words[at + 1] for at in range(0, len(words), 2)}
                deliveries.append(Delivery(entry, stream, named, times, size))
        return deliveries

    async def _wait_for_change(self, seconds: float) -> None:
        """Wait until there may be a stream to read: a lease was taken, or messages were settled."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def answer(self, replies: Sequence[Reply]) -> None:
        """See `Queue`."""
        keys, streams = _Places(), self._keys.streams
        settled = [
            (
                keys.number(streams[reply.delivery.stream]), reply.delivery.handle,
                keys.number(reply.to or self._keys.replies), _words(reply.fields),
            )
            for reply in replies
        ]  # fmt: skip
        failed = await self._settle(keys, self._replies_max, settled, [reply.delivery for reply in replies])
        if failed:
            lost = [(reply.delivery, "bad_reply_to") for reply in replies if reply.delivery.handle in failed]
            await self.bury(lost)

    async def bury(self, letters: Sequence[tuple[Delivery, str]]) -> None:
        """See `Queue`."""
        keys = _Places()
        settled = []
        for delivery, reason in letters:
            kept, is_whole = _kept(delivery)
            fields: dict[str, str | msgspec.Raw] = {
                "reason": reason, "stream": str(delivery.stream), "entry": delivery.handle,
                "whole": str(int(is_whole)), **kept,
            }  # fmt: skip
            stream = keys.number(self._keys.streams[delivery.stream])
            settled.append((stream, delivery.handle, keys.number(self._keys.dead), _words(fields)))
        await self._settle(keys, DEAD_LETTERS_MAX, settled, [delivery for delivery, _ in letters])

    async def _settle(
        self, keys: _Places, length: int, settled: Sequence[_Settled], deliveries: Sequence[Delivery]
    ) -> list[str]:
        """Return the entries whose replies could not be added."""
        packed = msgspec.msgpack.encode(settled)
        try:
            failed: list[bytes] = await self._link.run(ANSWER, list(keys), [GROUP, length, packed])
        except (QueueUnavailable, QueueRefused) as error:
            raise self._down(error) from error
        for delivery in deliveries:
            self._in_hand[delivery.stream].discard(delivery.handle)
        self._changed.set()
        return [entry.decode() for entry in failed]

    async def excuse(self, deliveries: Sequence[Delivery]) -> None:
        """See `Queue`."""
        by_stream: dict[int, list[Any]] = {}
        for delivery in deliveries:
            by_stream.setdefault(delivery.stream, []).append(delivery.handle)
        try:
            for stream, entries in by_stream.items():
                with contextlib.suppress(NoGroup):
                    await self._link.run(EXCUSE, [self._keys.streams[stream]], [GROUP, CONSUMER, *entries])
        except (QueueUnavailable, QueueRefused) as error:
            raise self._down(error) from error

    async def lag(self) -> Mapping[int, int]:
        """See `Queue`."""
        try:
            lengths = await self._link.run(LENGTHS, self._keys.streams, [])
        except (QueueUnavailable, QueueRefused) as error:
            raise self._down(error) from error
        return dict(enumerate(lengths))

    async def _create_groups(self) -> None:
        await self._link.run(CREATE, self._keys.streams, [GROUP])

    async def _warn_about_eviction(self) -> None:
        """Warn if Redis would remove whole streams when it is full."""
        try:
            memory = await self._link.command("INFO", "memory")
        except (QueueUnavailable, QueueRefused):
            return  # the user may lack the right
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and str(policy).startswith("allkeys"):
            logger.warning(
                "Redis at %s has maxmemory-policy %s: when it is full it removes streams with all their "
                "messages; set noeviction", self._place, policy,
            )  # fmt: skip

    async def _keep(self) -> None:
        taken = await self._leases.keep()
        self._taking_over |= dict.fromkeys(taken, "-")
        if taken:
            self._changed.set()

    async def _keep_leases(self) -> None:
        """Keep the leases until cancelled or the queue is down."""
        try:
            while True:
                await asyncio.sleep(self._leases.pause_seconds)
                await self._keep()
        except (QueueUnavailable, QueueRefused) as error:
            self._down(error)

    async def _stop_keeping(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await end(keeping)

    def _down(self, error: Exception) -> QueueUnavailable:
        self._is_up = False
        if self._failure is None:
            self._failure = QueueUnavailable(f"{error} ({self._place})")
        self._changed.set()
        return self._failure


def _name(name: bytes) -> str:
    return _NAMES.get(name) or name.decode("utf-8", "replace")


def _words(fields: Mapping[str, str | msgspec.Raw]) -> list[str | msgspec.Raw]:
    return [word for pair in fields.items() for word in pair]


def _packed(value: bytes) -> msgspec.Raw:
    """Return bytes as a text of MessagePack (str 16), for Redis' decoder does not know its type for bytes."""
    return msgspec.Raw(b"\xda" + len(value).to_bytes(2, "big") + value)


class _Places(dict[str, int]):
    """The keys of a script, each with its number from 1."""

    def number(self, key: str) -> int:
        return self.setdefault(key, len(self) + 1)


def _kept(delivery: Delivery) -> tuple[dict[str, msgspec.Raw], bool]:
    """Return the fields of a message as those of its dead letter, and True if none was cut or left out.

    Their names begin with `MESSAGE`, because the letter has fields of its own.
    """
    kept: dict[str, msgspec.Raw] = {}
    left = DEAD_LETTER_BYTES_MAX
    is_whole = delivery.size <= DEAD_LETTER_BYTES_MAX
    for name, value in delivery.fields.items():
        if left <= len(name):
            return kept, False
        kept[MESSAGE + name] = _packed(value[: left - len(name)])
        left -= len(name) + len(value)
    return kept, is_whole
