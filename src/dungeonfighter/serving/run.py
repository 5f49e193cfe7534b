"""Runs `dungeonfighter serve`: as one process, as the supervisor of several workers, or as one worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import msgspec

from dungeonfighter.access.leases import Leases
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.serving.announcement import announce, say_where_log_is
from dungeonfighter.serving.background import running
from dungeonfighter.serving.composition import (
    admitting,
    client_rules,
    close_seconds_max,
    compose,
    make_diagnosis,
    make_push,
    make_rates,
    make_redis,
    open_host,
    ticking,
)
from dungeonfighter.serving.draining import App, Draining
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.following import following
from dungeonfighter.serving.inquiries import InquiryRelay
from dungeonfighter.serving.outside_metrics import declare_outside_metrics
from dungeonfighter.serving.scheduling import take_longer_slices
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.serving.server import serve
from dungeonfighter.serving.service_manager import ServiceManager, without_socket
from dungeonfighter.serving.shared_rates import leasing_alone
from dungeonfighter.serving.signals import StopSignals, end_at_once
from dungeonfighter.serving.sockets import listen, reserve
from dungeonfighter.serving.start_checks import check_redis, findings
from dungeonfighter.serving.starting import Starting
from dungeonfighter.serving.supervisor import Supervisor
from dungeonfighter.serving.tracing import tracing
from dungeonfighter.serving.verifying import closing, make_verifying
from dungeonfighter.serving.worker_channel import Channel, Parent
from dungeonfighter.setting_values import Address
from dungeonfighter.settings import Settings, instance_name, worker_words
from dungeonfighter.telemetry.logs import set_up_logs
from dungeonfighter.telemetry.process_metrics import declare_restarts
from dungeonfighter.telemetry.totals import Reporter
from dungeonfighter.telemetry.troubles import remember_troubles


def run_single(settings: Settings, secrets: Secrets, *, until_stdin_closes: bool) -> int:
    """Serve in this process until a signal; return the exit code.

    Args:
        settings: The settings of the server.
        secrets: Its secrets, which SIGHUP reads anew.
        until_stdin_closes: Also stop when standard input ends.
    """
    set_up_logs(settings, instance_name(settings))
    say_where_log_is(settings)
    with contextlib.closing(_Listeners.bound(settings)) as listeners, StopSignals() as signals:
        run_on_fastest_loop(
            _serve_alone(settings, secrets, listeners, signals, watch_stdin=until_stdin_closes)
        )
    return 0


class _Listeners(NamedTuple):
    """The sockets of a process; None for an address that is not configured."""

    game: socket.socket
    admin: socket.socket | None
    exporter: socket.socket | None

    @classmethod
    def bound(cls, settings: Settings, *, shared: bool = False) -> Self:
        """Bind all addresses.

        Raises:
            SettingsError: See `sockets.listen`.
        """
        made: list[socket.socket | None] = []
        try:
            for address, flag in _addresses(settings):
                made.append(listen(*address, shared=shared, flag=flag) if address is not None else None)
        except BaseException:
            for one in made:
                if one is not None:
                    one.close()
            raise
        game, admin, exporter = made
        assert game is not None
        return cls(game, admin, exporter)

    def configured(self) -> list[socket.socket]:
        return [one for one in self if one is not None]

    def close(self) -> None:
        for one in self.configured():
            one.close()

    def further(self, draining: Draining) -> list[tuple[socket.socket, App]]:
        """Return the listeners besides that of the game, each with its application."""
        both = ((self.admin, draining.admin), (self.exporter, draining.exporter))
        return [(listener, app) for listener, app in both if listener is not None]


def _addresses(settings: Settings) -> list[tuple[Address | None, str]]:
    """Return each address of a server with its flag; None if it is not configured."""
    return [
        (Address(settings.host, settings.port), "--port"),
        (settings.admin_listen, "--admin-listen"),
        (settings.prometheus.listen if settings.prometheus else None, "--prometheus-endpoint"),
    ]


async def _serve_alone(
    settings: Settings, secrets: Secrets, listeners: _Listeners, signals: StopSignals, *, watch_stdin: bool
) -> None:
    troubles, rates = remember_troubles(), make_rates(settings)
    redis, push = make_redis(settings, secrets), make_push(settings)
    service = ServiceManager(os.environ)
    starting = Starting(lambda: [one.dup() for one in listeners.configured()])
    signals.call_at_hang_up(lambda: service.reload(secrets.read_anew))
    checking = asyncio.create_task(check_redis(settings))
    verifying = make_verifying(settings, secrets)

    def wait_for_store() -> None:
        service.waiting("the store")
        starting.begin()

    async with (
        service.reporting(),
        open_host(settings, secrets, serves=True, on_wait=wait_for_store) as host,
        admitting(settings, host, rates, secrets) as admission,
        leasing_alone(redis, rates, 1 / settings.replicas),
        tracing(settings, secrets, host, instance_name(settings)) as tracer,
        closing(verifying),
    ):
        verifying.declare(host.meter)
        declare_outside_metrics(
            settings, host.meter,
            redis_up=lambda: redis is not None and redis.is_up,
            push_up=lambda: push is not None and push.is_up,
        )  # fmt: skip
        declare_restarts(host.meter)
        diagnosis = make_diagnosis(settings, secrets, host, troubles)
        draining, watch = compose(
            settings, host, admission, secrets=secrets, diagnosis=diagnosis, tracer=tracer
        )
        found = findings(settings, await checking)
        await starting.end()

        def serves() -> None:
            announce(settings, listeners.game.getsockname(), found)
            service.ready()
            verifying.begin()

        def drains() -> None:
            service.stopping()
            verifying.stop()

        pushes = None if push is None else push.keep(host.meter.collect)
        async with (
            ticking(watch),
            following(settings, secrets, host, watch),
            running(pushes, "pushes of the metrics"),
        ):
            await serve(
                draining,
                listeners.game,
                clients=client_rules(settings),
                keep_alive_seconds=settings.keep_alive_seconds,
                drain_seconds=settings.drain_seconds,
                on_listening=serves,
                before_close=watch.close,
                watch_stdin=watch_stdin,
                signals=signals,
                further=listeners.further(draining),
                on_drain=drains,
            )


def run_supervisor(settings: Settings, flags: Mapping[str, Any], *, until_stdin_closes: bool) -> int:
    """Start `settings.workers` worker processes and supervise them until a signal; return the exit code.

    Args:
        settings: The settings of the server.
        flags: The settings' flags as texts by attribute, None where a flag is absent; the workers get them.
        until_stdin_closes: Also stop when standard input ends.
    """
    set_up_logs(settings, instance_name(settings))
    say_where_log_is(settings)
    secrets = Secrets(settings, flags, os.environ)
    inquiries = InquiryRelay(secrets.shown(settings), settings.notes, remember_troubles())
    with _reserving(settings) as address:
        at = msgspec.structs.replace(settings, port=address[1])
        words, environ = worker_words(flags, os.environ, port=at.port)

        async def supervise() -> int:
            service = ServiceManager(os.environ)
            checking = asyncio.create_task(check_redis(settings))

            def serves() -> None:
                announce(
                    settings, address, findings(settings, checking.result() if checking.done() else None)
                )
                service.ready()
                verifying.begin()

            verifying = make_verifying(settings, secrets)
            supervisor = Supervisor(
                lambda number, descriptor: (
                    sys.executable, "-m", "dungeonfighter", "serve", *words, f"--worker={number}:{descriptor}"
                ),
                settings.workers,
                drain_seconds=settings.drain_seconds,
                close_seconds=close_seconds_max(settings),
                on_listening=serves,
                leases=Leases(settings.workers, 1 / settings.replicas),
                redis=make_redis(settings, secrets),
                push=make_push(settings),
                on_hang_up=secrets.read_anew,
                environ=without_socket(environ),
                service=service,
                starting=Starting(lambda: _Listeners.bound(at, shared=True).configured()),
                inquiries=inquiries,
                declare=verifying.declare,
            )  # fmt: skip
            async with closing(verifying):
                return await supervisor.run(watch_stdin=until_stdin_closes)

        return asyncio.run(supervise())


@contextlib.contextmanager
def _reserving(settings: Settings) -> Iterator[tuple[Any, ...]]:
    """Keep all addresses for workers until the end of the block; yield that of the game."""
    with contextlib.ExitStack() as stack:
        reserved = [
            stack.enter_context(contextlib.closing(reserve(*address, flag=flag)))
            for address, flag in _addresses(settings)
            if address is not None
        ]
        yield reserved[0].getsockname()


def run_worker(settings: Settings, number: int, descriptor: int, secrets: Secrets) -> int:
    """Serve as one worker until the supervisor orders a drain or is gone; return the exit code.

    Args:
        settings: The settings of the whole server.
        number: The number of this worker, from 0.
        descriptor: This worker's end of the channel to the supervisor.
        secrets: The secrets of this worker.
    """
    set_up_logs(settings, f"{instance_name(settings)}/{number}")
    take_longer_slices()
    with StopSignals(is_worker=True) as signals:
        run_on_fastest_loop(_serve_as_worker(settings, secrets, number, descriptor, signals))
    return 0


async def _serve_as_worker(
    settings: Settings, secrets: Secrets, number: int, descriptor: int, signals: StopSignals
) -> None:
    troubles, whole = remember_troubles(), settings
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
        open_host(settings, secrets, serves=True, on_wait=parent.report_waiting) as host,
        admitting(settings, host, rates, secrets) as admission,
        parent.sharing(rates),
        tracing(settings, secrets, host, f"{instance_name(settings)}/{number}") as tracer,
    ):
        parent.reporter = Reporter(host, SystemClock())
        parent.share_losses(host.lost_answers)
        declare_outside_metrics(
            settings, host.meter, redis_up=lambda: parent.redis_up, push_up=lambda: parent.push_up
        )
        draining, watch = compose(
            settings, host, admission, totals=parent.totals, scrape=parent.scrape, secrets=secrets,
            tracer=tracer,
            worker={"worker": number, "pid": os.getpid()},
            diagnosis=make_diagnosis(whole, secrets, host, troubles, (number, parent.inquiries)),
        )  # fmt: skip
        draining.begun, draining.hurried = drain_begun, parent_gone
        parent.watched_fleets = watch.wanted_fleets
        with contextlib.closing(_Listeners.bound(settings, shared=True)) as listeners:
            # Everything is prepared, so the worker accepts connections right after the permission.
            if not await parent.may_listen():
                return
            async with ticking(watch), following(settings, secrets, host, watch):
                await serve(
                    draining,
                    listeners.game,
                    clients=client_rules(settings),
                    keep_alive_seconds=settings.keep_alive_seconds,
                    drain_seconds=settings.drain_seconds,
                    on_listening=parent.report_listening,
                    before_close=watch.close,
                    signals=signals,
                    further=listeners.further(draining),
                )
