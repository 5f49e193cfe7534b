"""Backups of a PostgreSQL database: archives of `pg_dump`, and their restoring by `pg_restore`.

A dump is one snapshot of the database, while servers write to it. It is restored in one transaction: all of
it or none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.errors import SettingsError, StoreError
from dungeonfighter.storage import facts, postgres_hosts, postgres_indexes, sql_files
from dungeonfighter.storage.backup import postgres_programs
from dungeonfighter.storage.backup.postgres_programs import Program
from dungeonfighter.storage.backup.sqlite_files import Copied, Show
from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile
from dungeonfighter.storage.postgres_errors import is_database_error, reason
from dungeonfighter.storage.postgres_links import Connection

_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
OTHER_RELEASE: Final = (
    "restore another backup; if it is of a newer PostgreSQL, name its pg_restore with --pg-restore PATH"
)
_STILL_EMPTY: Final = "the database is as empty as before"
_MEGABYTE: Final = 1_000_000
_DUMPED_FROM: Final = "Dumped from database version: "
_TABLES: Final = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by 1 limit 4
"""
_SERVER: Final = """
select current_setting('server_version_num')::int / 10000, current_setting('server_version'),
    pg_is_in_recovery()
"""


class Server(Struct, frozen=True):
    """The server of a database.

    Attributes:
        major, version: Its release, as a number and in words.
        is_standby: It is a standby, which can be read from only.
        tables: The first tables of the database.
        applied: The steps of the schema that it has.
        bots: The number of rows of games.
    """

    major: int
    version: str
    is_standby: bool
    tables: list[str]
    applied: list[int]
    bots: int


def look(url: str) -> Server:
    """Look at a database.

    Raises:
        StoreError: It cannot be reached.
    """

    async def read() -> Server:
        async with connected(url) as connection:
            major, version, is_standby = await connection.fetchrow(_SERVER)
            tables = [name for (name,) in await connection.fetch(_TABLES)]
            applied = await postgres_indexes.applied_steps(connection, sql_files.queries("postgres"))
            bots = await connection.fetchval("select count(*) from games") if applied else 0
            return Server(major, version, is_standby, tables, sorted(applied), bots)

    return asyncio.run(read())


def check_dumper(dumper: Program, server: Server) -> None:
    """Check that `pg_dump` can read this server.

    Raises:
        SettingsError: It is older than the server.
    """
    if dumper.major < server.major:
        problem = (
            f"--pg-dump: {dumper.path} is of PostgreSQL {dumper.version}, the server of {server.version}: an "
            f"older pg_dump cannot read a newer server; name one of PostgreSQL {server.major} or newer with "
            "--pg-dump PATH"
        )
        raise SettingsError([problem])


def dump(url: str, dumper: Program, restorer: Program, target: UnfinishedFile, show: Show) -> Copied:
    """Dump the database into a file under construction, and read the whole archive once.

    Raises:
        StoreError: The server went away, the disk is full, or the archive cannot be read.
    """
    address, environ = postgres_programs.sign_in(url)
    words = ["--format=custom", "--no-password", "--lock-wait-timeout=60s", f"--dbname={address}"]
    postgres_programs.run(
        dumper, words, environ=environ, output=target.descriptor,
        watch=lambda: show(f"dumping: {target.path.stat().st_size // _MEGABYTE} MB so far"),
        hint="no backup was left",
    )  # fmt: skip
    read_through(target.path, restorer, show)
    return Copied(-1, target.path.stat().st_size)


def read_through(path: Path, restorer: Program, show: Show) -> None:
    """Read every part of an archive, without a server.

    Raises:
        StoreError: It is incomplete or damaged, or of a newer PostgreSQL than `restorer`.
    """
    show("reading the archive")
    try:
        postgres_programs.run(
            restorer, ["--file=/dev/null", str(path)], watch=lambda: show("reading the archive")
        )
    except StoreError as error:
        raise StoreError(
            f"{path} cannot be read ({error})",
            hint=OTHER_RELEASE,
        ) from error


def check_empty(url: str, shown: str) -> Server:
    """Check that a database holds no tables, so that a restored backup neither meets nor replaces others.

    Raises:
        StoreError: It holds some, or cannot be written.
    """
    server = look(url)
    if server.tables:
        more = ", ..." if len(server.tables) > 3 else ""
        raise StoreError(
            f"{shown} is not empty: it holds {', '.join(server.tables[:3])}{more}; it was left alone",
            hint="make an empty database with createdb, and name it with --db",
        )
    if server.is_standby:
        raise StoreError(f"{shown} is a standby, which cannot be written", hint="name its primary with --db")
    return server


def restore(path: Path, url: str, restorer: Program, server: Server, show: Show) -> None:
    """Restore an archive into an empty database, in one transaction.

    Raises:
        StoreError: The archive is of a newer PostgreSQL than the server, or the restoring failed; the
            database is as empty as before.
    """
    contents = postgres_programs.output_of(restorer, ["--list", str(path)], hint=OTHER_RELEASE)
    dumped = postgres_programs.major_of(contents.partition(_DUMPED_FROM)[2])
    if dumped > server.major:
        raise StoreError(
            f"{path} is of PostgreSQL {dumped}, the server of {server.version}, which is older",
            hint="restore it on a server of the same release or a newer one",
        )
    address, environ = postgres_programs.sign_in(url)
    words = [
        "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-password",
        f"--dbname={address}", str(path),
    ]  # fmt: skip
    postgres_programs.run(
        restorer, words, environ=environ, watch=lambda: show("restoring"), hint=_STILL_EMPTY
    )
    show("planning for the restored tables")
    asyncio.run(_analyze(url))


def note_backup(url: str, at: float) -> bool:
    """Record the time of a successful backup in the store; return False if it has no place for it.

    Raises:
        StoreError: The database does not answer.
    """

    async def note() -> bool:
        sql = sql_files.queries("postgres")
        async with connected(url) as connection:
            if 5 not in await postgres_indexes.applied_steps(connection, sql):
                return False
            if await connection.fetchval("select pg_is_in_recovery()"):
                return False
            await connection.execute(sql["put_fact"], facts.LAST_BACKUP, f"{at:.3f}")
            return True

    return asyncio.run(note())


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Connect to a server, or to one behind a pooler.

    Raises:
        StoreError: It cannot be reached, or a statement of the block failed.
    """
    connection: Any = None
    try:
        connection = await postgres_hosts.connect(
            url, timeout=_CONNECT_SECONDS, statement_cache_size=0,
            server_settings={"application_name": "dungeonfighter db"},
        )  # fmt: skip
        yield connection
    except Exception as error:
        if not is_database_error(error):
            raise
        what = str(error).partition("\n")[0][:200] if connection is None else reason(error)
        raise StoreError(f"the database did not answer: {what or type(error).__name__}") from error
    finally:
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=_CLOSE_SECONDS)


async def _analyze(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute("analyze")
