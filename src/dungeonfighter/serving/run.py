"""Runs `dungeonfighter serve`: as one process, as the supervisor of several workers, or as one worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dungeonfighter import __version__
from dungeonfighter.access.leases import Leases
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.serving.composition import (
    admitting,
    client_rules,
    close_seconds_max,
    compose,
    declare_redis_metric,
    make_rates,
    make_redis,
    open_host,
    ticking,
)
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.scheduling import take_longer_slices
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.serving.server import serve
from dungeonfighter.serving.shared_rates import leasing_alone
from dungeonfighter.serving.signals import StopSignals, end_at_once
from dungeonfighter.serving.sockets import listen, reserve
from dungeonfighter.serving.supervisor import Supervisor
from dungeonfighter.serving.tracing import check_traces, tracing
from dungeonfighter.serving.worker_channel import Channel, Parent
from dungeonfighter.settings import Settings, instance_name, worker_words
from dungeonfighter.telemetry.logs import set_up_logs
from dungeonfighter.telemetry.totals import Reporter


def run_single(settings: Settings, secrets: Secrets, *, until_stdin_closes: bool) -> int:
    """Serve in this process until a signal; return the exit code.

    Args:
        settings: The settings of the server.
        secrets: Its secrets, which SIGHUP reads anew.
        until_stdin_closes: Also stop when standard input ends.
    """
    set_up_logs(settings.log_format, instance_name(settings))
    listener = listen(settings.host, settings.port)
    with contextlib.closing(listener), _admin_listener(settings) as admin, StopSignals() as signals:
        run_on_fastest_loop(
            _serve_alone(settings, secrets, listener, admin, signals, watch_stdin=until_stdin_closes)
        )
    return 0


@contextlib.contextmanager
def _admin_listener(settings: Settings, *, shared: bool = False) -> Iterator[socket.socket | None]:
    """Bind the second address, if there is one, until the end of the block."""
    admin = settings.admin_listen
    if admin is None:
        yield None
        return
    with contextlib.closing(listen(admin.host, admin.port, shared=shared, flag="--admin-listen")) as bound:
        yield bound


async def _serve_alone(
    settings: Settings, secrets: Secrets, listener: socket.socket, admin: socket.socket | None,
    signals: StopSignals, *, watch_stdin: bool,
) -> None:  # fmt: skip
    rates, redis = make_rates(settings), make_redis(settings, secrets)
    signals.call_at_hang_up(secrets.read_anew)
    async with (
        open_host(settings, secrets, serves=True) as host,
        admitting(settings, host, rates) as admission,
        leasing_alone(redis, rates, 1 / settings.replicas),
        tracing(settings, secrets, host, instance_name(settings)) as tracer,
    ):
        if redis is not None:
            declare_redis_metric(host.meter, lambda: redis.is_up)
        draining, watch = compose(settings, host, admission, secrets=secrets, tracer=tracer)
        async with ticking(watch):
            await serve(
                draining,
                listener,
                clients=client_rules(settings),
                keep_alive_seconds=settings.keep_alive_seconds,
                drain_seconds=settings.drain_seconds,
                on_listening=lambda: _announce(settings, listener.getsockname()),
                before_close=watch.close,
                watch_stdin=watch_stdin,
                signals=signals,
                admin_listener=admin,
            )


def run_supervisor(settings: Settings, flags: Mapping[str, Any], *, until_stdin_closes: bool) -> int:
    """Start `settings.workers` worker processes and supervise them until a signal; return the exit code.

    Args:
        settings: The settings of the server.
        flags: The settings' flags as texts by attribute, None where a flag is absent; the workers get them.
        until_stdin_closes: Also stop when standard input ends.
    """
    set_up_logs(settings.log_format, instance_name(settings))
    secrets = Secrets(settings, flags, os.environ)
    redis = make_redis(settings, secrets)
    check_traces(settings)
    with contextlib.ExitStack() as stack:
        reserved = stack.enter_context(contextlib.closing(reserve(settings.host, settings.port)))
        if (admin := settings.admin_listen) is not None:
            stack.enter_context(contextlib.closing(reserve(*admin, flag="--admin-listen")))
        address = reserved.getsockname()
        words, environ = worker_words(flags, os.environ, port=address[1])

        async def supervise() -> int:
            supervisor = Supervisor(
                lambda number, descriptor: (
                    sys.executable, "-m", "dungeonfighter", "serve", *words, f"--worker={number}:{descriptor}"
                ),
                settings.workers,
                drain_seconds=settings.drain_seconds,
                close_seconds=close_seconds_max(settings),
                on_listening=lambda: _announce(settings, address),
                leases=Leases(settings.workers, 1 / settings.replicas),
                redis=redis,
                on_hang_up=secrets.read_anew,
                environ=environ,
            )  # fmt: skip
            return await supervisor.run(watch_stdin=until_stdin_closes)

        return asyncio.run(supervise())


def run_worker(settings: Settings, number: int, descriptor: int, secrets: Secrets) -> int:
    """Serve as one worker until the supervisor orders a drain or is gone; return the exit code.

    Args:
        settings: The settings of the whole server.
        number: The number of this worker, from 0.
        descriptor: This worker's end of the channel to the supervisor.
        secrets: The secrets of this worker.
    """
    set_up_logs(settings.log_format, f"{instance_name(settings)}/{number}")
    take_longer_slices()
    with StopSignals(is_worker=True) as signals:
        run_on_fastest_loop(_serve_as_worker(settings, secrets, number, descriptor, signals))
    return 0


async def _serve_as_worker(
    settings: Settings, secrets: Secrets, number: int, descriptor: int, signals: StopSignals
) -> None:
    hot_games = -(-settings.max_bots_per_instance // settings.workers)
    settings = msgspec.structs.replace(settings, max_bots_per_instance=hot_games)
    rates = make_rates(settings)
    parent = Parent(await Channel.over(socket.socket(fileno=descriptor)))
    parent.on_hang_up = secrets.read_anew
    signals.call_at_hang_up(secrets.read_anew)
    drain_begun, parent_gone = asyncio.Event(), asyncio.Event()

    def drain() -> None:
        if parent.reporter is None:
            end_at_once(0)  # opening the store may take long, and no request was accepted yet
        drain_begun.set()

    async with (
        parent.receiving(on_drain=drain, on_parent_gone=parent_gone.set),
        open_host(settings, secrets, serves=True) as host,
        admitting(settings, host, rates) as admission,
        parent.sharing(rates),
        tracing(settings, secrets, host, f"{instance_name(settings)}/{number}") as tracer,
    ):
        parent.reporter = Reporter(host, SystemClock())
        parent.share_losses(host.lost_answers)
        if settings.redis_url:
            declare_redis_metric(host.meter, lambda: parent.redis_up)
        draining, watch = compose(
            settings, host, admission, totals=parent.totals, secrets=secrets, tracer=tracer,
            worker={"worker": number, "pid": os.getpid()},
        )  # fmt: skip
        draining.begun, draining.hurried = drain_begun, parent_gone
        parent.watched_fleets = watch.wanted_fleets
        with (
            contextlib.closing(listen(settings.host, settings.port, shared=True)) as listener,
            _admin_listener(settings, shared=True) as admin,
        ):
            # Everything is prepared, so the worker accepts connections right after the permission.
            if not await parent.may_listen():
                return
            async with ticking(watch):
                await serve(
                    draining,
                    listener,
                    clients=client_rules(settings),
                    keep_alive_seconds=settings.keep_alive_seconds,
                    drain_seconds=settings.drain_seconds,
                    on_listening=parent.report_listening,
                    before_close=watch.close,
                    signals=signals,
                    admin_listener=admin,
                )


def _announce(settings: Settings, address: tuple[Any, ...]) -> None:
    """Print the addresses of the server once; with `--log-format json` write one line of the log instead."""
    host, port = address[:2]
    origin = settings.public_url or _origin(host, port)
    page = origin if settings.admin_listen is None else _origin(*settings.admin_listen)
    if settings.log_format == "json":
        logging.getLogger("dungeonfighter").info(
            "serving on %s, games in %s", origin, settings.database.shown
        )
    else:
        lines = [
            f"DungeonFighter {__version__}",
            f"  watch page   {page}/",
            f"  MCP          {origin}/mcp   (one bot: {origin}/bots/hero/mcp)",
            f"  games        {settings.database.shown}",
            *([f"  workers      {settings.workers} processes"] if settings.workers > 1 else []),
            "  stop         Ctrl-C (again: at once); nothing acknowledged is ever lost",
            *(f"  note         {note}" for note in settings.notes),
        ]
        print("\n".join(lines), file=sys.stderr, flush=True)


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
