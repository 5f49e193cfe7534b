"""Notices of changed bots between the processes of all servers, through the channels of Redis.

A process subscribes to the channel of each bot that its viewers watch. Every process asks once a second for
the channels that somebody listens to, and publishes the version of such a bot in memory when it has changed.
So nothing is published about bots that nobody watches, the subscriptions end with their connection, and
Redis stores nothing. A notice holds no state: the process that receives it reads the bot from the store.

A notice may be lost, and no turn waits for one: the watch page reads every watched bot now and then.

Source: docs/redis.md; docs/decisions/046-redis.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Final, NoReturn

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dungeonfighter.task_ending import end

PERIOD_SECONDS: Final = 0.1
"""The time between two looks at the watched bots."""
CHANNELS_SECONDS: Final = 1.0
"""The time between two questions for the channels, and between two signs of life."""
IDLE_SECONDS: Final = 0.5
"""The period while nobody watches, and the longest time until a new viewer's bot is subscribed to."""
ANSWER_SECONDS_MAX: Final = 0.8
SILENT_SECONDS_MAX: Final = 3.0
"""After so long without any message the connection counts as lost."""
RETRY_SECONDS: Final = 1.0
WATCHED_MAX: Final = 1000
"""The number of bots that a process publishes notices about."""
NOTICES_MAX: Final = 100
"""The number of notices that a process publishes in each period; the others wait for the next one."""
_DIGITS_MAX: Final = 20

_LOST: Final = (RedisError, OSError, TimeoutError, ValueError, TypeError)  # the last two: a bad URL

logger = logging.getLogger(__name__)


class _Replaced(Exception):
    """The URL of Redis is another one."""


class Notices:
    """The notices of one process.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: Begins the name of every channel.
        place: The place of Redis for the log.
        version_of: Returns the version of a bot's row in memory; 0 if it is not there.
        watched: Returns the keys of the bots that the viewers of this process watch.
        on_notice: Called with the key and the version of each notice, and with those of this process.
    """

    def __init__(
        self, url: str, *, prefix: str, place: str, version_of: Callable[[str], int],
        watched: Callable[[], Collection[str]], on_notice: Callable[[str, int], None],
    ) -> None:  # fmt: skip
        self._url = url
        self._prefix = prefix + "bot:"
        self._place = place
        self._version_of = version_of
        self._watched = watched
        self._on_notice = on_notice
        self._published: dict[str, int] = {}
        self._subscribed: set[str] = set()
        self._is_known_down = False
        self._is_replaced = asyncio.Event()
        self.published = 0
        self.received = 0
        self.is_up = False
        """True while the notices about every watched bot arrive, as far as this process knows."""

    def use(self, url: str) -> None:
        """Use another URL of the server, for new connections in place of the present ones."""
        self._url = url
        self._is_replaced.set()

    async def keep(self) -> NoReturn:
        """Publish and receive until cancelled."""
        while True:
            pause = RETRY_SECONDS
            try:
                await self._work()
            except _Replaced:
                pause = 0.0
            except _LOST as lost:
                if not self._is_known_down:
                    self._is_known_down = True
                    logger.warning(
                        "Redis at %s carries no notices of changed bots (%s): the watch page asks the store",
                        self._place, type(lost).__name__,
                    )  # fmt: skip
            finally:
                self.is_up = False
            await asyncio.sleep(pause)

    async def _work(self) -> None:
        """Publish and receive until one of both fails; raise its failure.

        No task group: it cancels the others once, which redis-py may swallow (`task_ending`).
        """
        works = (self._receive(), self._publish(), self._end_at_replacement())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*tasks)
        failures = [task.exception() for task in tasks if not task.cancelled()]
        for failure in failures:
            if failure is not None:
                raise failure

    async def _end_at_replacement(self) -> NoReturn:
        await self._is_replaced.wait()
        self._is_replaced.clear()
        raise _Replaced

    async def _publish(self) -> NoReturn:
        """Publish notices; a connection of its own, so that no answer waits behind the messages."""
        async with self._connected() as client:
            asked_at, channels = 0.0, set[str]()
            while True:
                if time.monotonic() - asked_at >= CHANNELS_SECONDS:
                    asked_at = time.monotonic()
                    channels = await self._channels(client)
                    self._published = {
                        key: version for key, version in self._published.items() if key in channels
                    }
                await self._publish_changes(client, channels)
                await asyncio.sleep(PERIOD_SECONDS if channels else IDLE_SECONDS)

    async def _channels(self, client: Redis) -> set[str]:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            found = await client.pubsub_channels(self._prefix + "*")
        return {self._key_of(channel) for channel in found[:WATCHED_MAX]}

    async def _publish_changes(self, client: Redis, keys: Collection[str]) -> None:
        found = ((key, self._version_of(key)) for key in keys)
        changed = [(key, version) for key, version in found if version > self._published.get(key, 0)]
        if not changed:
            return
        # Whoever was published the longest time ago is first, so that none waits for ever.
        order = {key: number for number, key in enumerate(self._published)}
        changed.sort(key=lambda one: order.get(one[0], -1))
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            async with client.pipeline(transaction=False) as pipe:
                for key, version in changed[:NOTICES_MAX]:
                    self._published.pop(key, None)
                    self._published[key] = version
                    pipe.publish(self._prefix + key, version)
                await pipe.execute()
        self.published += len(changed[:NOTICES_MAX])

    async def _receive(self) -> NoReturn:
        async with self._connected() as client, client.pubsub() as channels:
            self._subscribed = set()
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await channels.connect()
            heard_at, asked_at = time.monotonic(), 0.0
            while True:
                await self._subscribe(channels)
                if time.monotonic() - asked_at >= CHANNELS_SECONDS:
                    asked_at = time.monotonic()
                    async with asyncio.timeout(ANSWER_SECONDS_MAX):
                        await channels.ping()
                message = await channels.get_message(timeout=IDLE_SECONDS)
                if message is not None:
                    heard_at = time.monotonic()
                    self._hear(message)
                elif time.monotonic() - heard_at > SILENT_SECONDS_MAX:
                    raise TimeoutError

    async def _subscribe(self, channels: PubSub) -> None:
        """Subscribe to the channels of the watched bots, and of no others."""
        watched = set(self._watched())
        new, old = watched - self._subscribed, self._subscribed - watched
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            if new:
                await channels.subscribe(*(self._prefix + key for key in new))
            if old:
                await channels.unsubscribe(*(self._prefix + key for key in old))
        self._subscribed = watched

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "pong":
            if self._is_known_down:
                logger.info("Redis at %s carries notices of changed bots again", self._place)
            self._is_known_down, self.is_up = False, True
        elif message["type"] == "message":
            key, text = self._key_of(message["channel"]), message["data"]
            if text.isdigit() and len(text) < _DIGITS_MAX:
                self.received += 1
                self._on_notice(key, int(text))

    def _key_of(self, channel: Any) -> str:
        """Return the key of the bot of a channel."""
        return str(channel, errors="replace").removeprefix(self._prefix)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Redis]:
        """Open a connection, and drop it after the block: a late answer must not be taken for another."""
        client = Redis.from_url(
            self._url, protocol=2, socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX, retry=Retry(NoBackoff(), 0), max_connections=1,
        )  # fmt: skip
        try:
            yield client
        finally:
            with contextlib.suppress(*_LOST):
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await client.aclose()
