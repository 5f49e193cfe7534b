"""The producer over real queues; the test reads the queue as an ingress does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter.errors import BadArgument
from dungeonfighter.ingress import NoReply, Producer, QueueRefused, QueueUnavailable, TurnReply
from dungeonfighter.ingress.messages import Command, Decoder, encode
from dungeonfighter.ingress.ports import Delivery, Queue, Reply
from tests.contract.queues import PREFIX, Broker, RedisBroker, running_broker
from tests.contract.test_queue import receive


def begin(call: Coroutine[Any, Any, TurnReply]) -> asyncio.Task[TurnReply]:
    return asyncio.create_task(call)


def command(delivery: Delivery) -> Command:
    decoded = Decoder("team-a", PREFIX).decode(delivery)
    assert isinstance(decoded, Command), decoded
    return decoded


async def answer(queue: Queue, deliveries: list[Delivery]) -> None:
    """Answer each message with the next turn."""
    replies = []
    for one in deliveries:
        asked = command(one)
        fields = encode(asked, "ok", episode=asked.episode, turn=asked.turn + 1, text=f"after {asked.input}")
        replies.append(Reply(one, asked.reply_to, fields))
    await queue.answer(replies)


async def test_a_turn_is_a_message_and_its_reply_is_the_result(broker: Broker, queue: Queue) -> None:
    async with Producer(broker.url, fleet="team-a", name="me") as producer:
        asked = begin(producer.play("bot-1", 3, 14, "equip 2", view="json"))
        [delivery] = await receive(queue, 1)
        sent = command(delivery)
        assert (sent.bot, sent.episode, sent.turn, sent.input) == ("team-a/bot-1", 3, 14, "equip 2")
        assert (sent.view, sent.start) == ("json", None)
        assert sent.reply_to.startswith("df:out:team-a:me-")
        await answer(queue, [delivery])
        assert await asked == TurnReply("ok", episode=3, turn=15, text="after equip 2")
        started = begin(producer.start("bot-1", 4, {"seed": 7}))
        [delivery] = await receive(queue, 1)
        assert (command(delivery).start, command(delivery).episode) == ('{"seed": 7}', 4)
        fields = encode(command(delivery), "error", code="conflict", text="error conflict: no")
        await queue.answer([Reply(delivery, command(delivery).reply_to, fields)])
        assert await started == TurnReply("error", code="conflict", text="error conflict: no")


async def test_what_is_not_answered_is_repeated_and_one_reply_counts(broker: Broker, queue: Queue) -> None:
    async with Producer(broker.url, fleet="team-a", repeat_seconds=0.2) as producer:
        asked = begin(producer.play("bot-1", 1, 0, "1"))
        first, second = await receive(queue, 2)
        assert first.fields == second.fields
        assert producer.repeats >= 1
        await answer(queue, [first, second])
        assert (await asked).turn == 1
        following = begin(producer.play("bot-1", 1, 1, "2"))
        while (message := (await receive(queue, 1))[0]).fields["turn"] != b"1":
            await answer(queue, [message])  # a repeat of the first turn that was on its way
        await answer(queue, [message])
        assert (await following).turn == 2


async def test_no_more_are_in_flight_than_allowed(broker: Broker, queue: Queue) -> None:
    async with Producer(broker.url, fleet="team-a", in_flight_max=3, repeat_seconds=60) as producer:
        asked = [begin(producer.play(f"bot-{number}", 1, 0, "1")) for number in range(10)]
        found = await receive(queue, 3)
        assert await queue.read(10, 0.3) == []
        for _ in range(8):
            await answer(queue, found[:1])
            found = found[1:] + await queue.read(10, 0.3)
        while found:
            await answer(queue, found)
            found = await queue.read(10, 0.3)
        assert {(await one).turn for one in asked} == {1}


async def test_the_end_waits_for_replies(broker: Broker, queue: Queue) -> None:
    async def end() -> TurnReply:
        async with Producer(broker.url, fleet="team-a") as producer:
            asked = begin(producer.play("bot-1", 1, 0, "1"))
            await asyncio.sleep(0)
        return await asked

    ending = begin(end())
    await answer(queue, await receive(queue, 1))
    assert (await ending).turn == 1


async def test_a_call_ends_without_a_reply(broker: Broker, queue: Queue) -> None:
    async with Producer(broker.url, fleet="team-a", timeout_seconds=0.3) as producer:
        with pytest.raises(NoReply, match=r"turn 4 of team-a/bot-1; .* once more"):
            await producer.play("bot-1", 1, 4, "1")
    late = await receive(queue, 1)
    await answer(queue, late)  # its place for replies is still there
    dead = broker.dead_letters()
    assert await dead.count() == 0
    await dead.close()


async def test_an_exception_ends_at_once(broker: Broker) -> None:
    producer = Producer(broker.url, fleet="team-a")
    await producer.__aenter__()
    asked = begin(producer.play("bot-1", 1, 0, "1"))
    await asyncio.sleep(0)
    await producer.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
    with pytest.raises(NoReply, match="closed"):
        await asked
    with pytest.raises(NoReply, match="closed"):
        await producer.play("bot-1", 1, 0, "1")


async def test_calls_that_can_never_be_played_are_refused(broker: Broker) -> None:
    async with Producer(broker.url, fleet="team-a") as producer:
        waiting = begin(producer.play("bot-1", 1, 0, "1"))
        await asyncio.sleep(0)
        with pytest.raises(BadArgument, match="one turn at a time"):
            await producer.play("bot-1", 1, 1, "1")
        with pytest.raises(BadArgument, match="no bot id"):
            await producer.play("other/bot", 1, 0, "1")
        with pytest.raises(BadArgument, match="turn must be"):
            await producer.play("bot-2", 1, -1, "1")
        with pytest.raises(BadArgument, match="bytes"):
            await producer.play("bot-2", 1, 0, "1" * 9000)
        waiting.cancel()


async def test_messages_wait_for_the_first_ingress(broker: Broker) -> None:
    async with Producer(broker.url, fleet="team-a", repeat_seconds=60) as producer:
        asked = [begin(producer.play(f"bot-{number}", 1, 0, "1")) for number in range(20)]
        await asyncio.sleep(0.2)
        queue = broker.make()
        await queue.open()
        await answer(queue, await receive(queue, 20))
        await asyncio.gather(*asked)
        await queue.close()


async def test_a_queue_that_returns_gets_everything_once_more(tmp_path: Path) -> None:
    async with running_broker("redis", None, tmp_path) as broker:
        assert isinstance(broker, RedisBroker)
        async with Producer(broker.url, fleet="team-a", repeat_seconds=60) as producer:
            asked = [begin(producer.play(f"bot-{number}", 1, 0, "1")) for number in range(20)]
            broker.server.kill()
            await asyncio.sleep(0.3)
            broker.server.start()
            queue = broker.make()
            await queue.open()
            found = await receive(queue, 20)
            await answer(queue, found)
            assert {(await one).turn for one in asked} == {1}
            await queue.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:1", "must begin with redis://"), ("redis://127.0.0.1:x/", "address")],
)
async def test_an_address_of_no_use_is_refused(url: str, said: str) -> None:
    with pytest.raises(QueueRefused, match=said):
        async with Producer(url):
            pass


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://guest:planted@127.0.0.1:1/"])
async def test_a_queue_that_never_answers_is_reported_in_time(url: str) -> None:
    with pytest.raises(QueueUnavailable) as found:
        async with Producer(url, timeout_seconds=0.3):
            pass
    assert "planted" not in str(found.value)


@pytest.mark.parametrize("words", [{"fleet": "Team A"}, {"name": "a b"}, {"name": "x" * 40}])
def test_names_of_no_use_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(BadArgument):
        Producer("redis://127.0.0.1:1/0", **words)  # type: ignore[arg-type]
