"""The connections to Redis of one consumer or command, and the translation of its errors.

Blocking reads have a connection of their own, whose time-out is longer than the longest block. No command is
ever repeated by the client library, because a repeated XADD would add a second entry.

Source: docs/decisions/051-ingress.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, NoScriptError, RedisError, ResponseError

from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.redis_scripts import Script

ANSWER_SECONDS_MAX: Final = 5.0
"""The longest wait for the answer to a command, beyond the time that the command may block."""
_CONNECTIONS_MAX: Final = 4


class NoGroup(Exception):
    """The stream or its group is missing: somebody has removed it, for example by FLUSHALL."""


class RedisLink:
    """Connections to one server.

    Args:
        url: redis://, rediss:// or unix://.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._commands: Redis | None = None
        self._reading: Redis | None = None

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Any]) -> Any:
        """Execute a script, and return its answer with bytes for texts.

        Raises:
            QueueUnavailable, QueueRefused, NoGroup.
        """
        client = self._client()
        with translated():
            try:
                return await client.evalsha(script.digest, len(keys), *keys, *values)
            except NoScriptError:
                return await client.eval(script.text, len(keys), *keys, *values)

    async def command(self, *words: Any) -> Any:
        """Execute a command that does not block.

        Raises:
            QueueUnavailable, QueueRefused, NoGroup.
        """
        with translated():
            return await self._client().execute_command(*words)  # type: ignore[no-untyped-call]

    async def wait(self, seconds: float, *words: Any) -> Any:
        """Execute a command that blocks for up to `seconds`; only one at a time.

        Raises:
            QueueUnavailable, QueueRefused, NoGroup.
        """
        if self._reading is None:
            self._reading = self._connect(seconds + ANSWER_SECONDS_MAX, 1)
        with translated():
            return await self._reading.execute_command(*words)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close all connections; never raises."""
        clients, self._commands, self._reading = (self._commands, self._reading), None, None
        for client in clients:
            if client is not None:
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    async with asyncio.timeout(1):
                        await client.aclose(close_connection_pool=True)

    def _client(self) -> Redis:
        if self._commands is None:
            self._commands = self._connect(ANSWER_SECONDS_MAX, _CONNECTIONS_MAX)
        return self._commands

    def _connect(self, seconds: float, connections: int) -> Redis:
        try:
            pool = BlockingConnectionPool.from_url(
                self._url, protocol=2, socket_timeout=seconds, socket_connect_timeout=ANSWER_SECONDS_MAX,
                retry=Retry(NoBackoff(), 0), max_connections=connections, timeout=seconds,
            )  # fmt: skip
        except ValueError as error:
            raise QueueRefused(f"the address of the queue is wrong: {error}") from None
        return Redis.from_pool(pool)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the errors of the client library into those of the port."""
    try:
        yield
    except (AuthenticationError, NoPermissionError) as error:
        raise QueueRefused(f"Redis refuses the user: {error}") from error
    except ResponseError as error:
        if "NOGROUP" in str(error):  # within a script it follows other words
            raise NoGroup(str(error)) from error
        raise QueueUnavailable(f"Redis answers: {error}") from error
    except (RedisError, OSError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        raise QueueUnavailable(f"Redis does not answer: {said}") from error
