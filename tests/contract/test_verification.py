"""`db verify` finds each damage that was made, names it, and finds none where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import asyncpg
import pytest

from dungeonfighter.commands.database.verifying import verify
from dungeonfighter.commands.outcomes import CommandInterrupted
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import Mode
from dungeonfighter.storage.backup import dump_rows, postgres_programs
from dungeonfighter.storage.backup.sqlite_files import open_source
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_connection import PAGE_BYTES
from dungeonfighter.storage.verification import bots, verification
from dungeonfighter.storage.verification.findings import Columns, Finding, Source
from dungeonfighter.storage.verification.postgres_source import PostgresSource
from dungeonfighter.storage.verification.sqlite_source import SqliteSource
from dungeonfighter.storage.verification.verification import Verification, Verified
from testkit.postgres_server import PostgresServer
from tests.contract.backups import BOOK, DAMAGES, damage_of, fill

NAMES = ["sound", *DAMAGES]
LAST = max(f"local/{name}" for name in NAMES)


async def verified(source: Source, after: str = "") -> tuple[Verified, list[str]]:
    found: list[Finding] = []
    seen = Verified(after=after)
    try:
        await Verification(source, BOOK, found.append, lambda _: None, seen).run()
    finally:
        await source.close()
    assert seen.is_done
    assert seen.findings == len(found)
    return seen, sorted(map(str, found))


def assert_named(findings: list[str], names: list[str]) -> None:
    """Assert that each damage is among the findings, and that all findings are about damaged bots."""
    expected = {f"local/{name}: {DAMAGES[name][1]}" for name in names}
    assert sorted(expected - set(findings)) == []
    assert {text.partition(": ")[0] for text in findings} == {f"local/{name}" for name in names}


async def test_each_damage_of_a_sqlite_store_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    await fill(store, NAMES)
    seen, findings = await verified(SqliteSource(open_source(path)))
    assert not findings
    assert (seen.counts.bots, seen.counts.saves, seen.counts.runs, seen.after) == (15, 15, 15, LAST)
    assert seen.counts.inputs == 3 * 15
    with closing(apsw.Connection(str(path))) as other:
        for name in DAMAGES:
            other.execute(damage_of(name, "sqlite"))
    _, findings = await verified(SqliteSource(open_source(path)))
    await store.close()
    assert_named(findings, list(DAMAGES))

    for pages in (bots, verification):
        monkeypatch.setattr(pages, "PAGE_ROWS", 10)
    monkeypatch.setattr(verification, "SLICE_BOTS", 1)
    _, in_small_portions = await verified(SqliteSource(open_source(path)))
    assert in_small_portions == findings
    _, findings = await verified(SqliteSource(open_source(path)), after="local/save-state")
    assert_named(findings, [name for name in DAMAGES if name > "save-state"])


async def test_each_damage_of_a_postgres_store_and_of_its_dump_is_named(
    postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    store = PostgresStore(postgres_url)
    await store.open()
    await fill(store, NAMES)
    _, findings = await verified(await PostgresSource.open(postgres_url, is_pooler=False))
    assert not findings
    other = await asyncpg.connect(postgres_url)
    for name in DAMAGES:
        await other.execute(damage_of(name, "postgres"))
    await other.close()
    seen, findings = await verified(await PostgresSource.open(postgres_url, is_pooler=False))
    await store.close()
    assert_named(findings, list(DAMAGES))

    words = [postgres_server.program("pg_dump"), "-Fc", "-f", str(tmp_path / "dump"), postgres_url]
    await asyncio.to_thread(subprocess.run, words, check=True)
    restorer = postgres_programs.find("pg_restore", postgres_server.program("pg_restore"), "--pg-restore")
    dump_rows.load(tmp_path / "dump", restorer, tmp_path / "scratch.db", lambda _: None)
    assert await verified(SqliteSource(open_source(tmp_path / "scratch.db"))) == (seen, findings)


async def test_runs_of_every_origin_are_sound(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    host = BotHost(store=store, rules=BOOK, clock=SystemClock(), chance=SystemChance())
    key = "local/ada"
    await host.start(key, NewGame(seed=1, weapon=1))
    await host.play_many(key, ["1"] * 90)
    await host.save(key, "main")
    await host.play(key, "1")
    await host.load(key, "main")
    await host.play_many(key, ["1"] * 50)
    await host.reset(key)
    await host.start(key, NewGame(seed=1, weapon=1, mode=Mode.ironman))
    await host.play_many(key, ["1"] * 90)  # as far as the hero lives
    await host.start("local/unreadable", NewGame(seed=1, weapon=1))
    await host.play_many("local/unreadable", ["1"] * 3)
    await host.close()
    with closing(apsw.Connection(str(path))) as other:
        other.execute("update games set state = trail, digest = x'00' where bot_id = 'local/unreadable'")
    later = BotHost(store=store, rules=BOOK, clock=SystemClock(), chance=SystemChance())
    await later.start("local/unreadable", NewGame())
    await later.close()
    await store.close()
    seen, findings = await verified(SqliteSource(open_source(path)))
    assert not findings
    assert seen.counts.runs >= 4
    assert (seen.counts.bases, seen.counts.runs_without_inputs) == (1, 0)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("update run_bases set base = substr(base, 2)")
        other.execute("delete from run_inputs where episode = 1 and bot_id = 'local/ada'")
    seen, findings = await verified(SqliteSource(open_source(path)))
    (finding,) = findings
    assert finding.startswith("local/ada: first state of run 2: not an encoded state")
    assert seen.counts.runs_without_inputs == 1


async def test_a_damaged_page_costs_only_its_bots(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    await fill(store, [f"bot-{number:02d}" for number in range(12)], turns=2)
    await store.close()
    with closing(apsw.Connection(str(path))) as other:
        page = other.execute(
            "select pageno from dbstat where name = 'games' and pagetype = 'leaf' limit 1"
        ).get
    content = bytearray(path.read_bytes())
    begin = (page - 1) * PAGE_BYTES
    content[begin : begin + 8] = b"\xee" * 8
    path.write_bytes(content)
    _, findings = await verified(SqliteSource(open_source(path, is_backup=True)))
    assert findings
    assert all("game: its row cannot be read: a page of the file is damaged" in text for text in findings)
    assert len(findings) < 12


async def test_a_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    await fill(store, ["ada", "bob"], turns=1)
    await store.close()
    with closing(apsw.Connection(str(path))) as other:
        other.execute("update games set directive = cast(x'ff' as text) where bot_id = 'local/ada'")
        other.execute("update games set bot_id = cast(x'6c6f63616c2ffe' as text) where bot_id = 'local/bob'")
    _, findings = await verified(SqliteSource(open_source(path)))
    assert [text for text in findings if ": game: " in text] == [
        "local/\\xfe: game: the stored row of this game is damaged",
        "local/ada: game: the stored row of this game is damaged",
    ]


class EndlessSource:
    """A store with a row after every key; Ctrl-C is pressed when it is opened."""

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        yield

    async def select(self, name: str, *values: str | int) -> list[Columns]:
        if name != "verify_games":
            return []
        begin = int(str(values[0]).partition("-")[2] or 0)
        row = (1, b"", 0, 0, "", b"", b"", "", 0, 0.0)
        return [(f"local/bot-{begin + number:04d}", *row) for number in range(1, int(values[1]) + 1)]

    async def count(self) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return 1000

    async def close(self) -> None:
        pass


def test_an_interrupted_verification_says_how_to_go_on() -> None:
    async def open_endless() -> Source:
        return EndlessSource()

    with pytest.raises(CommandInterrupted) as caught:
        verify(open_endless, "", after="local/bot-0100", go_on="; go on with --after {after}")
    assert str(caught.value) == "interrupted; go on with --after local/bot-0300"
