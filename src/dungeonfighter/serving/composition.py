"""The composition root: it opens a store and a host over it, and builds the application of one process.

It is the only module that imports every room. It imports them inside its functions, so that a command loads
only the rooms it uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from dungeonfighter.serving.opening import Opening
from dungeonfighter.serving.scheduling import Coalescing
from dungeonfighter.settings import Settings, instance_name

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from dungeonfighter.access.admission import Admission
    from dungeonfighter.access.hosts import HostGuard
    from dungeonfighter.access.protected_resource import ProtectedResource
    from dungeonfighter.access.rates import Rates
    from dungeonfighter.connection_strings import Database
    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.instruments import Snapshot
    from dungeonfighter.hosting.ports import Meter, Store
    from dungeonfighter.hosting.ranked_runs import RankingStore
    from dungeonfighter.serving.clients import ClientRules
    from dungeonfighter.serving.diagnosis import Diagnosis
    from dungeonfighter.serving.draining import Draining
    from dungeonfighter.serving.inquiries import Inquiries
    from dungeonfighter.serving.metrics_push import MetricsPush
    from dungeonfighter.serving.redis_leases import RedisLeases
    from dungeonfighter.serving.secrets_anew import Secrets
    from dungeonfighter.storage.examination import DatabaseReport
    from dungeonfighter.telemetry.totals import Totals
    from dungeonfighter.telemetry.traces import Tracer
    from dungeonfighter.telemetry.troubles import TroubleLog
    from dungeonfighter.web.log_in import LogIn
    from dungeonfighter.web.watch import Watch

STORES: Final = ("sqlite", "memory", "postgresql")
REST_SECONDS_MAX: Final = 0.05
"""The longest rest of a worker, if there are several; see `scheduling.Coalescing`."""


@contextlib.asynccontextmanager
async def open_host(
    settings: Settings,
    secrets: Secrets | None = None,
    *,
    serves: bool = False,
    on_wait: Callable[[], None] = lambda: None,
) -> AsyncIterator[BotHost]:
    """Open the store and a host over it; at the end, write what the host has accepted and close both.

    If closing takes longer than `close_seconds_max`, the process ends.

    Args:
        settings: The store, and the number of games that the host keeps in memory.
        secrets: The secrets that may change while the process runs.
        serves: True if the host will play for many bots; then the store reads ahead, and a store that is
            not ready is waited for.
        on_wait: Called when that wait begins.
    """
    from dungeonfighter.hosting.daily_seeds import SECRET_NAME
    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.hosting.system import SystemChance, SystemClock
    from dungeonfighter.replays.attestations import Attestations
    from dungeonfighter.rules.releases import shipped_rules
    from dungeonfighter.telemetry.meter import MeterRegistry

    attestations = Attestations(settings.signing_key)
    if secrets is not None:
        secrets.call_at_change("signing_key", attestations.use)

    shipped = shipped_rules(Path(settings.catalog) if settings.catalog else None)
    store = await Opening(settings, make_store, secrets).open(
        settings.startup_timeout_seconds if serves else 0.0, on_wait
    )
    host = BotHost(
        store=store,
        rules=ShippedRules(shipped),
        clock=SystemClock(),
        chance=SystemChance(),
        hot_games_max=settings.max_bots_per_instance,
        commit_timeout_seconds=settings.commit_timeout_seconds,
        rest=Coalescing(REST_SECONDS_MAX).rest if settings.workers > 1 else None,
        meter=MeterRegistry(),
        bots_per_fleet=settings.bots_per_fleet,
        tokens_per_bot_per_day=settings.tokens_per_bot_per_day,
        by_fleet=settings.auth != "none",
        daily_secret=await store.shared_secret(SECRET_NAME, os.urandom(32)),
        attestations=attestations,
    )
    host.game_log.watch_turns(settings.slow_turn_milliseconds / 1000)
    try:
        if serves:
            await store.read_ahead()
        async with _counting_quotas(host):
            yield host
    finally:
        await _close_in_time(host, store, close_seconds_max(settings))


@contextlib.asynccontextmanager
async def _counting_quotas(host: BotHost) -> AsyncIterator[None]:
    """Write the counts of tokens in time, and recount large fleets, while the block runs."""
    from dungeonfighter.hosting.daily_tokens import FLUSH_SECONDS
    from dungeonfighter.hosting.fleet_sizes import RECOUNT_SECONDS
    from dungeonfighter.serving.background import running

    async def keep(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await do()

    tokens, sizes = host.daily_tokens, host.fleet_sizes
    writing = None if tokens is None else keep(FLUSH_SECONDS, host.write_tokens)
    recounting = None if sizes is None else keep(RECOUNT_SECONDS, sizes.recount)
    async with running(writing, "writing of the counted tokens"), running(recounting, "recount of fleets"):
        yield


def close_seconds_max(settings: Settings) -> float:
    """Return how long `open_host` takes at most to close the host and its store."""
    from dungeonfighter.serving.signals import CLOSE_SECONDS

    return settings.commit_timeout_seconds + CLOSE_SECONDS


async def _close_in_time(host: BotHost, store: Store, seconds: float) -> None:
    # Ending the process loses nothing: a turn that hangs in the store was never acknowledged.
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


def make_store(settings: Settings) -> RankingStore:
    """Make the store for the kind of the database; `read_settings(stores=STORES)` has refused other kinds."""
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


def make_examine(
    settings: Settings, database: Callable[[], Database], seconds_max: float
) -> Callable[[], Awaitable[DatabaseReport]]:
    """Make a function that looks at a database without changing it; it opens a connection for each look.

    Args:
        settings: The kind of the database, and how to connect.
        database: Returns the connection string that is valid now.
        seconds_max: The longest time to wait for a file system.
    """
    from dungeonfighter.storage.examination import DatabaseReport

    place = settings.database.shown
    if settings.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_examination import examine_postgres

        is_pooler = settings.db_prepared_statements == "off"
        return lambda: examine_postgres(database().url, place, is_pooler=is_pooler)
    if settings.database.kind == "sqlite":
        from dungeonfighter.storage.sqlite_examination import SqliteExaminer

        return SqliteExaminer(Path(settings.database.path), place, seconds_max).examine

    async def examine_memory() -> DatabaseReport:
        return DatabaseReport(settings.database.kind, place)

    return examine_memory


def make_diagnosis(
    settings: Settings, secrets: Secrets, host: BotHost, troubles: TroubleLog,
    worker: tuple[int, Inquiries] | None = None,
) -> Diagnosis:  # fmt: skip
    """Make the report of one serving process about itself; the arguments are those of `Diagnosis`."""
    from dungeonfighter.serving.diagnosis import EXAMINE_SECONDS_MAX, Diagnosis
    from dungeonfighter.telemetry.hidden import secrets_in

    examine = make_examine(settings, lambda: secrets.current("database"), EXAMINE_SECONDS_MAX / 2)
    return Diagnosis(
        settings,
        secrets.shown(settings),
        host,
        troubles,
        examine,
        lambda: list(secrets_in(*secrets.values())),
        worker,
    )


def make_admission() -> Admission:
    """Make the admission of a process that serves its own user; all of its entry points share it."""
    from dungeonfighter.access.admission import BoundedAdmission
    from dungeonfighter.access.rates import Rates, RateSettings
    from dungeonfighter.hosting.system import SystemClock

    return BoundedAdmission(Rates(RateSettings(), SystemClock().now))


def make_rates(settings: Settings) -> Rates:
    """Make the limits on calls a second of one process."""
    from dungeonfighter.access.rates import Rates, RateSettings
    from dungeonfighter.hosting.system import SystemClock

    has_limits = settings.rate_per_token or settings.rate_per_fleet or settings.auth != "none"
    given = RateSettings(
        settings.rate_per_bot, settings.rate_per_token, settings.rate_per_fleet,
        parts=settings.workers * settings.replicas,
        are_leased=bool(has_limits) and (settings.workers > 1 or bool(settings.redis_url)),
    )  # fmt: skip
    return Rates(given, SystemClock().now)


def make_redis(settings: Settings, secrets: Secrets) -> RedisLeases | None:
    """Make the replica's side of Redis; None if no server is configured, or its package is not installed."""
    from dungeonfighter.connection_strings import shown_redis

    if not settings.redis_url:
        return None
    try:
        from dungeonfighter.serving.redis_leases import RedisLeases
    except ImportError:
        return None  # `start_checks` says so
    leases = RedisLeases(
        settings.redis_url,
        prefix=settings.redis_key_prefix,
        replica=f"{instance_name(settings)}-{token_hex(8)}",
        replicas=settings.replicas,
        place=shown_redis(settings.redis_url),
    )
    secrets.call_at_change("redis_url", leases.use)
    return leases


