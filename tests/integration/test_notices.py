"""A page at one server follows a bot that plays at another, through a real Redis that is killed meanwhile."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dungeonfighter.access.leases import Leases
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.serving import notices
from dungeonfighter.serving.background import begin
from dungeonfighter.serving.notices import Notices
from dungeonfighter.serving.redis_leases import RedisLeases
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.integration.balancer import balancing
from tests.integration.through_balancer import play_through, servers, wait_for_turns
from tests.parts import program
from tests.unit.house.sources import ROOT

PREFIX = "test:"
KEY = "local/ada"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path) as started:
        yield started


class Process:
    """One process with games in memory, and with viewers."""

    def __init__(self, url: str) -> None:
        self.games: dict[str, int] = {}
        self.viewed: set[str] = set()
        self.heard: dict[str, int] = {}
        self.notices = Notices(
            url, prefix=PREFIX, place="test", version_of=self.version,
            watched=lambda: self.viewed, on_notice=self._hear,
        )  # fmt: skip

    def version(self, key: str) -> int:
        return self.games.get(key, 0)

    def _hear(self, key: str, version: int) -> None:
        self.heard[key] = version


class ChangingProcess(Process):
    """All of its games change all the time."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._versions = itertools.count(1)

    def version(self, key: str) -> int:
        del key
        return next(self._versions)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "PERIOD_SECONDS", 0.02)
    monkeypatch.setattr(notices, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(notices, "CHANNELS_SECONDS", 0.1)
    monkeypatch.setattr(notices, "SILENT_SECONDS_MAX", 0.5)
    monkeypatch.setattr(notices, "RETRY_SECONDS", 0.1)


@asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    tasks = [begin(one.notices.keep(), "notices") for one in processes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(holds: Callable[[], object]) -> None:
    """Wait until this holds; the timeout of the test is the deadline."""
    while not holds():  # noqa: ASYNC110 - no event shows it
        await asyncio.sleep(0.01)


async def test_a_process_hears_of_the_bots_that_its_viewers_watch(redis: RedisServer) -> None:
    player, viewer = Process(redis.url), Process(redis.url)
    viewer.viewed = {KEY}
    async with running(player, viewer):
        player.games = {KEY: 1, "local/bob": 1}
        await until(lambda: viewer.heard == {KEY: 1})
        player.games = {KEY: 2, "local/bob": 2}
        await until(lambda: viewer.heard == {KEY: 2})
        viewer.viewed = {"local/bob"}
        await until(lambda: viewer.heard == {KEY: 2, "local/bob": 2})
        await until(lambda: KEY not in player.notices._published)  # it has asked who listens since
        player.games[KEY] = 3
        published = player.notices.published
        player.games["local/bob"] = 3
        await until(lambda: viewer.heard["local/bob"] == 3 and player.notices.published > published)
        assert (viewer.heard[KEY], player.notices.published) == (2, published + 1)


async def test_no_notice_is_published_while_nobody_watches(redis: RedisServer) -> None:
    player = Process(redis.url)
    player.games = {KEY: 1}
    async with running(player), Redis.from_url(redis.url) as client:
        await until(lambda: player.notices.is_up)
        player.games = {KEY: 2}
        for _ in range(3):
            before = (await client.info("commandstats"))["cmdstat_pubsub"]["calls"]
            while (await client.info("commandstats"))["cmdstat_pubsub"]["calls"] == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "cmdstat_publish" not in await client.info("commandstats")
        assert await client.dbsize() == 0


async def test_a_viewer_that_comes_later_hears_of_the_present_version(redis: RedisServer) -> None:
    player, viewer, late = (Process(redis.url) for _ in range(3))
    viewer.viewed = {KEY}
    player.games = {KEY: 7}
    async with running(player, viewer, late):
        await until(lambda: viewer.heard == {KEY: 7})
        late.viewed = {KEY}
        await until(lambda: late.notices.is_up and late.notices._subscribed == {KEY})
        player.games = {KEY: 8}
        await until(lambda: late.heard == viewer.heard == {KEY: 8})


async def test_more_changes_than_a_period_carries_are_all_published_in_the_end(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "NOTICES_MAX", 3)
    player, viewer = Process(redis.url), Process(redis.url)
    viewer.viewed = {f"local/bot-{number}" for number in range(20)}
    player.games = dict.fromkeys(viewer.viewed, 1)
    async with running(player, viewer):
        await until(lambda: viewer.heard == dict.fromkeys(viewer.viewed, 1))
        player.games = dict.fromkeys(viewer.viewed, 2)
        await until(lambda: viewer.heard == player.games)
    assert player.notices.published == 40


async def test_a_message_that_is_no_version_is_dropped(redis: RedisServer) -> None:
    viewer = Process(redis.url)
    viewer.viewed = {KEY}
    async with running(viewer), Redis.from_url(redis.url) as client:
        await until(lambda: viewer.notices.is_up)
        channel = f"{PREFIX}bot:{KEY}"
        while not await client.publish(channel, "5"):  # noqa: ASYNC110 - until the channel is subscribed to
            await asyncio.sleep(0.01)
        await until(lambda: viewer.heard == {KEY: 5})
        for text in ("", "-6", "6.0", "\u0666", "x" * 100_000, b"\xff\x00", "9" * 30):
            await client.publish(channel, text)
        await client.publish(channel, "7")
        await until(lambda: viewer.heard == {KEY: 7})
        assert viewer.notices.received == 2


async def test_bots_that_always_change_keep_no_other_from_being_published(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "NOTICES_MAX", 3)
    player, viewer = ChangingProcess(redis.url), Process(redis.url)
    viewer.viewed = {f"local/bot-{number}" for number in range(20)}
    async with running(player, viewer):
        await until(lambda: viewer.heard.keys() == viewer.viewed)


@asynccontextmanager
async def half_open(redis: RedisServer) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Relay connections to Redis; once the event is set, those with subscriptions bring no more messages."""
    silent, relays = asyncio.Event(), set[asyncio.Task[None]]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", redis.port)
        subscribes = False

        async def down() -> None:
            while data := await up_reader.read(65536):
                if not (subscribes and silent.is_set()):
                    writer.write(data)

        task = asyncio.create_task(down())
        relays.add(task)
        while data := await reader.read(65536):
            subscribes = subscribes or b"SUBSCRIBE" in data
            up_writer.write(data)
        up_writer.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", silent
    finally:
        server.close()
        for task in relays:
            task.cancel()
        await asyncio.wait(relays)


async def test_a_connection_that_became_silent_is_noticed(redis: RedisServer) -> None:
    player = Process(redis.url)
    player.games = {KEY: 1}
    async with half_open(redis) as (url, silent):
        viewer = Process(url)
        viewer.viewed = {KEY}
        async with running(player, viewer):
            await until(lambda: viewer.heard == {KEY: 1} and viewer.notices.is_up)
            silent.set()
            await until(lambda: not viewer.notices.is_up)
            silent.clear()
            await until(lambda: viewer.notices.is_up)


@pytest.mark.parametrize("trouble", ["killed", "frozen", "connections cut"])
async def test_lost_notices_are_noticed_and_the_next_ones_arrive(redis: RedisServer, trouble: str) -> None:
    player, viewer = Process(redis.url), Process(redis.url)
    viewer.viewed = {KEY}
    player.games = {KEY: 1}
    async with running(player, viewer):
        await until(lambda: viewer.heard == {KEY: 1})
        await until(lambda: viewer.notices.is_up)
        if trouble == "killed":
            redis.kill()
        elif trouble == "frozen":
            redis.freeze()
        else:
            async with Redis.from_url(redis.url) as client:
                await client.client_kill_filter(_type="pubsub")
        if trouble != "connections cut":
            await until(lambda: not viewer.notices.is_up)
            player.games = {KEY: 2}
            if trouble == "killed":
                redis.start()
            else:
                redis.thaw()
        await until(lambda: viewer.notices.is_up)
        player.games = {KEY: player.games[KEY] + 1}
        seen = player.games[KEY]
        while viewer.heard[KEY] != seen:  # a notice may be lost; the next one is not
            await asyncio.sleep(0.1)
            if viewer.notices.is_up and viewer.heard[KEY] != seen:
                player.games = {KEY: player.games[KEY] + 1}
                seen = player.games[KEY]


async def test_the_rights_in_the_documentation_are_enough(redis: RedisServer) -> None:
    line = next(line for line in (ROOT / "docs" / "redis.md").read_text().splitlines() if "SETUSER" in line)
    words = line.replace("PASSWORD", "s3cret").replace("dungeonfighter:", PREFIX).split()
    async with Redis.from_url(redis.url) as client:
        await client.execute_command(*words)  # type: ignore[no-untyped-call]
    url = redis.url.replace("redis://", "redis://game:s3cret@")
    player, viewer = Process(url), Process(url)
    viewer.viewed = {KEY}
    player.games = {KEY: 1}
    leases = RedisLeases(url, prefix=PREFIX, replica="one", replicas=1, place="test")
    dividing = begin(leases.keep(Leases(1), lambda: None), "leases")
    async with running(player, viewer):
        await until(lambda: viewer.heard == {KEY: 1} and leases.is_up)
        viewer.viewed = set()
        await until(lambda: not viewer.notices._subscribed and viewer.notices.is_up)
    dividing.cancel()
    await asyncio.wait({dividing})


async def test_another_password_is_used_at_once(redis: RedisServer) -> None:
    player, viewer = Process(redis.url), Process(redis.url)
    viewer.viewed = {KEY}
    player.games = {KEY: 1}
    async with running(player, viewer), Redis.from_url(redis.url) as client:
        await until(lambda: viewer.heard == {KEY: 1})
        await client.execute_command(  # type: ignore[no-untyped-call]
            "ACL", "SETUSER", "second", "on", ">s3cret", "~*", "&*", "+@all"
        )
        for one in (player, viewer):
            one.notices.use(redis.url.replace("redis://", "redis://second:s3cret@"))
        while {one["user"] for one in await client.client_list()} != {"default", "second"}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await until(lambda: viewer.notices.is_up)
        player.games = {KEY: 2}
        await until(lambda: viewer.heard == {KEY: 2})


class Viewing:
    """A page that watches one bot."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def turn(self, least: int) -> int:
        """Wait until the page shows this turn or a later one; return it."""
        event = b""
        while True:
            line = await self._reader.readline()
            assert line, "the stream ended"
            if line.startswith(b"event: "):
                event = line.strip()
            elif event == b"event: bot" and line.startswith(b"data: "):
                turn: int = json.loads(line.removeprefix(b"data: "))["turn"]
                if turn >= least:
                    return turn


@asynccontextmanager
async def viewing(server: ServerProcess, bot: str) -> AsyncIterator[Viewing]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**20)
    writer.write(f"GET /api/events?bot={bot} HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
    try:
        yield Viewing(reader)
    finally:
        writer.close()


async def call(server: ServerProcess, tool: str, **arguments: Any) -> None:
    def post() -> None:
        message = {
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        connection.request("POST", "/mcp", json.dumps(message), headers)
        body = json.loads(connection.getresponse().read())
        connection.close()
        assert not body["result"].get("isError"), body

    await asyncio.to_thread(post)


def flags_for(redis: RedisServer) -> list[str]:
    return [f"--redis={redis.url}", "--replicas=2", f"--redis-key-prefix={PREFIX}", "--rate-per-fleet=100000"]


@pytest.mark.long
async def test_a_page_follows_a_bot_that_plays_at_another_server(
    redis: RedisServer, tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    channel = f"{PREFIX}bot:{KEY}".encode()
    async with (
        servers(tmp_path, database, 2, [*flags_for(redis), "--workers=1"]) as (one, other),
        Redis.from_url(redis.url) as client,
    ):
        await call(one, "start_new_game", botId="ada", weapon="sword", seed=7)
        async with viewing(other, "ada") as page:
            assert await page.turn(0) == 0
            while await client.pubsub_channels() != [channel]:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
            for turn in range(1, 9):
                await call(one, "handle_input", botId="ada", input="1")
                assert await page.turn(turn) == turn
            assert (await client.info("commandstats"))["cmdstat_publish"]["calls"] >= 2
        while await client.pubsub_channels():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
        for server in (one, other):
            assert "Traceback" not in server.log.read_text()


async def make_full(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url) as client:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "1")
        with pytest.raises(ResponseError, match="maxmemory"):
            await client.set("a", "b")


async def make_roomy(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url) as client:
        await client.config_set("maxmemory", "0")


async def empty(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url) as client:
        await client.flushall()
        await client.script_flush()


@pytest.mark.long
async def test_a_fleet_plays_on_without_an_error_whatever_happens_to_redis(
    redis: RedisServer, tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")

    async def happens(tally: Tally) -> None:
        async def play() -> None:
            await wait_for_turns(tally, tally.turns + 300)

        await play()
        redis.freeze()
        await play()
        redis.thaw()
        await play()
        await empty(redis)
        await play()
        await make_full(redis)
        await play()
        await make_roomy(redis)
        redis.kill()
        await play()
        await asyncio.to_thread(redis.start)  # an empty one in its place

    async with AsyncExitStack() as stack:
        two = await stack.enter_async_context(servers(tmp_path, database, 2, flags_for(redis)))
        balancer = await stack.enter_async_context(balancing([one.port for one in two]))
        await call(two[0], "start_new_game", botId="ada", weapon="sword", seed=7)
        pages = [await stack.enter_async_context(viewing(one, "ada")) for one in two]
        for page in pages:
            await page.turn(0)
        tally = await play_through(balancer, PostgresStore(database), happens, bots=20)
        assert not tally.troubles
        await call(two[0], "handle_input", botId="ada", input="1")
        for page in pages:
            assert await page.turn(1) == 1
        for server in two:
            assert "Traceback" not in server.log.read_text()
