"""The replicas of a server divide the rates of fleets and tokens by their demand, through Redis.

Once a second a replica reports its demand for each name to Redis, and learns its part of the rate. A task of
its own does this, with a connection and time limits of its own: no call ever waits for it. While Redis does
not answer, a replica takes its equal part of each rate, one of `REPLICAS`.

Redis keeps one hash for each name, from replica to demand and time, and forgets it seconds after the last
report. All times are those of Redis.

Source: docs/operations.md, "Limits"; docs/decisions/029-limits.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import logging
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from dungeonfighter.access.leases import FLOORS, Leases

PERIOD_SECONDS: Final = 1.0
ANSWER_SECONDS_MAX: Final = 0.8
NAMES_MAX: Final = 1000
"""The names with the highest demand are divided; the replicas have equal parts of the others."""
_LIFETIME_MILLISECONDS: Final = 3000
_SMOOTHING: Final = 0.5
_DEMAND_MIN: Final = 0.05

logger = logging.getLogger(__name__)

SCRIPT: Final = """
local id, lifetime, floors = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, id)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - lifetime)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + lifetime, '+inf')
redis.call('PEXPIRE', KEYS[1], 2 * lifetime)
local answer = {tostring(redis.call('ZCARD', KEYS[1]))}
for number = 2, #KEYS do
    local key, own = KEYS[number], tonumber(ARGV[number + 2])
    redis.call('HSET', key, id, ARGV[number + 2] .. ' ' .. string.format('%d', now))
    local total, count = 0, 0
    local all = redis.call('HGETALL', key)
    for field = 1, #all, 2 do
        local demand, at = string.match(all[field + 1], '^(%S+) (%d+)$')
        if demand and tonumber(demand) and math.abs(now - tonumber(at)) <= lifetime then
            total, count = total + tonumber(demand), count + 1
        else
            redis.call('HDEL', key, all[field])
        end
    end
    redis.call('PEXPIRE', key, 2 * lifetime)
    answer[number] = string.format('%.6f', math.max(own / total, floors / count))
end
return answer
"""
"""Writes the demand of a replica, and returns the number of replicas and its share of each name.

KEYS: the set of replicas, then a hash for each name. ARGV: the replica, the lifetime of a report in
milliseconds, the sum of the floors, then the demand for each name.
"""
_SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class RedisLeases:
    """One replica of a server.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: Begins every key.
        replica: The name of this replica, different from those of the others.
        replicas: The number of replicas, for a warning if there are more.
        place: The place of the server for the log.
    """

    def __init__(self, url: str, *, prefix: str, replica: str, replicas: int, place: str) -> None:
        self._url = url
        self._prefix = prefix + "{rates}:"  # the braces keep all keys on one node of a cluster
        self._replica = replica
        self._replicas = replicas
        self._place = place
        self._demand: dict[str, float] = {}
        self._asked_at = time.monotonic()
        self._client: Redis | None = None
        self._is_known_down = False
        self._most_replicas = replicas
        self.is_up = False
        """True if Redis answered the last time."""

    def use(self, url: str) -> None:
        """Use another URL of the server from the next time on: its password has changed."""
        self._url = url
        self._drop_connection()

    async def keep(self, leases: Leases, on_change: Callable[[], None]) -> NoReturn:
        """Divide the rates until cancelled.

        Args:
            leases: The processes of this replica.
            on_change: Called when their part has changed.
        """
        try:
            while True:
                began = time.monotonic()
                wholes = await self._ask(self._take_demand(leases))
                leases.learn(wholes)
                on_change()
                await asyncio.sleep(max(0.0, began + PERIOD_SECONDS - time.monotonic()))
        finally:
            self._drop_connection()

    def _take_demand(self, leases: Leases) -> dict[str, float]:
        calls, leases.calls = leases.calls or {}, {}
        now = time.monotonic()
        seconds, self._asked_at = max(now - self._asked_at, 0.1), now
        demand = {
            name: self._demand.get(name, 0.0) * _SMOOTHING + calls.get(name, 0.0) / seconds * (1 - _SMOOTHING)
            for name in self._demand.keys() | calls.keys()
        }
        self._demand = {name: value for name, value in demand.items() if value >= _DEMAND_MIN}
        if len(self._demand) <= NAMES_MAX:
            return self._demand
        return dict(heapq.nlargest(NAMES_MAX, self._demand.items(), key=lambda item: item[1]))

    async def _ask(self, demand: dict[str, float]) -> dict[str, float]:
        """Return the shares; none while Redis does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await self._run_script(demand)
            count, *shares = [float(one) for one in answer]
            found = dict(zip(demand, shares, strict=True))
        except (RedisError, OSError, TimeoutError, ValueError, TypeError) as error:  # the last: a bad URL
            # The answer may still be on its way, so the connection is of no use any more.
            self._drop_connection()
            self.is_up = False
            if not self._is_known_down:
                self._is_known_down = True
                part = f"1 of {self._replicas} equal parts" if self._replicas > 1 else "the whole"
                logger.warning(
                    "Redis at %s does not answer (%s): this replica takes %s of each rate",
                    self._place, type(error).__name__, part,
                )  # fmt: skip
            return {}
        if self._is_known_down:
            logger.info("Redis at %s answers again", self._place)
        self._is_known_down, self.is_up = False, True
        if count > self._most_replicas:
            self._most_replicas = int(count)
            logger.warning("%d replicas divide the rates, more than REPLICAS=%d", count, self._replicas)
        return found

    async def _run_script(self, demand: dict[str, float]) -> list[Any]:
        if self._client is None:
            self._client = Redis.from_url(
                self._url, protocol=2, socket_timeout=ANSWER_SECONDS_MAX,
                socket_connect_timeout=ANSWER_SECONDS_MAX, retry=Retry(NoBackoff(), 0), max_connections=1,
                decode_responses=True,
            )  # fmt: skip
        keys = [f"{self._prefix}replicas", *(self._prefix + name for name in demand)]
        values: list[str] = [self._replica, str(_LIFETIME_MILLISECONDS), str(FLOORS)]
        values += [f"{calls:.3f}" for calls in demand.values()]
        try:
            return await self._client.evalsha(_SHA, len(keys), *keys, *values)  # type: ignore[no-any-return]
        except NoScriptError:
            return await self._client.eval(SCRIPT, len(keys), *keys, *values)  # type: ignore[no-any-return]

    def _drop_connection(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            closing = asyncio.get_running_loop().create_task(_close(client))
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()


async def _close(client: Redis) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await client.aclose()