def make_push(settings: Settings) -> MetricsPush | None:
    """Make the pushes of the metrics; None if no receiver is configured."""
    if settings.prometheus is None or not settings.prometheus.is_receiver:
        return None
    from dungeonfighter import __version__
    from dungeonfighter.serving.metrics_push import MetricsPush

    name = instance_name(settings)
    return MetricsPush(
        settings.prometheus.url,
        {"service.name": "dungeonfighter", "service.instance.id": name, "service.version": __version__},
    )


@contextlib.asynccontextmanager
async def admitting(
    settings: Settings, host: BotHost, rates: Rates, secrets: Secrets
) -> AsyncIterator[Admission]:
    """Make the one admission of a server process, and keep its access tokens fresh while the block runs."""
    from msgspec.structs import replace

    from dungeonfighter.access.admission import BoundedAdmission, TokenAdmission
    from dungeonfighter.access.principals import DEFAULT_BOT, LOCAL
    from dungeonfighter.access.token_book import TokenBook
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.serving.background import begin, running

    if settings.auth == "none":
        prefix = settings.bot_id_prefix
        yield BoundedAdmission(rates, prefix, replace(LOCAL, default_bot=prefix + DEFAULT_BOT))
        return
    if settings.auth == "jwt":
        async with _admitting_by_provider(settings, rates, secrets) as admission:
            yield admission
        return
    clock = SystemClock()
    book = TokenBook(host, clock, settings.bot_id_prefix)
    await book.refresh()
    secrets.call_at_reading(lambda: begin(book.refresh(), "refresh of the access tokens"))
    async with running(book.keep_fresh(), "refresh of the access tokens"):
        yield TokenAdmission(rates, book, settings.bot_id_prefix)


