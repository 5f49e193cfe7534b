"""The command `doctor [URL...] [--db URL]`: looks at servers and at a database, and says what is wrong.

The report goes to stdout, progress to stderr. The exit code is 0 without a problem, 1 with one, 2 for wrong
words. It changes nothing: it only reads, and never migrates a database or creates a file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from dungeonfighter import setting_fields, settings
from dungeonfighter.commands import caller_token
from dungeonfighter.connection_strings import Database, Problem
from dungeonfighter.errors import BadArgument, SettingsError

if TYPE_CHECKING:
    from dungeonfighter.doctor.findings import Findings
    from dungeonfighter.doctor.report import Report
    from dungeonfighter.doctor.servers import ServerAnswers
    from dungeonfighter.storage.examination import DatabaseReport
    from dungeonfighter.telemetry.shown_settings import ShownSetting

_Result = TypeVar("_Result")

SERVERS_MAX: Final = 32
DATABASE_SECONDS_MAX: Final = 20.0
_FIRST_SECONDS: Final = 1.0
_MORE_SECONDS: Final = 5.0
_REPORT_IT: Final = "this is a fault of the doctor: please report it with this text"
_FIELDS: Final = {field.attribute: field for field in setting_fields.FIELDS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the servers, and the settings of the database."""
    parser.add_argument(
        "urls", nargs="*", metavar="URL",
        help="a running server, for example http://127.0.0.1:8000; several ones are compared",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    caller_token.add_argument(parser)
    settings.add_arguments(parser, ("database", "db_prepared_statements"))


def run(arguments: argparse.Namespace) -> int:
    """Look, print the report, and return the exit code.

    Raises:
        BadInput, SettingsError: A word is wrong.
    """
    from dungeonfighter.doctor.fetching import server_url
    from dungeonfighter.doctor.text import text_of
    from dungeonfighter.telemetry.hidden import hiding, secrets_in

    urls = list(dict.fromkeys(server_url(one) for one in arguments.urls))
    if len(urls) > SERVERS_MAX:
        raise BadArgument(f"URL: {len(urls)} servers are too many; ask {SERVERS_MAX} at a time")
    flags = vars(arguments)
    database = _database(flags, has_urls=bool(urls))
    if not urls and database is None:
        raise BadArgument("give the URL of a server, or a database with --db")
    token = caller_token.read_token(arguments, os.environ)
    report = asyncio.run(_look(urls, token, database, flags))
    if arguments.json:
        text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    else:
        text = text_of(report)
    print(hiding([token, *secrets_in(database)])(text), end="")
    return 1 if report.problems else 0


def _database(flags: dict[str, Any], *, has_urls: bool) -> Database | None:
    """Return the database to look at: that of the flags, or without a server that of the environment.

    Raises:
        SettingsError: The connection string is wrong.
    """
    try:
        found = settings.read_setting(_FIELDS["database"], flags, {} if has_urls else os.environ)
    except Problem as problem:
        raise SettingsError([str(problem)]) from None
    if found is None:
        return None
    assert isinstance(found, Database)
    if found.kind == "memory":
        raise SettingsError(["--db: memory:// is within its server; give the URL of the server"])
    return found


async def _look(urls: list[str], token: str, database: Database | None, flags: dict[str, Any]) -> Report:
    from dungeonfighter.doctor.database_rules import judge_database
    from dungeonfighter.doctor.findings import Findings
    from dungeonfighter.doctor.report import Report
    from dungeonfighter.doctor.server_rules import judge_servers, judge_transport
    from dungeonfighter.doctor.servers import ServerAnswers, ask_server
    from dungeonfighter.storage.sqlite_library import library_version, shown
    from dungeonfighter.telemetry.machine import build

    findings = Findings()

    async def ask(url: str) -> ServerAnswers:
        judge_transport(url, token, findings)
        try:
            return await _noted(url, ask_server(url, token, findings))
        except Exception as error:  # noqa: BLE001 (the other servers and the database must be seen)
            findings.problem(url, f"the doctor failed on it: {error!r}", _REPORT_IT)
            return ServerAnswers(url)

    servers = asyncio.gather(*map(ask, urls))
    found: DatabaseReport | None = None
    configured: list[ShownSetting] = []
    if database is not None:
        configured = _settings_here(flags, findings)
        found = await _noted(database.shown, _examine(database, flags))
        judge_database(found, "database", findings)
    answers = await servers
    judge_servers(answers, findings)
    return Report(
        made_at=time.time(),
        problems=findings.problems(),
        notes=findings.notes(),
        build=build(),
        sqlite_library=shown(library_version()),
        settings=configured,
        servers=answers,
        database=found,
    )


async def _examine(database: Database, flags: dict[str, Any]) -> DatabaseReport:
    from dungeonfighter.serving.composition import make_examine
    from dungeonfighter.storage.examination import DatabaseReport

    try:
        statements = settings.read_setting(_FIELDS["db_prepared_statements"], flags, os.environ)
    except Problem as problem:
        raise SettingsError([str(problem)]) from None
    given = settings.Settings(database=database, db_prepared_statements=statements or "on")
    try:
        async with asyncio.timeout(DATABASE_SECONDS_MAX):
            return await make_examine(given, lambda: database, DATABASE_SECONDS_MAX / 2)()
    except Exception as error:  # noqa: BLE001 (a failure is a finding; the servers must be seen)
        if not isinstance(error, TimeoutError):
            return DatabaseReport(database.kind, database.shown, [f"the look at it failed: {error!r}"])
        overdue = f"the database did not answer within {DATABASE_SECONDS_MAX:g} s"
        return DatabaseReport(database.kind, database.shown, [overdue])


def _settings_here(flags: dict[str, Any], findings: Findings) -> list[ShownSetting]:
    """Return the settings that a server would have here; those that it would refuse become problems."""
    from dungeonfighter.serving.composition import STORES
    from dungeonfighter.telemetry.shown_settings import shown_settings

    try:
        given = settings.read_settings(flags, os.environ, stores=STORES)
    except SettingsError as error:
        for problem in error.problems:
            findings.problem("settings of this environment", problem, "a server would not start with them")
        return []
    for note in given.notes:
        findings.note("settings of this environment", note)
    return shown_settings(given, flags, os.environ)


async def _noted(what: str, work: Awaitable[_Result]) -> _Result:
    """Await the work; write to stderr that it is awaited if it takes over a second."""
    began = time.monotonic()
    task = asyncio.ensure_future(work)
    pause = _FIRST_SECONDS
    while not (await asyncio.wait({task}, timeout=pause))[0]:
        print(f"waiting for {what} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        pause = _MORE_SECONDS
    return task.result()
