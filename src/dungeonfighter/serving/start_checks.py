"""The checks of a start: settings, addresses, limit on open files, store, Redis.

A start that fails reports all of its problems together, each with its remedy; a start that succeeds says what
it found. Redis is never a reason not to serve.

Source: docs/decisions/031-start-and-stop.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dungeonfighter.connection_strings import shown_redis
from dungeonfighter.errors import SettingsError, StoreError
from dungeonfighter.serving.server import connections_of, file_limit
from dungeonfighter.serving.sockets import check_free
from dungeonfighter.serving.tracing import check_traces
from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import Settings, read_settings, readable_settings, source_of

FILES_MIN: Final = 128
"""The store, the log and the sockets of a process need some forty; the rest are connections."""
_REDIS_SECONDS: Final = 0.8
_WITHOUT_REDIS: Final = "each server takes its equal part of the rates meanwhile"


class Finding(NamedTuple):
    """The result of one check, as a sentence."""

    is_good: bool
    text: str


def read_checked_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], stores: Collection[str]
) -> Settings:
    """Read the settings, and check what can be checked before the server starts.

    Raises:
        SettingsError: All problems of the start, those of the store included.
    """
    problems: list[str] = []
    given, unreadable = readable_settings(flags, environ)
    try:
        given = read_settings(flags, environ, stores=stores)
    except SettingsError as error:
        problems += error.problems
    problems += _address_problems(given, unreadable)
    (collector,) = (field for field in FIELDS if field.attribute == "otlp_endpoint")
    try:
        check_traces(given, source_of(collector, flags, environ))
    except SettingsError as error:
        problems += error.problems
    if (files := file_limit()) < FILES_MIN:
        problems.append(f"this process may open {files} files: allow at least {FILES_MIN} (ulimit -n)")
    if not problems:
        return given
    if "database" not in unreadable:  # another start would report it next
        problems += asyncio.run(_store_problems(given))
    raise SettingsError(problems)


def findings(settings: Settings, redis: Finding | None) -> list[Finding]:
    """Return what the checks of a server found that serves now."""
    files = file_limit()
    connections = connections_of(files)
    each = " of each worker" if settings.workers > 1 else ""
    found = [
        Finding(True, "settings: valid"),
        Finding(True, f"files: {files} may be open, so {connections} connections{each}"),
        Finding(True, "store: reachable, and its schema is up to date"),
    ]
    if settings.otlp_endpoint:
        part = f"{settings.trace_ratio:g} of the calls"
        found.append(Finding(True, f"traces: {part} to {settings.otlp_endpoint} ({settings.otlp_protocol})"))
    return found if redis is None else [*found, redis]


async def check_redis(settings: Settings) -> Finding | None:
    """Ask Redis for an answer; None without Redis."""
    if not settings.redis_url:
        return None
    place = shown_redis(settings.redis_url)
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - needs the extra `redis`
        from redis.exceptions import RedisError  # noqa: PLC0415
    except ImportError:
        needs = "the package redis is missing (pip install '.[redis]' in the checkout)"
        return Finding(False, f"Redis: {needs}; {_WITHOUT_REDIS}")
    try:
        async with (
            asyncio.timeout(_REDIS_SECONDS),
            Redis.from_url(settings.redis_url, protocol=2, socket_connect_timeout=_REDIS_SECONDS) as client,
        ):
            await client.ping()
        return Finding(True, f"Redis: {place} answers")
    except (RedisError, OSError, TimeoutError, ValueError, TypeError) as error:  # the last two: a bad URL
        why = type(error).__name__
        return Finding(False, f"Redis: {place} does not answer ({why}); {_WITHOUT_REDIS}")


def _address_problems(settings: Settings, unreadable: Collection[str]) -> list[str]:
    wanted = [(settings.host, settings.port, "--port", "port")]
    if settings.admin_listen is not None:
        wanted.append((*settings.admin_listen, "--admin-listen", "admin_listen"))
    if settings.prometheus is not None and settings.prometheus.listen is not None:
        wanted.append((*settings.prometheus.listen, "--prometheus-endpoint", "prometheus"))
    problems: list[str] = []
    for host, port, flag, attribute in wanted:
        if attribute in unreadable or "host" in unreadable:
            continue
        try:
            check_free(host, port, flag=flag)
        except SettingsError as error:
            problems += error.problems
    return problems


async def _store_problems(settings: Settings) -> list[str]:
    from dungeonfighter.storage.start_probe import inspect_postgres, inspect_sqlite  # noqa: PLC0415

    database = settings.database
    try:
        if database.kind == "postgresql":
            await inspect_postgres(
                database.url,
                prepared_statements=settings.db_prepared_statements == "on",
                allow_unsafe=settings.allow_unsafe_store,
            )
        elif database.kind == "sqlite":
            await inspect_sqlite(Path(database.path))
    except SettingsError as error:
        return list(error.problems)
    except StoreError as error:
        return [f"--db: {error}{f'; {error.hint}' if error.hint else ''}"]
    return []
