"""Pruning and deletion on both stores, while a host has the bots in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import msgspec
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import StoreUnavailable, UnknownBot
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.deleted_rows import emptied
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row, Save, Store, Write
from dungeonfighter.hosting.rows import check
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import Mode, load_rules
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from dungeonfighter.storage.pruning.deletion import delete_bot
from dungeonfighter.storage.pruning.postgres_removal import PostgresRemoval
from dungeonfighter.storage.pruning.prune import Pruned, Pruner
from dungeonfighter.storage.pruning.removal import Removal, Removed, kept_runs
from dungeonfighter.storage.pruning.sqlite_removal import SqliteRemoval
from tests.contract.rows import row as plain_row
from tests.rows import follow_up

OLD = 1000.0
BOOK = ShippedRules([load_rules()])
CHANCE = SystemChance()


class Silent:
    def progress(self, text: str) -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Database:
    """One database with a store and a host on it, and the means to age its rows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store = make_store(Settings(database=parse_database(url)))
        self.host = BotHost(store=self.store, rules=BOOK, clock=SystemClock(), chance=CHANCE)

    async def change(self, statement: str) -> list[Any]:
        """Carry out a statement; `OLD` in it stands for a time long ago."""
        if self.url.startswith("sqlite"):
            with closing(apsw.Connection(self.url.removeprefix("sqlite:///"))) as file:
                return file.execute(statement.replace("OLD", str(OLD))).fetchall()
        link = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await link.fetch(statement.replace("OLD", f"to_timestamp({OLD})"))]
        finally:
            await link.close()

    async def age(self, *bots: str) -> None:
        """Let all rows of these bots be old."""
        named = ", ".join(f"'{bot}'" for bot in bots)
        await self.change(f"update games set updated_at = OLD where bot_id in ({named})")
        await self.change(f"update episodes set ended_at = OLD where bot_id in ({named})")
        await self.change(f"update character_saves set updated_at = OLD where bot_id in ({named})")

    async def removal(self) -> Removal:
        if self.url.startswith("sqlite"):
            return SqliteRemoval(Path(self.url.removeprefix("sqlite:///")))
        return await PostgresRemoval.open(self.url, "the database")

    async def prune(self, *, is_trial: bool = False) -> Pruned:
        removal = await self.removal()
        try:
            await removal.claim()
            return await Pruner(
                removal, BOOK, CHANCE, Silent(), time.time() - 86_400, is_trial=is_trial
            ).run()
        finally:
            await removal.close()

    async def delete(self, key: str) -> bool:
        removal = await self.removal()
        try:
            return await delete_bot(removal, CHANCE, key)
        finally:
            await removal.close()

    async def runs(self, key: str) -> list[int]:
        return [run.episode for run in await self.store.episodes(key)]

    async def play(self, key: str, turns: int, options: NewGame | None = None) -> None:
        await self.host.start(key, options or NewGame(seed=1, weapon=1, name="Ada"))
        for _ in range(turns):
            await self.host.play(key, "1")

    async def left_of(self, key: str) -> dict[str, int]:
        """Count the rows of a bot that belong to a run or a save."""
        tables = ("run_inputs", "episodes", "character_saves")
        return {
            table: (await self.change(f"select count(*) from {table} where bot_id = '{key}'"))[0][0]
            for table in tables
        }


@pytest.fixture(params=["sqlite", "postgres", pytest.param("partitioned", marks=pytest.mark.long)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = (
        f"sqlite:///{tmp_path}/games.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url" if request.param == "postgres" else "partitioned_url")
    )
    made = Database(url)
    await made.store.open()
    yield made
    await made.host.close()
    await made.store.close()


NO_ROWS = {"run_inputs": 0, "episodes": 0, "character_saves": 0}


async def test_a_deleted_bot_leaves_an_empty_row_and_its_numbers_go_on(database: Database) -> None:
    await database.play("local/ada", 70)
    await database.play("local/ada", 3)
    await database.host.save("local/ada", "main")
    await database.host.set_directive("local/ada", "be brave")
    (before,) = await database.store.load(["local/ada"])
    assert before is not None
    assert await database.delete("local/ada")
    (left,) = await database.store.load(["local/ada"])
    assert left is not None
    check(left, BOOK)
    assert (left.version, left.episode, left.turn, left.state) == (before.version + 1, 2, 0, b"")
    assert (left.directive, left.tokens_today) == ("", before.tokens_today)
    assert await database.left_of("local/ada") == NO_ROWS
    with pytest.raises(UnknownBot):  # the host still had the game in memory
        await database.host.play("local/ada", "1")
    with pytest.raises(UnknownBot):
        await database.host.read("local/ada")
    answer = await database.host.start("local/ada", NewGame(seed=1))
    assert (answer.game.episode, answer.game.version) == (3, before.version + 2)
    assert not await database.delete("local/bob")


@pytest.mark.long
async def test_a_deletion_that_was_stopped_is_finished_by_a_repeat_and_spares_the_next_run(
    database: Database,
) -> None:
    await database.play("local/ada", 70)
    await database.play("local/ada", 1)
    assert (await database.left_of("local/ada"))["run_inputs"]
    removal = await database.removal()
    (row,) = (await removal.load(["local/ada"])).values()
    assert row is not None
    await removal.empty([(row, emptied(row, CHANCE.op()))])
    await removal.close()
    assert (await database.left_of("local/ada"))["episodes"] == 1
    assert await database.delete("local/ada")
    assert await database.left_of("local/ada") == NO_ROWS
    assert not await database.delete("local/ada")


class Playing:
    """A removal during which a server plays the bot, between the load of its row and the write."""

    def __init__(self, removal: Removal, database: Database) -> None:
        self._removal = removal
        self._database = database
        self.left = 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._removal, name)

    async def load(self, keys: Sequence[str]) -> dict[str, Row | None]:
        found = await self._removal.load(keys)
        if self.left:
            self.left -= 1
            await self._database.host.play(keys[0], "1")
        return found