@contextlib.asynccontextmanager
async def _admitting_by_provider(
    settings: Settings, rates: Rates, secrets: Secrets
) -> AsyncIterator[Admission]:
    """Make the admission of callers of an identity provider; keep its keys fresh while the block runs."""
    from dungeonfighter.access.jwt_admission import JwtAdmission
    from dungeonfighter.access.provider_check import check_provider
    from dungeonfighter.access.provider_endpoint import ProviderEndpoint
    from dungeonfighter.access.signing_keys import KeyCache
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.serving.background import begin

    resource = _resource(settings)
    assert resource is not None
    clock = SystemClock()
    endpoint = ProviderEndpoint()
    keys = KeyCache(lambda: endpoint.read(settings.jwks_url), clock)
    admission = JwtAdmission(
        rates, clock, keys, resource, settings.jwt_audience, settings.bot_id_prefix
    )  # fmt: skip
    await keys.refresh()
    secrets.call_at_reading(lambda: begin(keys.refresh_now(), "refresh of the provider's keys"))
    working = [
        begin(keys.keep_fresh(), "refresh of the keys of the identity provider"),
        begin(check_provider(settings.jwt_issuer, endpoint.read), "check of the identity provider"),
    ]
    try:
        yield admission
    finally:
        for task in working:
            task.cancel()
        await endpoint.close()


def _resource(settings: Settings) -> ProtectedResource | None:
    """Return the server as a resource of OAuth, if callers need a token of an identity provider."""
    from dungeonfighter.access.protected_resource import ProtectedResource

    return ProtectedResource(settings.public_url, settings.jwt_issuer) if settings.auth == "jwt" else None


def client_rules(settings: Settings) -> ClientRules:
    """Make the rules about the clients of one process."""
    from dungeonfighter.serving.clients import ClientRules

    return ClientRules(
        settings.trusted_proxies, settings.proxy_header == "proxy-protocol", settings.connections_per_address
    )


