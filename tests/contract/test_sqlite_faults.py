"""Faults of the SQLite file: long readers, foreign locks, removed files, damaged values, a full disk."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import msgspec
import pytest

from dungeonfighter.errors import NotWritten, StoreUnavailable
from dungeonfighter.hosting.ports import Head, Won, Write
from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_connection import LOG_FRAME_BYTES, LOG_PAGES_MAX
from tests.contract.rows import after, first
from tests.contract.watched_files import watched_files

STATE = bytes(3000)
PATIENCE_SECONDS = 0.3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(path, patience_seconds=PATIENCE_SECONDS)
    await made.open()
    yield made
    await made.close()


async def commit(store: SqliteStore, writes: list[Write]) -> None:
    for begin in range(0, len(writes), 256):
        batch = writes[begin : begin + 256]
        assert await store.commit(batch) == [Won()] * len(batch)


# A reader that holds an old view


async def test_a_long_reader_blocks_no_commit_and_causes_one_warning(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    checkpointer = store._checkpointer
    assert checkpointer is not None
    writes = [first(f"local/b{number:04}", STATE) for number in range(1024)]
    await commit(store, writes)
    reader = apsw.Connection(str(path))
    reader.execute("begin")
    reader.execute("select count(*) from games").fetchall()
    for _ in range(8):
        writes = [after(before, STATE) for before in writes]
        await commit(store, writes)
        checkpointer._move()
    assert checkpointer.log_bytes > 2 * LOG_PAGES_MAX * LOG_FRAME_BYTES
    warnings = [record.message for record in caplog.records if "holds an old view" in record.message]
    assert len(warnings) == 1
    reader.execute("commit")
    reader.close()
    checkpointer._move()
    await commit(store, [after(before, STATE) for before in writes])
    checkpointer._move()
    assert checkpointer.log_bytes < 2 * LOG_PAGES_MAX * LOG_FRAME_BYTES


async def test_the_step_under_the_writers_lock_waits_for_no_reader(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite waits by calling the busy handler, which sleeps."""
    checkpointer = store._checkpointer
    assert checkpointer is not None
    slept: list[float] = []
    monkeypatch.setattr("dungeonfighter.storage.sqlite_connection.time.sleep", slept.append)
    await commit(store, [first("local/a")])
    reader = apsw.Connection(str(path))
    reader.execute("begin")
    reader.execute("select count(*) from games").fetchall()
    await commit(store, [after(first("local/a"), STATE)])
    assert checkpointer._checkpoint("restart")[0]
    assert not slept
    reader.execute("commit")
    assert not checkpointer._checkpoint("restart")[0]


# Locks of other processes


async def test_a_write_that_waits_for_the_file_lock_too_long_never_happens(
    path: Path, store: SqliteStore
) -> None:
    lock = FileLock(Path(f"{path}.lock"))
    with lock:
        with pytest.raises(NotWritten):
            await store.commit([first("local/a")])
        with pytest.raises(NotWritten):  # at once: the thread still waits
            await store.commit([first("local/b")])
        assert await store.load(["local/a"]) == [None]
    lock.close()
    await until_it_writes(store, first("local/c"))
    assert await store.load(["local/a", "local/b"]) == [None, None]


async def until_it_writes(store: SqliteStore, write: Write) -> None:
    while True:
        try:
            assert await store.commit([write]) == [Won()]
        except NotWritten:
            await asyncio.sleep(0)
        else:
            return


async def test_a_commit_waits_for_a_transaction_of_another_program_within_the_patience(
    path: Path, store: SqliteStore
) -> None:
    other = apsw.Connection(str(path))
    other.execute("begin immediate")
    with pytest.raises(NotWritten, match="SQLITE_BUSY"):
        await store.commit([first("local/a")])
    other.execute("rollback")
    assert await store.commit([first("local/a")]) == [Won()]


async def test_work_that_began_and_does_not_end_has_an_unknown_outcome(store: SqliteStore) -> None:
    may_end = threading.Event()
    with pytest.raises(StoreUnavailable) as caught:
        await store._write(lambda _: may_end.wait(60))
    assert not isinstance(caught.value, NotWritten)
    may_end.set()
    await until_it_writes(store, first("local/a"))


async def test_a_store_closes_although_another_process_keeps_the_lock(path: Path) -> None:
    store = SqliteStore(path, patience_seconds=PATIENCE_SECONDS)
    await store.open()
    lock = FileLock(Path(f"{path}.lock"))
    with lock:
        await store.close()
    lock.close()


# Files that are removed, moved or replaced


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


def replace(path: Path) -> None:
    other = path.with_suffix(".backup")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("damage", [remove, move, replace])
@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_no_write_into_a_removed_file_is_acknowledged(
    path: Path, store: SqliteStore, suffix: str, damage: object
) -> None:
    assert callable(damage)
    assert await store.commit([first("local/a")]) == [Won()]
    damage(Path(f"{path}{suffix}"))
    with pytest.raises(NotWritten, match=r"under the running server: nothing is written any more.*restore"):
        await store.commit([after(first("local/a"), STATE)])
    with pytest.raises(StoreUnavailable):
        await store.heads(["local/a"])
    with pytest.raises(StoreUnavailable):
        await store.load(["local/a"])
    with pytest.raises(StoreUnavailable):
        await store.settle(["local/a"])
    with pytest.raises(StoreUnavailable):
        await store.probe()


async def test_a_file_moved_during_a_commit_is_detected_before_the_answer(
    path: Path, store: SqliteStore
) -> None:
    assert store._batches is not None
    committing = store._batches.commit

    def commit_and_lose(batch: list[Write]) -> object:
        done = committing(batch)
        move(path)
        return done

    store._batches.commit = commit_and_lose  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreUnavailable):
        await store.commit([first("local/a")])