@pytest.mark.long
async def test_a_bot_that_plays_meanwhile_is_deleted_as_it_is_then(database: Database) -> None:
    await database.play("local/ada", 5)
    removal = await database.removal()
    playing: Any = Playing(removal, database)
    assert await delete_bot(playing, CHANCE, "local/ada")
    await removal.close()
    (left,) = await database.store.load(["local/ada"])
    assert left is not None
    assert (left.state, left.version) == (b"", 1 + 5 + 3 + 1)


async def test_pruning_removes_only_what_is_old(database: Database) -> None:
    for bot in ("local/idle", "local/plays", "local/young"):
        await database.play(bot, 70)
        await database.play(bot, 2)
        await database.host.save(bot, "main")
    await database.age("local/idle", "local/plays")
    await database.host.play("local/plays", "1")
    trial = await database.prune(is_trial=True)
    assert await database.runs("local/idle") == [1]
    pruned = await database.prune()
    assert pruned.removed == Removed(bots=1, runs=2, inputs=4, saves=2)
    assert trial.removed == pruned.removed
    assert pruned.looked_at == 3
    assert await database.left_of("local/idle") == NO_ROWS
    assert await database.left_of("local/plays") == NO_ROWS
    assert await database.runs("local/young") == [1]
    assert await database.store.get_save("local/young", "main")
    assert (await database.host.read("local/plays")).turn == 3
    with pytest.raises(UnknownBot):
        await database.host.play("local/idle", "1")
    assert (await database.prune()).removed == Removed()


@pytest.mark.long
async def test_a_ranked_run_stays_whether_it_lives_or_has_ended(database: Database) -> None:
    ranked = NewGame(mode=Mode.ironman, name="Ada")
    await database.play("local/lives", 3, ranked)
    await database.play("local/ended", 3, ranked)
    await database.play("local/ended", 3)
    await database.play("local/ended", 3)
    await database.age("local/lives", "local/ended")
    pruned = await database.prune()
    assert (pruned.removed.bots, pruned.removed.runs, pruned.kept) == (1, 1, 1)
    assert (await database.host.play("local/lives", "1")).game.turn == 4
    (end,) = await database.store.episodes("local/ended")
    assert end.ranked
    assert await database.store.inputs("local/ended", 1)


async def test_the_parent_of_a_run_that_stays_stays(database: Database) -> None:
    await database.play("local/ada", 5)  # e1: saved, and loaded as e3
    await database.host.save("local/ada", "main")
    await database.play("local/ada", 5)  # e2: goes
    await database.host.load("local/ada", "main")
    await database.age("local/ada")
    await database.host.play("local/ada", "1")
    pruned = await database.prune()
    assert pruned.removed == Removed(bots=0, runs=1, inputs=1, saves=1)
    assert await database.runs("local/ada") == [1]
    await database.play("local/ada", 1)  # ends e3, which has its parent from e1
    assert await database.runs("local/ada") == [1, 3]
    assert (await database.prune()).removed.runs == 0


@pytest.mark.long
async def test_the_run_of_a_save_that_stays_stays(database: Database) -> None:
    await database.play("local/ada", 5)
    await database.host.save("local/ada", "main")
    await database.play("local/ada", 5)
    await database.change("update episodes set ended_at = OLD")
    assert (await database.prune()).removed == Removed()
    await database.change("update character_saves set updated_at = OLD")
    assert (await database.prune()).removed == Removed(runs=1, inputs=1, saves=1)


