"""Connects to the first host of a connection string that fits, without waiting for hosts that are silent.

The driver asks the hosts one after the other within one timeout. A first host whose machine is gone uses all
of that time, so the driver would never ask the host that has taken over. Here the next host is asked as soon
as the ones before it have refused, or have been silent for `_HEAD_START_SECONDS`. While a host is silent,
those that refused are asked again, because a standby may have become the primary meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from dungeonfighter.storage.postgres_errors import is_database_error

_HEAD_START_SECONDS: Final = 0.25
_PREFERENCES: Final = frozenset({"prefer-standby"})
"""Kinds of servers that can only be chosen when every host has answered: the driver does that."""


class _Terminable(Protocol):
    def terminate(self) -> None: ...


_Connected = TypeVar("_Connected", bound=_Terminable)


async def connect_to_any(url: str, seconds: float, **options: Any) -> Any:
    """Open a connection of asyncpg to the first host that fits.

    Args:
        url: `postgresql://...`, with one host, or several in its parameters `host` and `port`.
        seconds: The time for all hosts together.
        options: Further arguments of `asyncpg.connect`.

    Raises:
        TimeoutError: No host fitted in time.
        OSError, asyncpg.PostgresError, asyncpg.InternalClientError: All hosts refused; this is the error of
            one of them.
    """

    async def connect(one: str) -> Any:
        return await asyncpg.connect(one, timeout=seconds, **options)

    async with asyncio.timeout(seconds):
        return await first_fitting(host_urls(url), connect)


def host_urls(url: str) -> list[str]:
    """Return a URL for each host, in their order; the same URL if there is one host, or a preference."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    hosts = query.get("host", "").split(",")
    if len(hosts) < 2 or query.get("target_session_attrs") in _PREFERENCES:
        return [url]
    ports = query.get("port", "").split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    urls = []
    for host, port in zip(hosts, ports, strict=True):
        own = {**query, "host": host, "port": port}
        words = urlencode({name: value for name, value in own.items() if value}, safe="/,")
        urls.append(urlunsplit(parts._replace(query=words)))
    return urls


async def first_fitting(urls: Sequence[str], connect: Callable[[str], Awaitable[_Connected]]) -> _Connected:
    """Return the first connection that one of the hosts accepts; close those that come too late.

    Raises:
        Exception: All hosts refused; the error of one of them, if possible one that a server sent.
    """
    unasked, refused = deque(urls), list[str]()
    asked: dict[asyncio.Task[_Connected], str] = {}
    refusal: BaseException | None = None
    try:
        while unasked or asked:
            if unasked:
                url = unasked.popleft()
                asked[asyncio.ensure_future(connect(url))] = url
            done, _ = await asyncio.wait(
                asked, timeout=_HEAD_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                refused.append(asked.pop(task))
                error = task.exception()
                if error is None:
                    return task.result()
                if not is_database_error(error):
                    raise error
                refusal = error if _is_clearer(error, refusal) else refusal
            if not done and not unasked:
                unasked, refused = deque(refused), []
        assert refusal is not None
        raise refusal
    finally:
        await _abandon(asked)


def _is_clearer(error: BaseException, former: BaseException | None) -> bool:
    return isinstance(error, asyncpg.PostgresError) or not isinstance(former, asyncpg.PostgresError)


async def _abandon(asked: Collection[asyncio.Task[_Connected]]) -> None:
    for task in asked:
        task.cancel()
    for late in await asyncio.gather(*asked, return_exceptions=True):
        if not isinstance(late, BaseException):
            late.terminate()
