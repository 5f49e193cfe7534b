"""Connects to the usable one of several database servers, of which some may be silent.

asyncpg tries the hosts of a connection string one after the other within one timeout. A host that is cut off,
frozen or without power does not even refuse, so the first host would use up the time of all others, and a
promoted standby would not be found as long as the former primary stays silent. Here each host has an attempt
of its own. The next one begins when the one before has failed, or has been silent for `_NEXT_SECONDS`. While
a host is silent, those that refused are asked again: a standby may have become the primary meanwhile.

Source: RFC 8305 ("Happy Eyeballs"), section 5, for the delay between attempts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from dungeonfighter.storage.postgres_errors import is_database_error, is_passing

_NEXT_SECONDS: Final = 0.25
_KEPT: Final = frozenset({"primary", "read-write", "standby", "read-only"})
"""What a string demands of its host, by which the last good host is as good a beginning as the first one."""
_DEMANDS_ALL: Final = "prefer-standby"
"""The driver itself compares all hosts."""
_PORT: Final = "5432"

Host = tuple[str, str]
"""A host and its port."""
Connection = Any


class LastGood:
    """Remembers the host of the newest connection; attempts begin with it."""

    def __init__(self) -> None:
        self._host: Host | None = None

    def first(self, hosts: Sequence[Host]) -> list[Host]:
        """Return the hosts with the last good one first, the others in their order."""
        return sorted(hosts, key=lambda host: host != self._host)

    def note(self, host: Host) -> None:
        self._host = host


async def connect(
    url: str,
    *,
    timeout: float,  # noqa: ASYNC109 (as in the driver)
    last_good: LastGood | None = None,
    **options: Any,
) -> Connection:
    """Open a connection as `asyncpg.connect` does, to the first host that can be used.

    Args:
        url: The canonical URL of `connection_strings`.
        timeout: For all hosts together, in seconds.
        last_good: Used and updated only if the URL demands something of its host: otherwise the order of its
            hosts is that of their worth.
        options: Further arguments of `asyncpg.connect`.

    Raises:
        TimeoutError: No host could be used in time.
        Exception: What `asyncpg.connect` raises, for one of the hosts.
    """
    hosts, demand = _hosts_of(url)
    if len(hosts) < 2 or demand == _DEMANDS_ALL:
        return await asyncpg.connect(url, timeout=timeout, **options)
    order = last_good if last_good is not None and demand in _KEPT else LastGood()

    async def attempt(host: Host) -> Connection:
        return await asyncpg.connect(url, host=host[0], port=int(host[1]), timeout=timeout, **options)

    async with asyncio.timeout(timeout):
        host, connection = await _first(order.first(hosts), attempt)
    order.note(host)
    return connection


def _hosts_of(url: str) -> tuple[list[Host], str]:
    """Return the hosts of a URL that names several, and what it demands of them."""
    query = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    names = [name.strip("[]") for name in query.get("host", "").split(",")]
    ports = query.get("port", _PORT).split(",")
    if len(ports) == 1:
        ports *= len(names)
    return list(zip(names, ports, strict=True)), query.get("target_session_attrs", "")


async def _first(
    hosts: Sequence[Host], attempt: Callable[[Host], Awaitable[Connection]]
) -> tuple[Host, Connection]:
    waiting, refused = deque(hosts), list[Host]()
    running: dict[asyncio.Future[Connection], Host] = {}
    errors: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                host = waiting.popleft()
                running[asyncio.ensure_future(attempt(host))] = host
            done, _ = await asyncio.wait(running, timeout=_NEXT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                if (error := one.exception()) is None:
                    return running.pop(one), one.result()
                if not is_database_error(error):
                    raise error
                errors.append(error)
                refused.append(running.pop(one))
            if not done and not waiting:
                waiting, refused = deque(refused), []
    finally:
        for one in running:
            one.cancel()
            one.add_done_callback(_end)
    lasting = [error for error in errors if not is_passing(error)]
    raise (lasting or errors)[-1]


def _end(attempt: asyncio.Future[Connection]) -> None:
    """Close the connection of an attempt that is not needed any more."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()
