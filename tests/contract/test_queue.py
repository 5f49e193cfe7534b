"""The contract of a queue (`ingress.ports.Queue`), over real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from dungeonfighter.ingress.messages import MESSAGE_BYTES_MAX
from dungeonfighter.ingress.partitions import STREAMS, stream_of
from dungeonfighter.ingress.ports import Delivery, Queue, Reply
from tests.contract.queues import LEASE_SECONDS, Broker, RedisBroker

BOT = "team-a/bot-1"
STREAM = stream_of(BOT)
SECONDS_MAX = 20.0


def message(name: str) -> dict[str, str]:
    return {"id": name, "bot": BOT, "episode": "1", "turn": "0", "input": "1"}


def ids(deliveries: list[Delivery]) -> list[str]:
    return [one.fields["id"].decode() for one in deliveries]


async def receive(queue: Queue, count: int, free: int = 100) -> list[Delivery]:
    """Read until there are so many deliveries."""
    found: list[Delivery] = []
    deadline = time.monotonic() + SECONDS_MAX
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {ids(found)} arrived"
        found += await queue.read(free, 0.1)
    assert len(found) == count
    return found


async def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not is_true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def answer(queue: Queue, deliveries: list[Delivery], to: str = "") -> None:
    await queue.answer([Reply(one, to, {"id": one.fields["id"].decode()}) for one in deliveries])


async def test_messages_of_a_stream_arrive_in_order_with_their_fields(broker: Broker, queue: Queue) -> None:
    sent = [f"r{number}" for number in range(50)]
    for name in sent:
        await broker.send(STREAM, message(name))
    found = await receive(queue, 50, free=7)
    assert ids(found) == sent
    assert {one.stream for one in found} == {STREAM}
    assert {name: value.decode() for name, value in found[3].fields.items()} == message("r3")
    assert found[3].times == 1


async def test_a_read_gives_no_more_than_is_free(broker: Broker, queue: Queue) -> None:
    for stream in range(STREAMS):
        await broker.send(stream, message(f"r{stream}"))
    found: list[Delivery] = []
    while len(found) < STREAMS:
        some = await queue.read(3, 1)
        assert len(some) <= 3
        found += some
    assert len({one.stream for one in found}) == STREAMS


async def test_an_answered_message_is_gone_and_its_reply_is_there(broker: Broker, queue: Queue) -> None:
    for name in ("a", "b"):
        await broker.send(STREAM, message(name))
    both = await receive(queue, 2)
    assert (await queue.lag())[STREAM] == 2
    await answer(queue, both[:1])
    await answer(queue, both[1:], "df:out:team-a:me")
    assert [one["id"] for one in await broker.replies()] == [b"a"]
    assert [one["id"] for one in await broker.replies("df:out:team-a:me")] == [b"b"]
    assert set((await queue.lag()).values()) == {0}


async def test_what_was_not_answered_goes_to_the_next_consumer_first(broker: Broker) -> None:
    former = broker.make()
    await former.open()
    for name in ("a", "b", "c"):
        await broker.send(STREAM, message(name))
    found = await receive(former, 3)
    await answer(former, found[1:2])
    await former.close()
    await broker.send(STREAM, message("d"))
    for times in ([2, 2, 1], [3, 3, 2]):
        latter = broker.make()
        await latter.open()
        rest = await receive(latter, 3)
        assert ids(rest) == ["a", "c", "d"]
        assert [one.times for one in rest] == times
        await latter.close()


async def test_an_excused_delivery_does_not_count(broker: Broker) -> None:
    """The broker of RabbitMQ counts by itself, so there an excuse holds for this consumer only."""
    queue = broker.make()
    await queue.open()
    await broker.send(STREAM, message("a"))
    for _ in range(3):
        [found] = await receive(queue, 1)
        assert found.times == 1
        await queue.excuse([found])
        await queue.close()
        await queue.open()
    await queue.close()


async def test_consumers_divide_all_streams(broker: Broker) -> None:
    consumers = [broker.make() for _ in range(3)]
    for one in consumers:
        await one.open()
    await until(lambda: sorted(len(one.held()) for one in consumers) == [5, 5, 6])
    held = [stream for one in consumers for stream in one.held()]
    assert sorted(held) == list(range(STREAMS))
    for stream in range(STREAMS):
        await broker.send(stream, message(f"r{stream}"))
    for one in consumers:
        found = await receive(one, len(one.held()))
        assert {delivery.stream for delivery in found} == set(one.held())
    await consumers[0].close()
    await until(lambda: sum(len(one.held()) for one in consumers[1:]) == STREAMS)
    await consumers[1].close()
    await consumers[2].close()


async def test_a_stream_in_hand_is_handed_over_after_its_answer(broker: Broker) -> None:
    first, second = broker.make(), broker.make()
    await first.open()
    for stream in range(STREAMS):
        await broker.send(stream, message(f"r{stream}"))
    found = await receive(first, STREAMS)
    await second.open()
    await asyncio.sleep(LEASE_SECONDS / 2)
    assert not second.held(), "a stream with work in hand must stay for a while"
    await answer(first, found)
    await until(lambda: len(second.held()) == STREAMS // 2)
    assert await second.read(100, 0.1) == []
    await first.close()
    await second.close()


async def test_a_dead_letter_keeps_message_and_reason_and_can_be_resent(broker: Broker, queue: Queue) -> None:
    for name in ("a", "b"):
        await broker.send(STREAM, message(name))
    await queue.bury([(one, "malformed") for one in await receive(queue, 2)])
    assert set((await queue.lag()).values()) == {0}
    dead = broker.dead_letters()
    assert await dead.count() == 2
    letters = await dead.read("", 10)
    assert [(one.reason, one.stream, one.is_whole) for one in letters] == [("malformed", STREAM, True)] * 2
    assert {name: value.decode() for name, value in letters[0].fields.items()} == message("a")
    assert [one.fields["id"] for one in await dead.read(letters[0].handle, 10)] == [b"b"]
    await dead.resend(letters[:1])
    await dead.delete(letters[1:])
    assert await dead.count() == 0
    assert ids(await receive(queue, 1)) == ["a"]
    await dead.close()


async def test_letters_are_read_page_by_page_while_some_are_removed(broker: Broker, queue: Queue) -> None:
    names = [f"r{number}" for number in range(7)]
    for name in names:
        await broker.send(STREAM, message(name))
    await queue.bury([(one, "malformed") for one in await receive(queue, 7)])
    dead, seen, after = broker.dead_letters(), list[str](), ""
    while page := await dead.read(after, 2):
        seen += [one.fields["id"].decode() for one in page]
        after = page[-1].handle
        await dead.delete(page[-1:])
    assert seen == names
    assert await dead.count() == 3
    await dead.close()
    later = broker.dead_letters()
    assert [one.fields["id"] for one in await later.read("", 10)] == [b"r0", b"r2", b"r4"]
    await later.close()


async def test_a_megabyte_is_cut_and_cannot_be_resent(broker: Broker, queue: Queue) -> None:
    for name in ("a", "b"):
        await broker.send(STREAM, {**message(name), "input": b"\xff" * 1_000_000})
    found = await receive(queue, 2)
    for one in found:
        assert one.size > 1_000_000
        assert sum(map(len, one.fields.values())) < 2 * MESSAGE_BYTES_MAX
    await queue.bury([(one, "too_large") for one in found])
    dead = broker.dead_letters()
    letters = await dead.read("", 10)
    assert [one.is_whole for one in letters] == [False, False]
    assert letters[0].fields["id"] == b"a"
    await dead.close()


async def test_a_reply_that_cannot_be_delivered_becomes_a_dead_letter(broker: Broker, queue: Queue) -> None:
    """Where a queue refuses the producer's own stream, the turn was played, so nothing is left waiting."""
    if isinstance(broker, RedisBroker):
        await broker.client.set("df:out:team-a:gone", "no stream")
    for name in ("a", "b"):
        await broker.send(STREAM, message(name))
    first, second = await receive(queue, 2)
    to_all = {"a": "df:out:team-a:gone", "b": ""}
    await queue.answer(
        [Reply(one, to_all[name], {"id": name}) for one, name in ((first, "a"), (second, "b"))]
    )
    assert [one["id"] for one in await broker.replies()] == [b"b"]
    dead = broker.dead_letters()
    assert [(one.reason, one.fields["id"]) for one in await dead.read("", 10)] == [("bad_reply_to", b"a")]
    assert set((await queue.lag()).values()) == {0}
    await dead.close()
