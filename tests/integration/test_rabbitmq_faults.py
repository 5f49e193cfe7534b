"""An ingress, its RabbitMQ and its network fail under play: no answered turn is lost, and none is doubled.

Each test lets bots play through the package's own producer, lets one thing fail in the middle, lets the bots
go on, and then compares every bot with the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiormq import connect, spec
from aiormq.abc import DeliveredMessage

from dungeonfighter.ingress import Producer, TurnReply
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.ingress.ports import DeadLetter
from dungeonfighter.ingress.rabbitmq_dead_letters import RabbitMQDeadLetters
from dungeonfighter.ingress.rabbitmq_names import names_of
from dungeonfighter.rules import Rules, load_rules
from testkit.ingress_process import IngressProcess
from testkit.rabbitmq_server import RabbitMQServer
from tests.integration.queued import SECONDS_MAX, Bot, check, freeze, sqlite, until
from tests.integration.rabbitmq_proxy import ACKNOWLEDGEMENTS, REPLIES, rabbitmq_proxy
from tests.rabbitmq import RabbitMQClient, rabbitmq_client

BOTS: Final = 24
TURNS: Final = 100
QUICK: Final = ("--lease-seconds", "1")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.fixture
async def client(rabbitmq_server: RabbitMQServer) -> AsyncIterator[RabbitMQClient]:
    """A connection to a broker without queues."""
    async with rabbitmq_client(rabbitmq_server) as made:
        yield made


class Players:
    """Bots that play through one producer.

    Attributes:
        answered: The acknowledged turns of all bots.
        repeated: Those whose turn had been played before.
    """

    def __init__(self, producer: Producer, rules: Rules) -> None:
        self.producer = producer
        self.bots = [Bot(f"bot-{number}", rules, 1000 + number) for number in range(BOTS)]
        self.answered = 0
        self.repeated = 0
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def _play(self, bot: Bot) -> None:
        while not (self._is_over or (bot.state is not None and bot.state.over)):
            reply = await self._ask(bot)
            bot.learn({"status": reply.status, "episode": str(reply.episode), "turn": str(reply.turn)})
            self.answered += 1
            self.repeated += reply.status == "repeated"

    async def _ask(self, bot: Bot) -> TurnReply:
        message, name = bot.message(), bot.key.partition("/")[2]
        if "start" in message:
            return await self.producer.start(name, 1, json.loads(message["start"]), view="none")
        return await self.producer.play(name, 1, bot.turns, message["input"], view="none")

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Play while the block runs; at its end each bot waits for its last reply."""
        self._tasks = [asyncio.create_task(self._play(bot)) for bot in self.bots]
        try:
            yield
            self._is_over = True
            async with asyncio.timeout(SECONDS_MAX):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def more(self, count: int = TURNS) -> None:
        """Wait until so many further turns are answered."""
        wanted = self.answered + count

        def is_so() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()  # raises what ended it
            return self.answered >= wanted

        await until(is_so, lambda: f"{self.answered} of {wanted} turns")


@contextlib.asynccontextmanager
async def bots_playing(url: str, rules: Rules, folder: Path) -> AsyncIterator[Players]:
    """Let bots play; at the end each has its last reply, and everything is in the store."""
    async with Producer(url, repeat_seconds=1) as producer:
        players = Players(producer, rules)
        async with players.playing():
            await players.more()
            yield players
        assert await check(players.bots, sqlite(folder)) >= 2 * TURNS


def ingress(folder: Path, url: str, *flags: str) -> IngressProcess:
    """Return an ingress whose streams are taken over after a second."""
    return IngressProcess(folder, url, flags=(*QUICK, *flags))


@pytest.mark.parametrize("point", [REPLIES, ACKNOWLEDGEMENTS], ids=["commit-reply", "reply-ack"])
async def test_killed_before(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, rules: Rules, tmp_path: Path, point: bytes
) -> None:
    """The consumer dies between commit and reply, or between reply and acknowledgement."""
    async with (
        rabbitmq_proxy(rabbitmq_server.port) as proxy,
        ingress(tmp_path, proxy.url) as only,
        bots_playing(client.url, rules, tmp_path) as players,
    ):
        proxy.hold = point
        await proxy.held.wait()
        only.kill()
        only.queue = client.url
        await only.start_in_thread()
        await players.more()
        played_before = only.metric('mcp_ingress_messages_total{outcome="repeated"}')
        assert played_before > 0, "no turn was committed and not acknowledged"


async def test_two_consumers_on_one_stream(client: RabbitMQClient, rules: Rules, tmp_path: Path) -> None:
    """A consumer is stopped in the middle of its work, and wakes up when another one has its streams."""
    async with (
        ingress(tmp_path, client.url) as first,
        ingress(tmp_path, client.url) as second,
        bots_playing(client.url, rules, tmp_path) as players,
    ):
        await until(lambda: second.metric("mcp_ingress_streams_held") == 8)
        await freeze(first, tmp_path)
        await until(lambda: second.metric("mcp_ingress_streams_held") == 16)
        await players.more()
        first.signal(signal.SIGCONT)
        await until(lambda: first.metric("mcp_ingress_streams_held") == 8)
        await players.more()
        assert first.metric('mcp_ingress_messages_total{outcome="ok"}') > 0
        assert second.metric('mcp_ingress_messages_total{outcome="ok"}') > 0


