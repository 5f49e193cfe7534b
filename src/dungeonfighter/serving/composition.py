"""The composition root: a store, the host over it, and the application of one process.

The only module that knows every room; the commands in `serving.py` and `personal.py` are built from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dungeonfighter.serving.scheduling import Coalescing
from dungeonfighter.settings import Settings

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.ports import Store
    from dungeonfighter.serving.supervisor import Draining
    from dungeonfighter.telemetry.totals import Totals
    from dungeonfighter.web.watch import Watch

STORES: Final = ("sqlite", "memory", "postgresql")
REST_SECONDS_MAX: Final = 0.05
"""Of one worker among several; see `scheduling.Coalescing`."""


@contextlib.asynccontextmanager
async def open_host(settings: Settings, *, serves: bool = False) -> AsyncIterator[BotHost]:
    """The store and the host over it; on the way out what was accepted is written.

    Args:
        settings: Which store, and how large the host may become.
        serves: It is for many bots: the store reads ahead.
    """
    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.hosting.system import SystemChance, SystemClock
    from dungeonfighter.rules.releases import shipped_rules
    from dungeonfighter.telemetry.meter import MeterRegistry

    shipped = shipped_rules(Path(settings.catalog) if settings.catalog else None)
    store = make_store(settings)
    await store.open()
    host = BotHost(
        store=store,
        rules=ShippedRules(shipped),
        clock=SystemClock(),
        chance=SystemChance(),
        hot_games_max=settings.max_bots_per_instance,
        commit_timeout_seconds=settings.commit_timeout_seconds,
        rest=Coalescing(REST_SECONDS_MAX).rest if settings.workers > 1 else None,
        meter=MeterRegistry(),
    )
    try:
        if serves:
            await store.read_ahead()
        yield host
    finally:
        await _close_in_time(host, store, close_seconds_max(settings))


def close_seconds_max(settings: Settings) -> float:
    """How long the way out of `open_host` takes at most."""
    from dungeonfighter.serving.signals import CLOSE_SECONDS

    return settings.commit_timeout_seconds + CLOSE_SECONDS


async def _close_in_time(host: BotHost, store: Store, seconds: float) -> None:
    """Close both, or end the process: what hangs in the store was never acknowledged."""
    from dungeonfighter.serving.signals import end_at_once

    async def close() -> None:
        await host.close()
        await store.close()

    closing = asyncio.create_task(close())
    await asyncio.wait({closing}, timeout=seconds)
    if not closing.done():
        end_at_once(1, "the store does not answer")
    await closing
    if not host.is_store_up():
        logger.warning("the store did not answer at the end: nothing acknowledged is lost")


def make_store(settings: Settings) -> Store:
    """The one place where a kind of database becomes a store; `settings` has refused unknown kinds."""
    database = settings.database
    if database.kind == "postgresql":
        from dungeonfighter.storage.postgres import PostgresStore

        return PostgresStore(
            database.url,
            pool_size=settings.db_pool_size,
            slow_seconds=settings.commit_timeout_seconds,
            prepared_statements=settings.db_prepared_statements == "on",
            allow_unsafe=settings.allow_unsafe_store,
            read_url=settings.read_database.url if settings.read_database else "",
        )
    if database.kind == "memory":
        from dungeonfighter.storage.memory import MemoryStore

        return MemoryStore()
    from dungeonfighter.storage.sqlite import HOLD_SECONDS, SqliteStore

    return SqliteStore(
        Path(database.path),
        hold_seconds=HOLD_SECONDS if settings.workers > 1 else 0.0,
        patience_seconds=settings.commit_timeout_seconds,
    )


def compose(
    settings: Settings,
    host: BotHost,
    *,
    totals: Callable[[], Totals] | None = None,
    worker: Mapping[str, int] | None = None,
) -> tuple[Draining, Watch]:
    """The application of one process, and the ticker behind its page."""
    from starlette.routing import Mount

    from dungeonfighter.access.hosts import HostGuard
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.mcp.app import build_app
    from dungeonfighter.serving import supervisor
    from dungeonfighter.web.app import WatchApp
    from dungeonfighter.web.watch import Watch

    watch = Watch(host, SystemClock(), totals=totals)
    draining: supervisor.Draining  # known only after the application that asks it
    app = build_app(
        host,
        guard=HostGuard(settings),
        routes=[Mount("", app=WatchApp(host, watch))],
        ready=lambda: draining.is_ready,
        worker=worker,
    )
    draining = supervisor.Draining(app, short_way=app)
    return draining, watch


@contextlib.asynccontextmanager
async def ticking(watch: Watch) -> AsyncIterator[None]:
    watch.start()
    try:
        yield
    finally:
        await watch.close()
