"""An import writes each bot once, overwrites none, and goes on after every kind of interruption."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import apsw
import msgspec
import pytest

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, NotWritten, StoreUnavailable
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Outcome, Row, Store, Unsettled, Write
from dungeonfighter.hosting.recorded_runs import recorded_run
from dungeonfighter.hosting.rows import check, present
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.replays.execution import differences
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.saves_import import targets
from dungeonfighter.storage.saves_import.bot_names import bot_id_of
from dungeonfighter.storage.saves_import.importer import Importer, Naming
from dungeonfighter.storage.saves_import.report import Counts, FileReport
from dungeonfighter.storage.saves_import.save_files import find_files, read_save
from dungeonfighter.storage.saves_import.targets import DryTarget, StoreTarget
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.telemetry.meter import MeterRegistry
from tests.contract.watched_files import watched_files
from tests.unit.storage.save_samples import VINTAGES, big, encoded, sample

RULES: Final = load_rules()
BOOK: Final = ShippedRules([RULES])


BATCH_FILES: Final = 16
"""Small batches, so that a few files are several of them."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_PAUSE_FIRST_SECONDS", 0.0)
    monkeypatch.setattr("dungeonfighter.storage.saves_import.importer._BATCH_FILES", BATCH_FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a save of each vintage, dead ones among them, and files that are none."""
    folder = tmp_path / "saves"
    folder.mkdir()
    for vintage in VINTAGES:
        (folder / f"{vintage}_save.json").write_bytes(encoded(sample(vintage)))
    (folder / "v5_dead.json").write_bytes(encoded(sample("v5") | {"xp": 1}))
    (folder / "broken.json").write_bytes(encoded(sample("v5"))[:500])
    (folder / "Actions.json").write_text("[]")
    (folder / "notes.txt").write_text("no save")
    return folder


async def run_import(
    store: Store | DryTarget,
    *paths: Path,
    bot: str = "",
    fleet: str = "local",
    reports: list[FileReport] | None = None,
) -> tuple[Counts, list[FileReport]]:
    target = store if isinstance(store, DryTarget) else StoreTarget(store)
    reports = [] if reports is None else reports
    importer = Importer(RULES, target, Naming(fleet, bot), reports.append, lambda _: None)
    counts = await importer.run(list(find_files(map(str, paths))))
    return counts, reports


async def test_every_save_becomes_a_bot_and_every_other_file_is_named(folder: Path) -> None:
    store = MemoryStore()
    counts, reports = await run_import(store, folder)
    assert (counts.imported, counts.dead, counts.bad, counts.skipped, counts.files) == (8, 1, 2, 1, 11)
    assert [Path(each.file).name for each in reports if each.status == "bad"] == [
        "Actions.json",
        "broken.json",
    ]
    for each in reports:
        if each.status != "imported":
            continue
        raw = read_save(each.file)
        assert each.sha256 == sha256(raw).hexdigest()
        assert each.bot == f"local/Tamsin_Reed-{each.sha256[:8]}"
        (row,) = await store.load([each.bot])
        assert row is not None
        check(row, BOOK)
        trail = trails.decode(row.trail)
        assert (row.version, row.episode, row.turn, trail.origin) == (1, 1, 0, trails.ORIGIN_IMPORT)
        run = present(row, BOOK)
        assert (await store.stored_run(each.bot, 1)).base == row.state
        ends = await store.episodes(each.bot)
        assert run.state.over == (len(ends) == 1) == ("dead" in each.file)
        for ended in ends:
            assert (ended.result, ended.score, ended.digest) == ("died", RULES.score(run.state), row.digest)
        replay = recorded_run(row, await store.stored_run(each.bot, 1), 1, BOOK)
        assert (replay.origin, replay.inputs) == ("import", [])
        assert list(differences(replay, RULES)) == [None]


async def test_a_repeated_import_changes_no_row(folder: Path) -> None:
    store = MemoryStore()
    await run_import(store, folder)
    before = dict(store._rows)
    counts, reports = await run_import(store, folder)
    assert (counts.imported, counts.exists, counts.bad) == (0, 8, 2)
    assert store._rows == before
    assert {each.why for each in reports if each.status == "exists"} == {"imported from this file before"}
    assert all(each.kept for each in reports if each.status == "exists")


async def test_a_bot_that_played_on_is_known_as_imported(folder: Path) -> None:
    store = MemoryStore()
    _, reports = await run_import(store, folder / "v6_save.json")
    host = BotHost(
        store=store, rules=BOOK, clock=SystemClock(), chance=SystemChance(), meter=MeterRegistry()
    )  # fmt: skip
    await host.play(reports[0].bot, "1")
    counts, reports = await run_import(store, folder / "v6_save.json")
    assert counts.exists == 1
    assert reports[0].why == "imported from this file before"
    await host.start(reports[0].bot, NewGame(weapon=0))
    counts, reports = await run_import(store, folder / "v6_save.json")
    assert (counts.exists, reports[0].why) == (1, "a bot of this name exists; it was left alone")
    (ended,) = await store.episodes(reports[0].bot)
    assert (ended.episode, ended.result) == (1, "abandoned")
    await host.close()


async def test_a_named_bot_that_exists_is_left_alone(folder: Path) -> None:
    store = MemoryStore()
    await run_import(store, folder / "v2_save.json", bot="ada", fleet="team-a")
    (before,) = await store.load(["team-a/ada"])
    counts, reports = await run_import(store, folder / "v3_save.json", bot="ada", fleet="team-a")
    assert (counts.exists, reports[0].why) == (1, "a bot of this name exists; it was left alone")
    assert await store.load(["team-a/ada"]) == [before]


async def test_a_copy_of_a_file_is_no_second_hero(folder: Path) -> None:
    (folder / "a_copy.json").write_bytes((folder / "v6_save.json").read_bytes())
    counts, reports = await run_import(MemoryStore(), folder, folder / "v6_save.json")
    assert (counts.imported, counts.exists) == (8, 2)
    assert {each.why.rpartition("/")[2] for each in reports if each.status == "exists"} == {"a_copy.json"}


async def test_files_whose_names_give_one_bot_are_not_mixed_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight digits of a hash can be equal; here all of them are."""
    monkeypatch.setattr(
        "dungeonfighter.storage.saves_import.importer.bot_id_of", lambda name, _: bot_id_of(name, "0" * 64)
    )
    store = MemoryStore()
    for _ in range(2):
        counts, reports = await run_import(store, folder / "v5_save.json", folder / "v6_save.json")
        assert counts.bad == 1
        assert reports[1].why.endswith("import this file alone with --bot")
    assert len(store._rows) == 1


async def test_a_dry_run_finds_what_exists_and_writes_no_row(folder: Path) -> None:
    store = MemoryStore()
    await run_import(store, folder / "v6_save.json")
    before = dict(store._rows)

    async def look_up(key: str) -> Row | None:
        return (await store.load([key]))[0]

    counts, _ = await run_import(DryTarget(look_up), folder)
    assert (counts.importable, counts.exists, counts.imported, counts.bad) == (7, 1, 0, 2)
    assert store._rows == before


async def test_a_damaged_bot_is_one_that_exists(folder: Path) -> None:
    async def look_up(key: str) -> Row | None:
        raise Corrupt("no UTF-8")

    counts, _ = await run_import(DryTarget(look_up), folder / "v6_save.json")
    assert counts.exists == 1
    store = MemoryStore()
    await store.commit([Write(Row("local/ada", 1, b"", 1, 0, "", b"state", b"\xc1"), 0, b"")])
    counts, _ = await run_import(store, folder / "v6_save.json", bot="ada")
    assert counts.exists == 1


class Raced(MemoryStore):
    """A store in which another writer makes each bot just before the import does."""

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        for write in batch:
            other = msgspec.structs.replace(write.row, directive="mine", trail=b"other")
            await super().commit([Write(other, 0, b"")])
        return await super().commit(batch)


async def test_a_bot_made_meanwhile_is_left_alone(folder: Path) -> None:
    store = Raced()
    counts, reports = await run_import(store, folder / "v6_save.json", bot="ada")
    assert (counts.exists, reports[0].why) == (1, "a bot of this name exists; it was left alone")
    (row,) = await store.load(["local/ada"])
    assert row is not None
    assert row.directive == "mine"


class Failing(MemoryStore):
    """A store whose commits fail first, one after another as listed, and then work."""

    def __init__(self, *failures: str) -> None:
        super().__init__()
        self.failures = list(failures)

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise NotWritten("busy")
        if failure == "lost":
            raise StoreUnavailable("gone")
        outcomes = await super().commit(batch)
        if failure == "after":
            raise StoreUnavailable("no answer")
        return [Unsettled("gone")] * len(batch) if failure == "unsettled" else outcomes


@pytest.mark.parametrize("failures", [["before"] * 4, ["lost"], ["after"], ["unsettled", "before", "lost"]])
async def test_an_unknown_outcome_is_settled_and_the_rest_repeated(folder: Path, failures: list[str]) -> None:
    store = Failing(*failures)
    counts, _ = await run_import(store, folder)
    assert (counts.imported, counts.exists) == (8, 0)
    assert store.failures == [] or failures[0] == "unsettled"


async def test_a_store_that_stays_away_ends_the_import(folder: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await run_import(Failing(*["before"] * 9), folder)


async def test_a_disk_that_fills_up_half_way_leaves_whole_heroes_and_the_repeat_goes_on(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    for number in range(3 * BATCH_FILES):
        (folder / f"{number:04}.json").write_bytes(big(number))
    reports: list[FileReport] = []
    left = 1000

    def on_write(kind: str) -> None:
        """Fill the disk up after some writes of the second batch."""
        nonlocal left
        left -= bool(reports) and kind == "log"
        if left < 990 and kind != "other":
            raise apsw.FullError("database or disk is full")

    logging.disable()
    with watched_files(on_write):
        store = SqliteStore(tmp_path / "games.db")
        await store.open()
        with pytest.raises(StoreUnavailable, match="FullError"):
            await run_import(store, folder, reports=reports)
        reports, left = [], 1000
        bots = await store.list_bots("local/", "local/", 10_000)
        assert len(bots) == BATCH_FILES
        for row in await store.load([bot.bot_id for bot in bots]):
            assert row is not None
            check(row, BOOK)
            present(row, BOOK)
        counts, _ = await run_import(store, folder)
        assert counts.imported + len(bots) == 3 * BATCH_FILES
        assert counts.exists == len(bots)
        await store.close()
    logging.disable(logging.NOTSET)


async def test_a_cancelled_import_finishes_its_batch_and_reports_it(tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    for number in range(2 * BATCH_FILES):
        (folder / f"{number:04}.json").write_bytes(big(number))
    store = MemoryStore()
    reports: list[FileReport] = []
    task: asyncio.Task[Counts]

    def cancel(_: Counts) -> None:
        task.cancel()

    importer = Importer(RULES, StoreTarget(store), Naming("local"), reports.append, cancel)
    task = asyncio.create_task(importer.run(list(find_files([str(folder)]))))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(reports) == len(store._rows) == importer.counts.imported
    assert len(reports) % BATCH_FILES == 0
    counts, _ = await run_import(store, folder)
    assert counts.imported + len(reports) == 2 * BATCH_FILES


@pytest.mark.parametrize(
    ("name", "bot"),
    [
        ("Zion Twilight", "Zion_Twilight"),
        ("Zoë Ångström-Łuk", "Zoe_Angstrom-Luk"),
        ("../../etc/passwd", "etc_passwd"),
        ("O'Brien\n", "O_Brien"),
        ("名前", "hero"),
        ("", "hero"),
        ("-._", "hero"),
        ("x" * 500, "x" * 119),
    ],
)
def test_a_bot_id_has_legal_characters_only(name: str, bot: str) -> None:
    made = bot_id_of(name, "0123456789abcdef")
    assert made == f"{bot}-01234567"
    assert limits.is_bot_id(made)


def test_links_pipes_and_large_files_are_named_and_not_read(tmp_path: Path) -> None:
    folder, outside = tmp_path / "saves", tmp_path / "outside.json"
    (folder / "deep").mkdir(parents=True)
    outside.write_bytes(encoded(sample("v6")))
    (folder / "link.json").symlink_to(outside)
    (folder / "deep" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    (folder / "huge.json").write_bytes(b" " * 5_000_000)
    (folder / "deep" / "real.JSON").write_bytes(encoded(sample("v6")))
    found = {Path(each.path).name: each.skipped or each.bad for each in find_files([str(folder)])}
    assert found == {
        "link.json": "a symbolic link; name the file it leads to",
        "loop": "a symbolic link; name the file it leads to",
        "pipe.json": "no regular file",
        "huge.json": "",
        "real.JSON": "",
    }
    counts, reports = asyncio.run(
        run_import(MemoryStore(), folder, folder / "link.json", folder / "pipe.json")
    )
    assert (counts.imported, counts.exists, counts.bad, counts.skipped) == (1, 1, 2, 3)
    assert sorted(each.why for each in reports if each.status == "bad") == [
        "more than 4194304 bytes: no save is so large",
        "no regular file",
    ]


def test_a_missing_path_and_an_unreadable_one_are_named(tmp_path: Path) -> None:
    counts, reports = asyncio.run(run_import(MemoryStore(), tmp_path / "no.json", Path("a\0b")))
    assert counts.bad == 2
    assert [each.why for each in reports] == ["no such file or directory", "this is no path"]


def test_the_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"sav\xff\n.json")
    (tmp_path / name).write_bytes(encoded(sample("v6")))
    counts, reports = asyncio.run(run_import(MemoryStore(), tmp_path))
    assert counts.imported == 1
    assert reports[0].file.endswith("sav\\udcff\\n.json")
    msgspec.json.encode(reports[0])
