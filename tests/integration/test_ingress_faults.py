"""An ingress, its Redis and its network fail under play: no answered turn is lost, and none is doubled.

Each test lets bots play through the queue, lets one thing fail in the middle, lets the bots go on, and then
compares every bot with the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from dungeonfighter.rules import Rules, load_rules
from testkit.ingress_process import IngressProcess
from testkit.redis_server import RedisServer, redis_program
from tests.integration.queued import Producer, RedisSender, check, freeze, sqlite, until, until_count
from tests.integration.redis_proxy import redis_proxy
from tests.parts import program

BOTS: Final = 24
TURNS: Final = 150
QUICK: Final = ("--lease-seconds", "1")


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(redis_program() or program("redis-server", part="redis"), tmp_path) as started:
        yield started


@contextlib.asynccontextmanager
async def bots_playing(redis: RedisServer, rules: Rules, folder: Path) -> AsyncIterator[Producer]:
    """Let bots play; at the end each has its last reply, and everything is in the store."""
    sender = RedisSender(redis.url)
    producer = Producer(sender, rules, BOTS)
    try:
        async with producer.playing():
            await producer.more(TURNS)
            yield producer
        assert await check(producer.bots, sqlite(folder)) >= 2 * TURNS
    finally:
        await sender.close()


def ingress(folder: Path, url: str, *flags: str) -> IngressProcess:
    """Return an ingress with leases of a second."""
    return IngressProcess(folder, url, flags=(*QUICK, *flags))


async def test_killed_between_commit_and_reply(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    async with redis_proxy(redis.port) as proxy, ingress(tmp_path, proxy.url) as only:
        async with bots_playing(redis, rules, tmp_path) as producer:
            proxy.hold = True
            await proxy.held.wait()  # turns are committed, and their replies on the way
            only.kill()
            only.queue = redis.url
            await only.start_in_thread()
            await producer.more(TURNS)
        assert producer.replies["repeated"] > 0, "no turn was committed and not answered"


@pytest.mark.long
async def test_stopped_in_good_order(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    """What is in hand is answered before the end, so nothing is played that must be recognised afterwards."""
    async with ingress(tmp_path, redis.url) as only, bots_playing(redis, rules, tmp_path) as producer:
        for _ in range(3):
            only.signal(signal.SIGINT)
            assert await asyncio.to_thread(only.wait) == 0
            only.kill()
            await only.start_in_thread()
            await producer.more(TURNS // 3)
        assert producer.replies["repeated"] == 0


@pytest.mark.long
async def test_killed_between_reply_and_acknowledgement(
    redis: RedisServer, rules: Rules, tmp_path: Path
) -> None:
    """Both are one script, so the consumer dies without knowing that they were done."""
    async with (
        redis_proxy(redis.port) as proxy,
        ingress(tmp_path, proxy.url) as first,
        bots_playing(redis, rules, tmp_path) as producer,
    ):
        proxy.cut_after = True
        await proxy.cut.wait()
        first.kill()
        await first.start_in_thread()
        await producer.more(TURNS)


@pytest.mark.long
async def test_the_answer_to_replies_is_lost(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    async with (
        redis_proxy(redis.port) as proxy,
        ingress(tmp_path, proxy.url),
        bots_playing(redis, rules, tmp_path) as producer,
    ):
        for _ in range(3):
            proxy.cut.clear()
            proxy.cut_after = True
            await proxy.cut.wait()
            await producer.more(TURNS // 3)


@pytest.mark.long
async def test_lease_lost_while_a_batch_is_applied(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    async with (
        ingress(tmp_path, redis.url) as first,
        ingress(tmp_path, redis.url) as second,
        bots_playing(redis, rules, tmp_path) as producer,
    ):
        await until(lambda: second.metric("mcp_ingress_streams_held") == 8)
        await freeze(first, tmp_path)  # in the middle of its work
        await until(lambda: second.metric("mcp_ingress_streams_held") == 16)
        await producer.more(TURNS)
        first.signal(signal.SIGCONT)
        await until(lambda: first.metric("mcp_ingress_streams_held") == 8)
        await producer.more(TURNS)


@pytest.mark.long
async def test_two_consumers_on_one_stream(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    """The leases are removed again and again, so that each consumer reads streams of the other one."""
    async with ingress(tmp_path, redis.url) as first, ingress(tmp_path, redis.url) as second:
        client = Redis.from_url(redis.url)
        async with bots_playing(redis, rules, tmp_path) as producer:
            for _ in range(8):
                await client.delete(*(f"df:lease:{number}" for number in range(16)), "df:consumers")
                await producer.more(TURNS // 2)
            assert first.metric('mcp_ingress_messages_total{outcome="ok"}') > 0
            assert second.metric('mcp_ingress_messages_total{outcome="ok"}') > 0
        await client.aclose()


@pytest.mark.long
async def test_everything_in_redis_is_removed(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    async with ingress(tmp_path, redis.url):
        client = Redis.from_url(redis.url)
        async with bots_playing(redis, rules, tmp_path) as producer:
            for _ in range(3):
                await client.flushall()
                await producer.more(TURNS // 3)
        await client.aclose()


async def until_waiting(client: Redis, is_so: Callable[[int], bool]) -> None:
    """Wait until something is true of the number of messages in all streams."""

    async def count() -> int:
        return sum([await client.xlen(f"df:in:{number}") for number in range(16)])

    await until_count(count, is_so)


@pytest.mark.long
async def test_redis_is_full(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    """Producers get errors, and what is in the queue is answered, which makes room."""
    async with ingress(tmp_path, redis.url) as only:
        client = Redis.from_url(redis.url)
        async with bots_playing(redis, rules, tmp_path) as producer:
            only.signal(signal.SIGSTOP)
            await until_waiting(client, lambda count: count >= BOTS)
            await client.config_set("maxmemory", 1)
            before = producer.answered
            only.signal(signal.SIGCONT)
            await until_waiting(client, lambda count: count == 0)
            await until(lambda: producer.answered >= before + BOTS)
            async with ingress(tmp_path, redis.url) as beside:  # a consumer can also start at a full Redis
                await until(lambda: beside.metric("mcp_ingress_streams_held") == 8)
                assert producer.answered < before + 2 * BOTS
                await client.config_set("maxmemory", 0)
                await producer.more(TURNS)
        await client.aclose()


@pytest.mark.long
@pytest.mark.parametrize("keeps", [False, True], ids=["empty", "from its file"])
async def test_redis_is_restarted(rules: Rules, tmp_path: Path, *, keeps: bool) -> None:
    found = redis_program() or program("redis-server", part="redis")
    words = ("--appendonly", "yes", "--appendfsync", "always") if keeps else ()
    with RedisServer(found, tmp_path, words=words) as redis:
        async with ingress(tmp_path, redis.url) as only, bots_playing(redis, rules, tmp_path) as producer:
            redis.kill()
            await until(lambda: only.readiness().get("queue") == "unreachable")
            assert only.get("/livez")[0] == 200
            redis.start()
            await until(only.is_ready)
            await producer.more(TURNS)


@pytest.mark.long
@pytest.mark.parametrize("way", ["reset", "silent"])
async def test_the_network_is_cut(redis: RedisServer, rules: Rules, tmp_path: Path, way: str) -> None:
    async with (
        redis_proxy(redis.port) as proxy,
        ingress(tmp_path, proxy.url) as only,
        bots_playing(redis, rules, tmp_path) as producer,
    ):
        if way == "reset":
            for _ in range(5):
                proxy.cut_all()
                await producer.more(TURNS // 5)
        else:
            proxy.is_silent = True
            await until(lambda: only.readiness().get("queue") == "unreachable")
            proxy.cut_all()
            proxy.is_silent = False
            await producer.more(TURNS)


@pytest.mark.long
async def test_the_store_is_away_for_a_while(redis: RedisServer, rules: Rules, tmp_path: Path) -> None:
    """Messages wait for the store, and no producer gets an error."""
    async with ingress(tmp_path, redis.url, "--commit-timeout", "1") as only:
        async with bots_playing(redis, rules, tmp_path) as producer:
            with (tmp_path / "games.db.lock").open("ab") as lock:
                await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
                await until(lambda: only.metric("mcp_store_up") == 0)
                before = producer.answered
                await until(lambda: producer.repeats >= 2 * BOTS)
                assert producer.answered == before
            await producer.more(TURNS)
        assert set(producer.replies) <= {"ok", "repeated"}