# Undecodable texts and values of another type


@pytest.mark.parametrize("column", ["rules", "directive"])
async def test_an_undecodable_text_affects_only_its_bot(path: Path, store: SqliteStore, column: str) -> None:
    bots = [f"local/{name}" for name in "abcdefghijklmnopqrstuvwxyz"]
    await commit(store, [first(bot) for bot in bots])
    other = apsw.Connection(str(path))
    other.execute(f"update games set {column} = cast(x'ff61' as text) where bot_id = 'local/c'")
    rows = await store.load(bots)
    assert [row and row.bot_id for row in rows] == bots
    assert rows[2] is not None
    assert getattr(rows[2], column) == "\udcffa"
    assert (await store.settle(["local/c"]))[0] == rows[2]
    assert len(await store.list_bots("local/", "local/", 100)) == 26


TYPES = {
    "digest": "cast(digest as text)", "state": "cast(state as text)", "trail": "cast(trail as text)",
    "version": "cast(x'ff' as text)", "turn": "cast(x'ff' as text)", "episode": "1.5",
    "tokens_today": "x'ff'",
}  # fmt: skip


@pytest.mark.parametrize("column", TYPES)
async def test_a_value_of_another_type_affects_only_its_bot(
    path: Path, store: SqliteStore, column: str
) -> None:
    """In a record of SQLite one bit distinguishes a text from bytes of the same length."""
    bots = [f"local/{name}" for name in "abcdefghijklmnopqrstuvwxyz"]
    writes = [first(bot, b"state \xff") for bot in bots]
    await commit(store, writes)
    other = apsw.Connection(str(path))
    other.execute(f"update games set {column} = {TYPES[column]} where bot_id = 'local/c'")
    for rows in (await store.load(bots), await store.settle(bots)):
        assert [row and row.bot_id for row in rows] == bots
        assert [row and row.state for row in rows] == [b"state \xff"] * 26
    heads = await store.heads(bots)
    assert [head and head.tail for head in heads if head != Head(-1, b"", b"")] == [b"trail"] * (
        25 if column == "version" else 26
    )
    others = [after(write, b"next") for write in writes if write.row.bot_id != "local/c"]
    assert await store.commit(others) == [Won()] * 25
    if column in {"digest", "state", "trail"}:  # the bytes are unchanged, so the next write repairs the type
        assert await store.commit([after(writes[2], b"next")]) == [Won()]


async def test_a_row_without_a_trail_can_be_written(store: SqliteStore) -> None:
    """In SQLite `substr` of an empty blob is null, which equals no value."""
    empty = msgspec.structs.replace(first("local/a").row, trail=b"")
    assert await store.commit([Write(empty, 0, b"")]) == [Won()]
    assert await store.heads(["local/a"]) == [Head(1, empty.digest, b"")]
    following = msgspec.structs.replace(empty, version=2)
    assert await store.commit([Write(following, 1, empty.digest, b"")]) == [Won()]


async def test_an_error_of_the_lock_at_its_release_does_not_fail_the_commit(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise OSError("no locks available")

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "__exit__", broken)
        assert await store.commit([first("local/a")]) == [Won()]


async def test_one_failed_stat_fails_one_commit(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_name: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("dungeonfighter.storage.sqlite_file.os.stat", denied)
        with pytest.raises(NotWritten, match="Permission denied"):
            await store.commit([first("local/a")])
    assert await store.commit([first("local/a")]) == [Won()]


async def test_a_store_closed_while_it_waits_for_the_lock_opens_no_connection(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dungeonfighter.storage.sqlite._FIRST_WARNING_SECONDS", 0.05)
    store = SqliteStore(path, patience_seconds=PATIENCE_SECONDS)
    lock = FileLock(Path(f"{path}.lock"))
    with lock:
        opening = asyncio.create_task(store.open())
        while "still opening" not in caplog.text:  # noqa: ASYNC110 (a log has no event)
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    lock.close()
    for one in threading.enumerate():
        if one.name == "sqlite-writer":
            await asyncio.to_thread(one.join)
    assert store._writing is None
    assert store._checkpointer is None


async def test_an_undecodable_key_hides_no_other_key_in_a_list(path: Path, store: SqliteStore) -> None:
    await commit(store, [first("local/a"), first("local/b")])
    other = apsw.Connection(str(path))
    other.execute("update games set bot_id = cast(x'6c6f63616c2f61ff' as text) where bot_id = 'local/a'")
    assert [bot.bot_id for bot in await store.list_bots("local/", "local/", 100)] == [
        "local/a\ufffd",
        "local/b",
    ]


# A full disk


class Disk:
    """Makes every write fail while `is_full` is set."""

    def __init__(self) -> None:
        self.is_full = False

    def on_write(self, kind: str) -> None:
        if self.is_full and kind != "other":
            raise apsw.FullError("database or disk is full")


async def test_a_full_disk_is_reported_and_a_probe_detects_free_space(path: Path) -> None:
    disk = Disk()
    logging.disable()
    with watched_files(disk.on_write):
        store = SqliteStore(path)
        await store.open()
        assert await store.commit([first("local/a")]) == [Won()]
        disk.is_full = True
        with pytest.raises(StoreUnavailable, match="FullError"):
            await store.commit([after(first("local/a"), STATE)])
        with pytest.raises(StoreUnavailable, match="FullError"):
            await store.probe()
        disk.is_full = False
        await store.probe()
        assert await store.commit([after(first("local/a"), STATE)]) == [Won()]
        await store.close()
    logging.disable(logging.NOTSET)