def compose(
    settings: Settings,
    host: BotHost,
    admission: Admission,
    *,
    totals: Callable[[], Totals] | None = None,
    scrape: Callable[[], Awaitable[Snapshot]] | None = None,
    worker: Mapping[str, int] | None = None,
    secrets: Secrets | None = None,
    diagnosis: Diagnosis | None = None,
    tracer: Tracer | None = None,
) -> tuple[Draining, Watch]:
    """Build the application of one process, and the ticker behind its watch page; `ticking` runs the ticker.

    Args:
        settings: The accepted Host and Origin headers, and the identity provider.
        host: Plays all calls.
        admission: Identifies the callers and decides about their calls.
        totals: Returns the figures of the watch page; by default the counters of `host`.
        scrape: Returns the metrics for `/metrics`; by default those of `host`.
        worker: The report of `/readyz` about this process, if it is one of several workers.
        secrets: The secrets that may change while the process runs.
        diagnosis: Answers `/api/doctor`; without it there is no such page.
        tracer: Begins and ends the traces of sampled calls.
    """
    from starlette.routing import Mount

    from dungeonfighter.access.hosts import HostGuard
    from dungeonfighter.access.principals import LOCAL
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.mcp.app import build_app
    from dungeonfighter.serving.draining import Draining
    from dungeonfighter.web.app import WatchApp
    from dungeonfighter.web.doctor_page import DoctorPage
    from dungeonfighter.web.watch import VIEWERS_MAX, VIEWERS_OF_FLEET_MAX, Watch

    guard = HostGuard(settings)
    watch = Watch(
        host, SystemClock(), LOCAL.fleet if settings.auth == "none" else None, totals=totals,
        viewers_of_fleet_max=VIEWERS_MAX if settings.auth == "none" else VIEWERS_OF_FLEET_MAX,
    )  # fmt: skip
    log_in = _make_log_in(settings, secrets, admission, guard)
    doctor = None if diagnosis is None else DoctorPage.of(settings, diagnosis.answer)
    pages = WatchApp(host, watch, admission, log_in, doctor, scrape=scrape)
    draining: Draining  # made after the application, whose `ready` needs it
    app = build_app(
        host,
        guard=guard,
        admission=admission,
        routes=[Mount("", app=pages)],
        ready=lambda: draining.is_ready,
        worker=worker,
        resource=_resource(settings),
        body_bytes_max=settings.body_bytes_max,
        has_pages=settings.admin_listen is None,
        metrics_path=settings.prometheus.path if settings.prometheus else "",
        tracer=tracer,
    )
    rejected = host.metrics.rejected
    draining = Draining(app, short_way=app, reject=lambda reason: rejected[reason].add())
    draining.admin, draining.exporter = app.serve_admin, app.serve_exporter
    _declare_process(host.meter, draining, str((worker or {}).get("worker", 0)))
    if diagnosis is not None:
        diagnosis.draining = draining
    return draining, watch


def _declare_process(meter: Meter, draining: Draining, worker: str) -> None:
    """Declare the metrics of this process: its log, its drain, its build, its use of the machine."""
    from dungeonfighter.telemetry.logs import declare_metric
    from dungeonfighter.telemetry.process_metrics import declare_build, declare_process_metrics

    declare_metric(meter)
    meter.gauge(
        "mcp_draining", "1 while the server drains: it finishes and takes no new work.",
        "1 for long: a client keeps its requests open; the server ends them by itself.",
        merge="max", read=lambda: int(not draining.is_ready),
    )  # fmt: skip
    declare_build(meter)
    declare_process_metrics(meter, worker)


def _make_log_in(
    settings: Settings, secrets: Secrets | None, admission: Admission, guard: HostGuard
) -> LogIn | None:
    """Make the log-in of the watch page; None if callers have no access tokens."""
    from dungeonfighter.access.admission import TokenAdmission
    from dungeonfighter.access.failed_log_ins import FailedLogIns
    from dungeonfighter.access.page_sessions import PageSessions
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.web.log_in import LogIn

    if not isinstance(admission, TokenAdmission):
        return None
    clock = SystemClock()
    failures = FailedLogIns(clock.now, parts=settings.workers)
    sessions = PageSessions(admission.book, clock, settings.signing_key)
    if secrets is not None:
        secrets.call_at_change("signing_key", sessions.use)
    return LogIn(sessions, failures, guard.is_own_page, clock, settings.public_url)


@contextlib.asynccontextmanager
async def ticking(watch: Watch) -> AsyncIterator[None]:
    """Run the ticker of the watch page while the block runs."""
    watch.start()
    try:
        yield
    finally:
        await watch.close()