async def test_a_queue_that_is_made_once_more_is_alive_after_a_kill(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer
) -> None:
    """The file of the names still has the entry of the deleted queue when the next one is made."""
    for _ in range(2):
        await client.channel.queue_delete("made-twice")
        await client.declare("made-twice", {"x-queue-type": "quorum"})
        await until(lambda: rabbitmq_server.has_written("made-twice"))
    rabbitmq_server.kill()
    await asyncio.to_thread(rabbitmq_server.start)
    async with connect(client.url) as connection:
        client.channel = await connection.channel(on_return_raises=True)
        await client.send("made-twice", b"x")


async def test_the_broker_is_killed_and_started(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, rules: Rules, tmp_path: Path
) -> None:
    async with ingress(tmp_path, client.url) as only, bots_playing(client.url, rules, tmp_path) as players:
        names = names_of("df:")
        await until(lambda: all(map(rabbitmq_server.has_written, (names.dead, *names.streams))))
        rabbitmq_server.kill()
        await until(lambda: only.readiness().get("queue") == "unreachable")
        assert only.get("/livez")[0] == 200
        await asyncio.to_thread(rabbitmq_server.start)
        await until(only.is_ready)
        await players.more()
        assert only.metric('mcp_ingress_messages_total{outcome="dead"}') == 0


@pytest.mark.parametrize("way", ["reset", "silent"])
async def test_the_network_is_cut(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, rules: Rules, tmp_path: Path, way: str
) -> None:
    async with (
        rabbitmq_proxy(rabbitmq_server.port) as proxy,
        ingress(tmp_path, proxy.url) as only,
        bots_playing(client.url, rules, tmp_path) as players,
    ):
        if way == "reset":
            for _ in range(7):  # more often than a message of poison is delivered
                proxy.cut_all()
                await players.more(TURNS // 4)
        else:
            proxy.is_silent = True
            await until(lambda: only.readiness().get("queue") == "unreachable")
            proxy.cut_all()
            proxy.is_silent = False
            await players.more()
        assert only.metric('mcp_ingress_messages_total{outcome="dead"}') == 0


async def test_the_broker_is_short_of_memory(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, rules: Rules, tmp_path: Path
) -> None:
    """The broker accepts nothing for a while, also no replies; the consumer gives its messages back."""
    async with ingress(tmp_path, client.url) as only, bots_playing(client.url, rules, tmp_path) as players:
        await asyncio.to_thread(rabbitmq_server.raise_alarm)
        try:
            await until(lambda: only.readiness().get("queue") == "unreachable")
            before = players.answered
            await until(lambda: players.producer.repeats >= BOTS)
            assert players.answered <= before + BOTS
        finally:
            await asyncio.to_thread(rabbitmq_server.clear_alarm)
        await until(only.is_ready)
        await players.more()
        assert only.metric('mcp_ingress_messages_total{outcome="dead"}') == 0


async def test_the_broker_closes_connections_and_loses_queues(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, rules: Rules, tmp_path: Path
) -> None:
    async with ingress(tmp_path, client.url), bots_playing(client.url, rules, tmp_path) as players:
        await client.remove_all()
        await players.more(TURNS // 2)
        await asyncio.to_thread(rabbitmq_server.control, "close_all_connections", "maintenance")
        await players.more(TURNS // 2)


async def test_garbage_becomes_dead_letters_and_the_rest_flows(
    client: RabbitMQClient, rules: Rules, tmp_path: Path
) -> None:
    stream = stream_of("local/bot-1")
    async with ingress(tmp_path, client.url) as only, bots_playing(client.url, rules, tmp_path) as players:
        for body in (
            b"", b"\xff" * 100, b"[" * 5000, b'{"id":{"deep":1}}', b"x" * 1_000_000,
            b'{"id":"a","bot":"other/bot","episode":1,"turn":0,"input":"1"}',
        ):  # fmt: skip
            await client.send(f"df:in:{stream}", body)
        unknown = await players.producer.play("nobody", 1, 0, "1")
        assert (unknown.status, unknown.code) == ("error", "unknown_bot")
        await players.more()
        await until(lambda: only.metric('mcp_ingress_messages_total{outcome="dead"}') == 6)
    letters = RabbitMQDeadLetters(client.url)
    reasons = [letter.reason for letter in await letters.read("", 10)]
    assert sorted(reasons) == ["missing_field"] * 4 + ["other_fleet", "too_large"]
    await letters.close()


async def put_back(message: DeliveredMessage) -> None:
    """Give a message back to its queue."""
    assert isinstance(message.delivery, spec.Basic.Deliver)
    await message.channel.basic_nack(message.delivery.delivery_tag or 0)


async def test_what_the_broker_gives_up_is_a_dead_letter(
    client: RabbitMQClient, rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    """An operator may limit the deliveries by a policy: the broker then moves a message by itself."""
    async with ingress(tmp_path, client.url):
        pass  # makes the queues
    policy = ("set_policy", "limit", "^df:in:", '{"delivery-limit":1}', "--apply-to", "queues")
    await asyncio.to_thread(rabbitmq_server.control, *policy)
    try:
        await client.send("df:in:0", b'{"id":"a"}')
        await client.channel.basic_consume("df:in:0", put_back)
        letters = RabbitMQDeadLetters(client.url)
        found: list[DeadLetter] = []
        async with asyncio.timeout(SECONDS_MAX):
            while not found:
                found = await letters.read("", 10)
        assert [(one.reason, one.stream, one.fields) for one in found] == [
            ("too_many_deliveries", 0, {"id": b"a"})
        ]
        await letters.close()
    finally:
        await asyncio.to_thread(rabbitmq_server.control, "clear_policy", "limit")
