"""`dungeonfighter ingress` over a real Redis: replies, dead letters, access, and its end."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from dungeonfighter import cli
from dungeonfighter.ingress.partitions import stream_of
from testkit.ingress_process import IngressProcess
from testkit.redis_server import RedisServer, redis_program
from tests.integration.queued import until, until_count
from tests.parts import program

OUT = "df:out:local:test"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(scope="module")
def ingress(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngressProcess]:
    process = IngressProcess(tmp_path_factory.mktemp("ingress"), redis.url)
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def client(redis: RedisServer) -> AsyncIterator[Redis]:
    made = Redis.from_url(redis.url)
    yield made
    await made.aclose()


async def send(client: Redis, bot: str, /, *, stream: int | None = None, **fields: Any) -> str:
    """Send a message, and return its id."""
    name = f"m{next(_numbers)}"
    given = {"id": name, "bot": bot, "reply_to": OUT, **fields}
    number = stream_of(bot) if stream is None else stream
    await client.xadd(f"df:in:{number}", {name: value for name, value in given.items() if value is not None})
    return name


async def reply_to(client: Redis, name: str) -> dict[str, str]:
    """Wait for the reply to a message."""
    last = "0"
    async with asyncio.timeout(30):
        while True:
            found: Any = await client.xread({OUT: last}, block=1000)
            for _, entries in found:
                for entry, fields in entries:
                    last = entry
                    if fields[b"id"].decode() == name:
                        return {key.decode(): value.decode() for key, value in fields.items()}


async def ask(client: Redis, bot: str, /, **fields: Any) -> dict[str, str]:
    return await reply_to(client, await send(client, bot, **fields))


async def dead_letters(client: Redis, count: int) -> list[dict[str, bytes]]:
    """Wait for so many dead letters, return and remove them."""
    await until_count(lambda: client.xlen("df:dead"), lambda found: found >= count)
    found: Any = await client.xrange("df:dead")
    await client.delete("df:dead")
    return [{key.decode(): value for key, value in fields.items()} for _, fields in found]


async def test_a_run_is_played_in_any_view(ingress: IngressProcess, client: Redis) -> None:
    begun = await ask(client, "local/ada", episode=1, start='{"seed":7,"weapon":"mace"}')
    assert (begun["status"], begun["episode"], begun["turn"]) == ("ok", "1", "0")
    assert begun["text"].startswith("e1 t0 | ")
    played = await ask(client, "local/ada", episode=1, turn=0, input="1", view="json")
    assert (played["status"], played["turn"]) == ("ok", "1")
    assert "text" not in played
    assert json.loads(played["json"])["turn"] == 1
    short = await ask(client, "local/ada", episode=1, turn=1, input="1", view="none")
    assert set(short) == {"id", "bot", "status", "episode", "turn"}
    assert (short["status"], short["turn"]) == ("ok", "2")


async def test_a_second_copy_has_no_effect(ingress: IngressProcess, client: Redis) -> None:
    await ask(client, "local/bea", episode=1, start="{}")
    first = await ask(client, "local/bea", episode=1, turn=0, input="1")
    second = await ask(client, "local/bea", episode=1, turn=0, input="1")
    assert (first["status"], second["status"]) == ("ok", "repeated")
    assert second["turn"] == first["turn"] == "1"
    late = await ask(client, "local/bea", episode=1, start="{}")
    assert late["code"] == "stale_turn"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"episode": 1, "turn": 0, "input": "77"}, "illegal_input"),
        ({"episode": 1, "turn": 0, "input": "x" * 60}, "bad_argument"),
        ({"episode": 1, "turn": 9, "input": "1"}, "future_turn"),
        ({"episode": 2, "turn": 0, "input": "1"}, "stale_turn"),
        ({"episode": 2, "start": "[]"}, "bad_argument"),
        ({"episode": 2, "start": '{"weapon":"gun"}'}, "bad_argument"),
    ],
)
async def test_a_mistake_of_the_bot_is_answered(
    ingress: IngressProcess, client: Redis, fields: dict[str, Any], code: str
) -> None:
    bot = f"local/cid-{next(_numbers)}"
    await ask(client, bot, episode=1, start="{}")
    assert (await ask(client, bot, **fields))["code"] == code


async def test_an_unknown_bot_is_answered(ingress: IngressProcess, client: Redis) -> None:
    reply = await ask(client, "local/nobody", episode=1, turn=0, input="1")
    assert (reply["status"], reply["code"]) == ("error", "unknown_bot")
    assert "turn" not in reply


async def test_turns_that_are_sent_at_once_are_played_in_order(
    ingress: IngressProcess, client: Redis
) -> None:
    await ask(client, "local/dan", episode=1, start='{"weapon":"mace"}')
    names = [await send(client, "local/dan", episode=1, turn=turn, input="1") for turn in range(20)]
    replies = [await reply_to(client, name) for name in names]
    assert [reply["turn"] for reply in replies] == [str(turn) for turn in range(1, 21)]
    assert {reply["status"] for reply in replies} == {"ok"}


async def test_poison_goes_to_the_dead_letters_and_the_rest_flows(
    ingress: IngressProcess, client: Redis
) -> None:
    memory = ingress.metric('process_resident_memory_bytes{worker="0"}')
    good: dict[str, Any] = {"episode": 1, "turn": 0, "input": "1"}
    for _ in range(40):
        await send(client, "local/eve", episode=1, turn=0, input=b"\xff" * 1_000_000)
    await send(client, "other/eve", **good)
    await send(client, "local/eve", stream=(stream_of("local/eve") + 1) % 16, **good)
    await send(client, "local/eve", **good | {"turn": None})
    await send(client, "local/eve", **good | {"turn": "x"})
    await send(client, "local/eve", **good | {"reply_to": "df:in:0"})
    await client.xadd("df:in:3", {b"\x00\xff": b"\xfe" * 100})
    assert (await ask(client, "local/eve", episode=1, start="{}"))["status"] == "ok"
    letters = await dead_letters(client, 46)
    assert sorted({one["reason"].decode() for one in letters}) == [
        "bad_reply_to", "malformed", "missing_field", "other_fleet", "too_large", "wrong_stream",
    ]  # fmt: skip
    assert max(sum(map(len, one.values())) for one in letters) < 5000
    assert ingress.metric('process_resident_memory_bytes{worker="0"}') - memory < 100_000_000
    assert ingress.metric('mcp_ingress_dead_letters_total{reason="too_large"}') == 40
    assert ingress.metric('mcp_ingress_messages_total{outcome="dead"}') >= 46


async def test_dead_letters_are_listed_resent_and_removed(
    ingress: IngressProcess, client: Redis, redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for turn in ("x", "y"):
        await send(client, "local/\x1b[2Jfay", stream=0, episode=1, turn=turn, input="1")
    await until_count(lambda: client.xlen("df:dead"), lambda found: found == 2)

    def command(*words: str) -> list[str]:
        assert cli.main(["ingress", "dead-letters", *words, "--queue", redis.url]) == 0
        return capsys.readouterr().out.splitlines()

    lines = await asyncio.to_thread(command, "list")
    assert len(lines) == 2
    words = ["--queue", redis.url, "dead-letters", "list", "--count", "1"]
    assert await asyncio.to_thread(cli.main, ["ingress", *words]) == 0
    assert capsys.readouterr().out.splitlines() == lines[:1]
    assert "malformed" in lines[0]
    assert "bot=local/\\x1b[2Jfay" in lines[0]
    series = 'mcp_ingress_dead_letters_total{reason="malformed"}'
    before = ingress.metric(series)
    await asyncio.to_thread(command, "resend", lines[0].split()[0])
    await until(lambda: ingress.metric(series) == before + 1)
    assert len(await asyncio.to_thread(command, "list")) == 2
    await asyncio.to_thread(command, "delete", "--all", "--reason", "malformed")
    assert await asyncio.to_thread(command, "list") == []


async def test_health_and_metrics_have_an_address_of_their_own(ingress: IngressProcess) -> None:
    assert ingress.get("/livez")[0] == 200
    assert ingress.readiness() == {"status": "ready", "queue": "up", "store": "up"}
    assert ingress.get("/mcp")[0] == 404
    assert ingress.metric("mcp_ingress_streams_held") == 16
    assert ingress.metric("mcp_ingress_up") == 1
    assert ingress.metric('mcp_ingress_lag{stream="15"}') == 0


@pytest.mark.long
async def test_it_waits_for_redis_hands_over_and_buries_what_never_ended(tmp_path: Path) -> None:
    """A message that was delivered too often without an outcome is poison."""
    found = redis_program() or program("redis-server", part="redis")
    server = RedisServer(found, tmp_path)
    process = IngressProcess(tmp_path, server.url)
    process.launch()
    try:
        await until(lambda: "waiting for the queue" in process.log.read_text())
        with server:
            client = Redis.from_url(server.url)
            await client.xgroup_create("df:in:0", "ingress", "0", mkstream=True)
            entry = await client.xadd("df:in:0", {"id": "p", "bot": "local/ada", "episode": 1, "start": "{}"})
            await client.xreadgroup("ingress", "holder", {"df:in:0": ">"})
            await client.xclaim("df:in:0", "ingress", "holder", 0, [entry], retrycount=5)
            [letter] = await dead_letters(client, 1)
            assert letter["reason"] == b"too_many_deliveries"
            process.signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait) == 0
            assert await client.keys("df:lease:*") == []
            await client.aclose()
    finally:
        process.kill()


@pytest.mark.long
async def test_it_stops_when_its_token_is_revoked(
    redis: RedisServer, client: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ["--db", f"sqlite:///{tmp_path / 'games.db'}"]
    words = ["--fleet", "team-a", "--bots", "a-*", "--rate", "20", *database]
    await asyncio.to_thread(cli.main, ["token", "create", *words])
    token = capsys.readouterr().out.strip()
    flags = ["--auth", "tokens", "--prefix", "team-a:"]
    process = IngressProcess(tmp_path, redis.url, flags=flags, environ={"INGRESS_TOKEN": token})
    async with process:
        for bot, status, code in (("team-a/a-1", "ok", None), ("team-a/b-1", "error", b"not_allowed")):
            message: dict[Any, Any] = {"id": bot, "bot": bot, "episode": 1, "start": "{}"}
            await client.xadd(f"team-a:in:{stream_of(bot)}", message)
            found: Any = await client.xread({"team-a:out": "0"}, block=20_000)
            [(_, [(entry, reply)])] = found
            assert (reply[b"status"].decode(), reply.get(b"code")) == (status, code)
            await client.xdel("team-a:out", entry)
        for number in range(60):  # the rate allows forty of them at once; the others wait
            fields: dict[Any, Any] = {"id": number, "bot": "team-a/a-1", "episode": 1, "turn": number}
            await client.xadd(f"team-a:in:{stream_of('team-a/a-1')}", {**fields, "input": "1"})
        await until_count(lambda: client.xlen("team-a:out"), lambda count: count == 60)
        replies: Any = await client.xrange("team-a:out")
        assert {fields[b"status"] for _, fields in replies} == {b"ok"}
        await asyncio.to_thread(cli.main, ["token", "revoke", token[:12], *database])
        assert await asyncio.to_thread(process.wait) == 1
    assert "revoked" in process.log.read_text().splitlines()[-1]


@pytest.mark.long
def test_a_queue_that_never_answers_ends_the_start(tmp_path: Path) -> None:
    process = IngressProcess(tmp_path, "redis://127.0.0.1:9/0", flags=["--startup-timeout", "0.5"])
    process.launch()
    assert process.wait() == 1
    lines = process.log.read_text().splitlines()
    assert any("waiting for the queue for" in line for line in lines)
    assert lines[-1].startswith("dungeonfighter ingress: the queue cannot be used: Redis does not answer")


def test_wrong_settings_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ingress", "--queue", "http://x:secret@y", "--db", "memory://", "--listen", "nowhere"]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    for flag in ("--queue", "--db", "--listen"):
        assert f"ingress: {flag}: " in said
    assert "secret" not in said


def test_a_token_on_the_command_line_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["ingress", "--queue", "redis://x", "--token", "df_secret"])
    said = capsys.readouterr().err
    assert "INGRESS_TOKEN" in said
    assert "df_secret" not in said
