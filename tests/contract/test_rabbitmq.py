"""Properties of the queue over RabbitMQ that Redis has no counterpart of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiormq.abc import DeliveredMessage

from dungeonfighter.ingress import Producer
from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable, Reply
from dungeonfighter.ingress.rabbitmq import RabbitMQ
from testkit.rabbitmq_server import RabbitMQServer
from tests.contract.queues import LEASE_SECONDS, PREFIX
from tests.contract.test_queue import STREAM, answer, ids, message, receive
from tests.integration.rabbitmq_proxy import rabbitmq_proxy
from tests.rabbitmq import RabbitMQClient, rabbitmq_client

pytestmark = pytest.mark.long

QUEUE = f"{PREFIX}in:{STREAM}"


@pytest.fixture
async def client(rabbitmq_server: RabbitMQServer) -> AsyncIterator[RabbitMQClient]:
    async with rabbitmq_client(rabbitmq_server) as made:
        yield made


def consumer(client: RabbitMQClient) -> RabbitMQ:
    return RabbitMQ(client.url, prefix=PREFIX, lease_seconds=LEASE_SECONDS)


async def send(client: RabbitMQClient, *names: str) -> None:
    for name in names:
        await client.send(QUEUE, json.dumps(message(name)).encode(), name)


async def test_the_broker_lets_one_consumer_read_and_keeps_the_order(client: RabbitMQClient) -> None:
    """Another consumer of the same queue, whatever it believes, gets messages only after the first one."""
    first = consumer(client)
    await first.open()
    await send(client, "a", "b", "c", "d")
    found = await receive(first, 2, free=2)  # "c" and "d" were sent ahead, and not read
    arrived: list[str] = []

    async def take(one: DeliveredMessage) -> None:
        arrived.append(json.loads(one.body)["id"])

    await client.channel.basic_consume(QUEUE, take)
    later = [f"e{number}" for number in range(10)]
    await send(client, *later)
    await answer(first, found)
    assert ids(await receive(first, 12)) == ["c", "d", *later]
    assert arrived == []
    await first.close()
    async with asyncio.timeout(10):
        while len(arrived) < 12:  # noqa: ASYNC110 - the broker sends in its own time
            await asyncio.sleep(0.02)
    assert arrived == ["c", "d", *later]


async def test_a_living_consumer_knows_what_is_no_poison(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer
) -> None:
    """The broker counts each delivery; the consumer takes off those that were lost or let go beside it."""
    async with rabbitmq_proxy(rabbitmq_server.port) as proxy:
        first, second = RabbitMQ(proxy.url, prefix=PREFIX, lease_seconds=LEASE_SECONDS), consumer(client)
        await first.open()
        await send(client, "a")
        for _ in range(3):
            assert [one.times for one in await receive(first, 1)] == [1]
            proxy.cut_all()
            with pytest.raises(QueueUnavailable):
                await receive(first, 1)
            await first.open()
        assert [one.times for one in await receive(first, 1)] == [1]
        await first.close()
        await second.open()
        assert [one.times for one in await receive(second, 1)] == [5]
        await second.close()


async def test_a_removed_queue_is_noticed_and_made_anew(client: RabbitMQClient) -> None:
    queue = consumer(client)
    await queue.open()
    await send(client, "a")
    await receive(queue, 1)
    await client.channel.queue_delete(QUEUE)
    with pytest.raises(QueueUnavailable, match="removed"):
        await receive(queue, 1)
    assert not queue.is_up
    await queue.open()
    await send(client, "b")
    assert ids(await receive(queue, 1)) == ["b"]
    await queue.close()


async def test_a_queue_of_another_kind_is_refused_with_the_difference(client: RabbitMQClient) -> None:
    await client.declare(QUEUE, {"x-queue-type": "classic"})
    queue = consumer(client)
    with pytest.raises(QueueRefused, match="inequivalent arg"):
        await queue.open()
    await queue.close()


@pytest.mark.parametrize(
    ("change", "said"), [(("guest:guest", "guest:planted"), "ACCESS_REFUSED"), (("/", "/none"), "none")]
)
async def test_a_wrong_password_or_place_is_refused(
    client: RabbitMQClient, change: tuple[str, str], said: str
) -> None:
    former, latter = change
    start, _, end = client.url.rpartition(former)
    queue = RabbitMQ(f"{start}{latter}{end}", prefix=PREFIX)
    with pytest.raises(QueueRefused, match=said) as found:
        await queue.open()
    assert "planted" not in str(found.value)
    await queue.close()


async def test_the_rights_of_the_documentation_are_enough(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer
) -> None:
    """docs/ingress.md, "RabbitMQ", names them for a consumer and a producer."""
    control = rabbitmq_server.control
    await asyncio.to_thread(control, "add_user", "ingress", "secret")
    try:
        rights = ("^df:", "^(df:|amq\\.default$)", "^df:")
        await asyncio.to_thread(control, "set_permissions", "ingress", *rights)
        url = client.url.replace("guest:guest", "ingress:secret")
        queue = RabbitMQ(url, prefix=PREFIX, lease_seconds=LEASE_SECONDS)
        await queue.open()
        async with Producer(url, fleet="team-a") as producer:
            asked = asyncio.create_task(producer.play("bot-1", 1, 0, "1"))
            await send(client, "a")
            found = {one.fields["id"].decode(): one for one in await receive(queue, 2)}
            await queue.bury([(found.pop("a"), "malformed")])
            [(name, delivery)] = found.items()
            reply_to = delivery.fields["reply_to"].decode()
            await queue.answer([Reply(delivery, reply_to, {"id": name, "status": "ok"})])
            assert (await asked).status == "ok"
        await queue.close()
    finally:
        await asyncio.to_thread(control, "delete_user", "ingress")