@pytest.mark.parametrize("is_ended", [False, True])
@pytest.mark.long
async def test_the_run_that_another_bot_was_forked_from_stays(database: Database, is_ended: bool) -> None:
    for _ in range(3):
        await database.play("local/ada", 2)
    await database.play("local/fork", 2)
    (row,) = await database.store.load(["local/fork"])
    assert row is not None
    trail = trails.decode(row.trail)
    if is_ended:
        end = EpisodeEnd(0, row.rules, 1, "casual", "fork ada 2 1", 2, 1, 9, "died", 5, b"d" * 16, False)
        write = follow_up(row)
        await database.store.commit(
            [Write(write.row, write.from_version, write.from_digest, write.from_tail, (), end)]
        )
    else:
        forked = msgspec.structs.replace(trail, origin="fork", options="fork ada 2 1", parent_episode=2)
        await database.store.commit([follow_up(row, trail=trails.encode(forked))])
    await database.change("update episodes set ended_at = OLD where bot_id = 'local/ada'")
    assert (await database.prune()).removed.runs == 1
    assert await database.runs("local/ada") == [2]


@pytest.mark.long
async def test_a_damaged_bot_is_left_alone_and_counted(database: Database) -> None:
    for bot in ("local/ada", "local/bob"):
        await database.play(bot, 70)
        await database.play(bot, 1)
    await database.age("local/ada", "local/bob")
    raw = "x'ff00'" if database.url.startswith("sqlite") else r"'\xff00'"
    await database.change(f"update games set trail = {raw} where bot_id = 'local/ada'")
    pruned = await database.prune()
    assert (pruned.removed.bots, pruned.removed.runs, pruned.kept) == (1, 1, 1)
    assert await database.runs("local/ada") == [1]


@pytest.mark.long
async def test_many_runs_of_one_bot_go_in_small_transactions(database: Database) -> None:
    await database.play("local/ada", 1)
    (row,) = await database.store.load(["local/ada"])
    assert row is not None
    for episode in range(2, 62):
        end = EpisodeEnd(
            episode, row.rules, 1, "casual", "{}", episode - 1, 0, 9, "died", 5, b"d" * 16, False
        )
        write = follow_up(row)
        write = Write(
            write.row, write.from_version, write.from_digest, write.from_tail,
            (InputChunk(episode, 0, "1\n1"),), end,
        )  # fmt: skip
        await database.store.commit([write])
        row = write.row
    await database.change("update episodes set ended_at = OLD")
    pruned = await database.prune()
    assert (pruned.removed.runs, pruned.removed.inputs) == (60, 60)
    assert await database.left_of("local/ada") == NO_ROWS


@pytest.mark.long
async def test_only_one_prunes(database: Database) -> None:
    removal = await database.removal()
    await removal.claim()
    with pytest.raises(StoreUnavailable, match="another one prunes"):
        await database.prune()
    assert not await database.delete("local/nobody")  # a deletion needs no claim
    await removal.close()
    await database.prune()


@pytest.mark.long
async def test_bots_play_on_while_a_database_is_pruned(database: Database) -> None:
    bots = [f"local/{number:02}" for number in range(20)]
    for bot in bots:
        await database.play(bot, 66)
        await database.play(bot, 1)
    await database.age(*bots)
    for bot in bots[::2]:
        await database.host.play(bot, "1")
    is_pruned = asyncio.Event()

    async def play(bot: str) -> int:
        turn = 2
        while not is_pruned.is_set() or turn < 10:
            turn = (await database.host.play(bot, "1", turn=turn, episode=2)).game.turn
        return turn

    playing = [asyncio.create_task(play(bot)) for bot in bots[::2]]
    pruned = await database.prune()
    is_pruned.set()
    turns = await asyncio.gather(*playing)
    assert pruned.removed.bots == 10
    assert pruned.removed.runs + 9 * pruned.busy >= 20 - pruned.busy
    for bot, turn in zip(bots[::2], turns, strict=True):
        assert (await database.host.read(bot)).turn == turn


def test_runs_that_go_on_from_each_other_stay_together() -> None:
    kept, damaged = kept_runs(
        {"a": b"", "b": b"\xff"},
        [
            ("a", 9, "load main 00", 7, True),
            ("a", 7, "load main 00", 5, False),
            ("a", 5, "load main 00", 2, False),
            ("a", 4, "load main 00", 3, False),
            ("f/c", 1, "fork d 6 20 exact", 6, True),
        ],
        [("a", 8), ("a", None)],
    )
    assert kept == {("a", 7), ("a", 5), ("a", 2), ("a", 8), ("f/d", 6)}
    assert damaged == {"b"}


@pytest.mark.long
async def test_a_file_that_may_shrink_gives_its_pages_back(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/games.db")
    await database.store.open()
    await database.store.close()
    removal = SqliteRemoval(tmp_path / "games.db")
    removal.compact(shrinks=True)
    await removal.close()
    await database.store.open()
    for number in range(60):
        key = f"local/{number:03}"
        write = Write(plain_row(key, 1), 0, b"")
        await database.store.commit([write])
        await database.store.put_save(Save(key, "main", bytes(20_000), b"d" * 16, "1-abc", 1, 1, "{}"))
    await database.change("update character_saves set updated_at = OLD")
    await database.store.close()
    before = (tmp_path / "games.db").stat().st_size
    pruned = await database.prune()
    assert pruned.given_back
    assert pruned.removed.saves == 60
    assert (tmp_path / "games.db").stat().st_size < before / 2
