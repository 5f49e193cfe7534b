"""What Redis can do to a queue: it is emptied, full, frozen, trimmed by somebody, or refuses the user."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from dungeonfighter.ingress.partitions import STREAMS
from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.redis_dead_letters import RedisDeadLetters
from dungeonfighter.ingress.redis_streams import RedisStreams
from testkit.redis_server import RedisServer, redis_program
from tests.contract.queues import LEASE_SECONDS, PREFIX, RedisBroker
from tests.contract.test_queue import STREAM, answer, ids, message, receive, until
from tests.parts import program
from tests.unit.house.sources import ROOT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(redis_program() or program("redis-server", part="redis"), tmp_path) as started:
        yield started


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    made = RedisBroker(server)
    yield made
    await made.client.aclose()


@pytest.fixture
async def queue(broker: RedisBroker) -> AsyncIterator[RedisStreams]:
    made = RedisStreams(broker.server.url, prefix=PREFIX, lease_seconds=LEASE_SECONDS)
    await made.open()
    yield made
    await made.close()


async def test_a_message_that_was_trimmed_in_hand_is_a_dead_letter(broker: RedisBroker) -> None:
    former, latter = broker.make(), broker.make()
    await former.open()
    for name in ("a", "b"):
        await broker.send(STREAM, message(name))
    await receive(former, 2)
    await former.close()
    await broker.client.xtrim(f"{PREFIX}in:{STREAM}", maxlen=1, approximate=False)
    await latter.open()
    lost, kept = await receive(latter, 2)
    assert (dict(lost.fields), ids([kept])) == ({}, ["b"])
    await latter.bury([(lost, "vanished")])
    await answer(latter, [kept])
    [letter] = await broker.dead_letters().read("", 10)
    assert (letter.reason, letter.is_whole) == ("vanished", False)
    pending: Any = await broker.client.xpending(f"{PREFIX}in:{STREAM}", "ingress")
    assert pending["pending"] == 0
    await latter.close()


@pytest.mark.parametrize("step", ["read", "answer", "bury", "excuse", "lag"])
async def test_streams_and_groups_come_back_after_flushall(
    broker: RedisBroker, queue: RedisStreams, step: str
) -> None:
    await broker.send(STREAM, message("a"))
    found = await receive(queue, 1)
    await broker.client.flushall()
    if step == "answer":
        await answer(queue, found)
        assert len(await broker.replies()) == 1
    elif step == "bury":
        await queue.bury([(found[0], "malformed")])
    elif step == "excuse":
        await queue.excuse(found)
    elif step == "lag":
        assert set((await queue.lag()).values()) == {0}
    await broker.send(STREAM, message("b"))
    assert ids(await receive(queue, 1)) == ["b"]
    assert queue.is_up
    await until(lambda: len(queue.held()) == STREAMS)


async def test_a_full_redis_empties(broker: RedisBroker, queue: RedisStreams) -> None:
    """Replies, dead letters and leases are written although Redis refuses every producer."""
    for name in ("a", "b"):
        await broker.send(STREAM, message(name))
    await broker.client.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        await broker.send(STREAM, message("c"))
    first, second = await receive(queue, 2)
    await answer(queue, [first])
    await queue.bury([(second, "malformed")])
    other = broker.make()
    await other.open()
    await until(lambda: len(other.held()) == STREAMS // 2)
    await asyncio.sleep(LEASE_SECONDS)  # the leases of that time are over
    assert len(queue.held()) == len(other.held()) == STREAMS // 2
    await broker.client.config_set("maxmemory", 0)
    assert len(await broker.replies()) == await broker.dead_letters().count() == 1
    assert set((await queue.lag()).values()) == {0}
    await other.close()


async def test_a_refused_password_is_no_outage(server: RedisServer) -> None:
    client = Redis.from_url(server.url)
    await client.config_set("requirepass", "right")
    queue = RedisStreams(server.url.replace("//", "//:wrong@"), prefix=PREFIX)
    with pytest.raises(QueueRefused) as refused:
        await queue.open()
    assert "wrong" not in str(refused.value)
    await queue.close()
    await client.aclose()


async def test_the_rights_in_the_document_are_enough(broker: RedisBroker) -> None:
    text = (ROOT / "docs" / "ingress.md").read_text("utf-8")
    for rights in re.findall(r"^ACL (SETUSER .*)$", text, re.MULTILINE):
        client: Any = broker.client
        await client.execute_command("ACL", *rights.replace("PASSWORD", "secret").split())
    producer = RedisBroker(broker.server, user="team-a:secret")
    queue = RedisStreams(broker.url_of("ingress:secret"), prefix=PREFIX, lease_seconds=LEASE_SECONDS)
    dead = RedisDeadLetters(broker.url_of("ingress:secret"), prefix=PREFIX)
    await queue.open()
    for name in ("a", "b"):
        await producer.send(STREAM, message(name))
    first, second = await receive(queue, 2)
    await queue.excuse([second])
    await answer(queue, [first], "df:out:team-a:me")
    await queue.bury([(second, "malformed")])
    assert await producer.client.xread({"df:out:team-a:me": "0"})
    await dead.resend(await dead.read("", 1))
    [second] = await receive(queue, 1)
    await queue.bury([(second, "malformed")])
    await dead.delete(await dead.read("", 1))
    assert set((await queue.lag()).values()) == {await dead.count()} == {0}
    await queue.close()
    assert await broker.client.keys(f"{PREFIX}lease:*") == []
    await dead.close()
    await producer.client.aclose()


@pytest.mark.long
async def test_a_frozen_redis_is_noticed(broker: RedisBroker, queue: RedisStreams) -> None:
    broker.server.freeze()
    with pytest.raises(QueueUnavailable):
        await queue.read(10, 1)
    assert not queue.is_up
    assert not queue.held()
    broker.server.thaw()
    await queue.open()
    await broker.send(STREAM, message("a"))
    assert ids(await receive(queue, 1)) == ["a"]


async def test_one_stream_does_not_take_all_the_room(broker: RedisBroker, queue: RedisStreams) -> None:
    pipe = broker.client.pipeline(transaction=False)
    for number in range(3000):
        fields: dict[Any, Any] = dict(message(f"r{number}"))
        pipe.xadd(f"{PREFIX}in:{STREAM}", fields)
    await pipe.execute()
    other = (STREAM + 1) % STREAMS
    found = [one for _ in range(STREAMS) for one in await queue.read(2048, 0.01)]
    assert 512 <= len(found) <= 1024
    await broker.send(other, message("other"))
    assert ids(await receive(queue, 1)) == ["other"]
    await answer(queue, found)
    rest = await queue.read(100, 1)
    assert ids([*found, *rest]) == [f"r{number}" for number in range(len(found) + len(rest))]
    assert rest
