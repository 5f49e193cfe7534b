"""`bots list` and `bots show` on a database of each kind, while a store has it open."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from dungeonfighter import cli
from dungeonfighter.access.principals import Limits
from dungeonfighter.access.tokens import describe, new_secret
from dungeonfighter.connection_strings import parse_database
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from dungeonfighter.storage.sqlite import SqliteStore
from tests.contract.rows import first

Capture = pytest.CaptureFixture[str]
TURNS = {"local/ada": 3, "local/bob": 9, "team-a/ada": 6}
TOKENS = {"local/ada": 500, "local/bob": 20, "team-a/ada": 3000}
SECRET = new_secret()


async def play(host: BotHost, key: str, turns: int) -> None:
    await host.start(key, NewGame(seed=1, weapon=1, name="Ada"))
    for _ in range(turns):
        await host.play(key, "1")


@pytest.fixture
async def games(database: str) -> AsyncIterator[str]:
    """A database with three bots, last changed in the order of `TURNS`, and the store that has it open."""
    store = make_store(Settings(database=parse_database(database)))
    await store.open()
    host = BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance(),
        tokens_per_bot_per_day=10_000,
    )  # fmt: skip
    assert host.daily_tokens is not None
    await play(host, "local/bob", 2)
    for key, turns in TURNS.items():
        await play(host, key, turns - 1)
        host.daily_tokens.count(key, TOKENS[key])
        await host.play(key, "1")
    await host.save("local/bob", "before-the-boss")
    token = describe(
        SECRET, fleet="local", bots="b*", scopes=["play"], created_at=1.0, expires_at=0.0,
        turns_required=False, limits=Limits(2.5),
    )  # fmt: skip
    await store.put_token(token)
    yield database
    await host.close()
    await store.close()


async def run(capsys: Capture, *words: str, code: int = 0) -> str:
    assert await asyncio.to_thread(cli.main, ["bots", *words]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


async def listed(capsys: Capture, database: str, *words: str) -> list[dict[str, Any]]:
    output = json.loads(await run(capsys, "list", "--json", "--db", database, *words))
    bots: list[dict[str, Any]] = output["bots"]
    return bots


def keys(bots: list[dict[str, Any]]) -> list[str]:
    return [f"{bot['fleet']}/{bot['botId']}" for bot in bots]


async def test_bots_are_listed_by_tokens_turns_and_last_change(games: str, capsys: Capture) -> None:
    by_tokens = await listed(capsys, games, "--by", "tokens")
    assert keys(by_tokens) == ["team-a/ada", "local/ada", "local/bob"]
    assert [bot["tokensToday"] for bot in by_tokens] == [3000, 500, 20]
    by_turns = await listed(capsys, games, "--by", "turns")
    assert keys(by_turns) == ["local/bob", "team-a/ada", "local/ada"]
    assert [(bot["episode"], bot["turn"]) for bot in by_turns] == [(2, 9), (1, 6), (1, 3)]
    by_change = await listed(capsys, games)
    assert keys(by_change) == ["team-a/ada", "local/bob", "local/ada"]
    assert all(0 <= time.time() - bot["updatedAt"] < 100 for bot in by_change)


async def test_a_list_can_be_bounded_to_the_first_ones_and_to_a_fleet(games: str, capsys: Capture) -> None:
    assert keys(await listed(capsys, games, "--by", "turns", "--top", "1")) == ["local/bob"]
    local = await listed(capsys, games, "--by", "tokens", "--fleet", "local")
    assert keys(local) == ["local/ada", "local/bob"]
    assert await listed(capsys, games, "--fleet", "loc") == []
    assert (
        await run(capsys, "list", "--fleet", "loc", "--db", games) == "there are no bots in the fleet loc\n"
    )


async def test_a_bot_is_shown_with_its_game_limits_saves_and_runs(games: str, capsys: Capture) -> None:
    found = json.loads(
        await run(capsys, "show", "bob", "--json", "--db", games, "--tokens-per-bot-per-day", "10000")
    )
    assert (found["fleet"], found["botId"], found["episode"], found["turn"]) == ("local", "bob", 2, 9)
    assert found["game"]["name"] == "Ada"
    assert found["game"]["state"]
    assert (found["tokensToday"], found["tokensPerDayMax"], found["callsPerSecondMax"]) == (20, 10_000, None)
    assert [(save["slot"], save["episode"], save["turn"]) for save in found["saves"]] == [
        ("before-the-boss", 2, 9)
    ]
    assert found["endedRuns"] == 1
    assert [(run["episode"], run["result"], run["turns"]) for run in found["lastRuns"]] == [
        (1, "abandoned", 2)
    ]
    assert found["access"] == [
        {
            "token": f"{SECRET[:12]}...",
            "bots": "b*",
            "scopes": "play",
            "callsPerSecond": 2.5,
            "state": "valid",
        }
    ]


async def test_the_text_has_what_the_json_has_and_no_secret(games: str, capsys: Capture) -> None:
    text = await run(capsys, "show", "local/bob", "--db", games)
    lines = dict(line.split(maxsplit=1) for line in text.splitlines() if not line.startswith((" ", "ended")))
    assert lines["run"].startswith("e2 t9, rules ")
    assert lines["tokens"] == "20 today"
    assert lines["access"] == f"{SECRET[:12]}...  bots b*, play, 2.5/s, valid"
    assert lines["save"].startswith("before-the-boss: e2 t9, ")
    assert "ended runs  1\n            e1 abandoned, 2 turns, score " in text
    assert SECRET not in text
    table = (await run(capsys, "list", "--db", games)).splitlines()
    assert table[0].split() == ["BOT", "RUN", "TURN", "TOKENS", "TODAY", "UPDATED"]
    assert table[1].split()[:4] == ["team-a/ada", "e1", "6", "3000"]


async def test_a_bot_of_another_fleet_is_named_with_its_fleet(games: str, capsys: Capture) -> None:
    for words in (("team-a/ada",), ("ada", "--fleet", "team-a"), ("team-a/ada", "--fleet", "team-a")):
        found = json.loads(await run(capsys, "show", *words, "--json", "--db", games))
        assert (found["fleet"], found["turn"], found["access"]) == ("team-a", 6, [])


async def test_an_unknown_bot_is_named(games: str, capsys: Capture) -> None:
    error = await run(capsys, "show", "nobody", "--db", games, code=1)
    assert error == "dungeonfighter bots show: there is no bot local/nobody; `bots list` shows all\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("show", "b b"), "'b b' is not a bot id: an id has"),
        (("show", "x/y/bob"), "a fleet is 1 to 32 of a-z, 0-9 and minus; got 'x/y'"),
        (("show", "local/bob", "--fleet", "team-a"), "is in the fleet local, not in team-a"),
        (("list", "--fleet", "No Fleet"), "a fleet is 1 to 32 of a-z, 0-9 and minus; got 'No Fleet'"),
        (("list", "--top", "100001"), "--top: at most 100000; got 100001"),
    ],
)
async def test_wrong_words_are_refused_in_one_line(
    capsys: Capture, words: tuple[str, ...], problem: str
) -> None:
    error = await run(capsys, *words, "--db", "sqlite:///none/none.db", code=2)
    assert error.startswith(f"dungeonfighter bots {words[0]}: ")
    assert problem in error
    assert error.count("\n") == 1


async def test_a_game_that_cannot_be_read_is_shown_with_the_reason(games: str, capsys: Capture) -> None:
    change = "update games set rules = 'of-tomorrow' where bot_id = 'local/bob'"
    if games.startswith("sqlite"):
        with closing(apsw.Connection(games.removeprefix("sqlite:///"))) as file:
            file.execute(change)
    else:
        link = await asyncpg.connect(games)
        await link.execute(change)
        await link.close()
    found = json.loads(await run(capsys, "show", "bob", "--json", "--db", games))
    assert (found["game"], found["turn"]) == (None, 9)
    assert "damaged" in found["unreadable"]
    assert "place       not shown: " in await run(capsys, "show", "bob", "--db", games)


async def test_an_older_schema_is_named_and_left_alone(games: str, capsys: Capture) -> None:
    change = "delete from schema_version where version = 4"
    if games.startswith("sqlite"):
        with closing(apsw.Connection(games.removeprefix("sqlite:///"))) as file:
            file.execute(change + "; pragma user_version=3")
    else:
        link = await asyncpg.connect(games)
        await link.execute(change)
        await link.close()
    error = await run(capsys, "list", "--db", games, code=1)
    assert "is older than this release; `dungeonfighter db migrate` updates it" in error


@pytest.mark.parametrize(
    ("database", "problem"),
    [
        ("memory://", "--db: memory:// keeps no bots"),
        ("sqlite:///{folder}/none.db", "there is no database "),
        ("sqlite:///{folder}/text", "is not a database of SQLite"),
        ("sqlite:///{folder}/empty", "is older than this release"),
        ("postgresql://127.0.0.1:9/none", "the database cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_read_is_named_and_none_is_made(
    tmp_path: Path, capsys: Capture, database: str, problem: str
) -> None:
    (tmp_path / "text").write_text("no database")
    (tmp_path / "empty").write_bytes(b"")
    code = 2 if database == "memory://" else 1
    assert cli.main(["bots", "list", "--db", database.format(folder=tmp_path)]) == code
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "text"]


async def test_a_list_of_many_bots_reads_them_in_slices_and_leaves_the_file_alone(
    tmp_path: Path, capsys: Capture
) -> None:
    store = SqliteStore(tmp_path / "games.db", wall=lambda: 7.0)
    await store.open()
    for begun in range(0, 12_000, 200):
        await store.commit([first(f"f-{number % 3}/b{number:05}") for number in range(begun, begun + 200)])
    await store.close()
    before = (tmp_path / "games.db").read_bytes()
    url = f"sqlite:///{tmp_path}/games.db"
    assert len(await listed(capsys, url, "--top", "100000")) == 12_000
    assert keys(await listed(capsys, url, "--top", "2", "--fleet", "f-2")) == ["f-2/b00002", "f-2/b00005"]
    assert (tmp_path / "games.db").read_bytes() == before
