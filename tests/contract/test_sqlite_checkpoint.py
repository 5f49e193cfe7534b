"""The checkpoint thread moves the log into the SQLite file while writers go on, and loses no row."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from dungeonfighter.hosting.ports import Won, Write
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_checkpoint import PORTION_ROWS, Checkpointer
from dungeonfighter.storage.sqlite_connection import LOG_PAGES_MAX
from tests.contract.rows import after, first

BOTS = 1024
STATE = bytes(3000)


def elsewhere(path: Path, sql: str) -> str:
    """Return the first row of a query that another process runs on a connection of its own."""
    script = "import apsw, sys; print(*apsw.Connection(sys.argv[1]).execute(sys.argv[2]).fetchone())"
    done = subprocess.run(
        [sys.executable, "-c", script, path, sql], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


async def opened(path: Path) -> tuple[SqliteStore, Checkpointer]:
    store = SqliteStore(path)
    await store.open()
    assert store._checkpointer is not None
    return store, store._checkpointer


async def commit(store: SqliteStore, writes: list[Write]) -> None:
    for begin in range(0, len(writes), 256):
        batch = writes[begin : begin + 256]
        assert await store.commit(batch) == [Won()] * len(batch)


async def test_a_long_log_restarts_and_every_row_is_there(tmp_path: Path) -> None:
    store, checkpointer = await opened(tmp_path / "games.db")
    writes = [first(f"local/b{number:04}", STATE) for number in range(BOTS)]
    await commit(store, writes)
    longest = 0
    for _ in range(8):
        writes = [after(before, STATE) for before in writes]
        await commit(store, writes)
        checkpointer._move()
        is_busy, pages, moved = map(int, elsewhere(tmp_path / "games.db", "pragma wal_checkpoint").split())
        assert (is_busy, moved) == (0, pages)
        longest = max(longest, pages)
    assert longest < LOG_PAGES_MAX + 3 * BOTS  # without it: more than 8 * 2 * BOTS
    rows = await store.load([write.row.bot_id for write in writes])
    assert [row.version for row in rows if row is not None] == [9] * BOTS
    await store.close()
    assert elsewhere(tmp_path / "games.db", "select count(*), min(turn) from games") == f"{BOTS} 8"


async def test_the_thread_runs_a_checkpoint_after_a_portion_of_rows(tmp_path: Path) -> None:
    store, checkpointer = await opened(tmp_path / "games.db")
    looked = threading.Event()
    checkpointer._move = looked.set  # type: ignore[method-assign]
    writes = [first(f"local/b{number:04}") for number in range(PORTION_ROWS)]
    await commit(store, writes[:-1])
    assert not checkpointer._due.is_set()
    await commit(store, writes[-1:])
    assert await asyncio.to_thread(looked.wait, 60)
    await store.close()


async def test_two_stores_on_one_file_both_run_checkpoints(tmp_path: Path) -> None:
    (one, first_one), (two, other) = await opened(tmp_path / "games.db"), await opened(tmp_path / "games.db")
    writes = [first(f"local/b{number:04}", STATE) for number in range(512)]
    await commit(one, writes)
    for turn in range(6):
        writes = [after(before, STATE) for before in writes]
        await commit((one, two)[turn % 2], writes)
        first_one._move()
        other._move()
    rows = await two.load([write.row.bot_id for write in writes])
    assert {row.turn for row in rows if row is not None} == {6}
    await one.close()
    await two.close()


async def test_closing_a_store_keeps_the_locks_of_another_store_on_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    stays, _ = await opened(path)
    goes, _ = await opened(path)
    await commit(stays, [first("local/a")])
    await goes.close()
    # Without these locks a closing connection takes itself for the last one, and deletes the log of `stays`.
    assert elsewhere(path, "select version from games") == "1"
    assert "games.db-wal" in await asyncio.to_thread(os.listdir, tmp_path)
    await commit(stays, [after(first("local/a"), b"next")])
    assert elsewhere(path, "select version from games") == "2"
    await stays.close()
