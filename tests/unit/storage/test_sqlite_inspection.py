"""`bots list` on a file of SQLite: nothing is left behind, and a server that starts meanwhile is noticed."""

from __future__ import annotations

from pathlib import Path

from dungeonfighter.hosting.ports import AccessToken
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_inspection import SqliteInspection
from dungeonfighter.storage.start_probe import inspect_sqlite

TOKEN = AccessToken(b"digest", "df_", "team-a", "*", "play")


async def unused_database(folder: Path) -> Path:
    path = folder / "games.db"
    store = SqliteStore(path)
    await store.open()
    await store.put_token(TOKEN)
    await store.close()
    return path


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def digests(inspection: SqliteInspection) -> list[bytes]:
    return [one.digest for one in await inspection.tokens()]


async def test_a_look_at_a_database_that_nobody_uses_leaves_no_files(tmp_path: Path) -> None:
    path = await unused_database(tmp_path)
    before = names(tmp_path)
    assert not any(name.endswith(("-wal", "-shm")) for name in before)
    inspection = SqliteInspection(path)
    assert await digests(inspection) == [TOKEN.digest]
    await inspection.close()
    await inspect_sqlite(path)
    assert names(tmp_path) == before


async def test_a_server_that_starts_during_a_look_is_noticed(tmp_path: Path) -> None:
    path = await unused_database(tmp_path)
    inspection = SqliteInspection(path)
    assert len(await inspection.tokens()) == 1
    store = SqliteStore(path)
    await store.open()
    for number in range(500):
        await store.put_token(AccessToken(b"more %d" % number, "df_", "team-a", "*", "play"))
        if number % 100 == 0:
            assert len(await digests(inspection)) == number + 2
    await store.close()
    assert len(await digests(inspection)) == 501
    await inspection.close()


async def test_what_is_in_the_log_only_is_read(tmp_path: Path) -> None:
    path = await unused_database(tmp_path)
    store = SqliteStore(path)
    await store.open()
    await store.put_token(AccessToken(b"newer", "df_", "team-a", "*", "play"))
    inspection = SqliteInspection(path)
    assert sorted(await digests(inspection)) == [b"digest", b"newer"]
    await inspection.close()
    await store.close()
