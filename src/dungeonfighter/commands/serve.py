"""The command `serve`: one process that serves, or the parent of several, or one of those."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from dungeonfighter import __version__
from dungeonfighter.serving.composition import STORES, close_seconds_max, compose, open_host, ticking
from dungeonfighter.serving.scheduling import take_longer_slices
from dungeonfighter.settings import FIELDS, Settings, instance_name, read_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dungeonfighter.serving.signals import Ending

_Result = TypeVar("_Result")


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; the parsed arguments are those of `cli.py`."""
    from dungeonfighter.serving import supervisor
    from dungeonfighter.serving.signals import Ending
    from dungeonfighter.telemetry.logs import set_up_logs

    settings = read_settings(vars(arguments), os.environ, stores=STORES)
    number, _, descriptor = (arguments.worker or "").partition(":")
    set_up_logs(settings.log_format, instance_name(settings) + (f"/{number}" if number else ""))
    if number:
        take_longer_slices()
        with Ending(is_worker=True) as ending:
            _on_fastest_loop(_serve_as_worker(settings, int(number), int(descriptor), ending))
        return 0
    if settings.workers > 1:
        return _run_workers(arguments, settings)
    listener = supervisor.listen(settings.host, settings.port)
    with contextlib.closing(listener), Ending() as ending:
        _on_fastest_loop(_serve(settings, listener, ending, watch_stdin=arguments.until_stdin_closes))
    return 0


async def _serve(settings: Settings, listener: Any, ending: Ending, *, watch_stdin: bool) -> None:
    """Serve in this one process."""
    from dungeonfighter.serving import supervisor

    async with open_host(settings, serves=True) as host:
        draining, watch = compose(settings, host)
        async with ticking(watch):
            await supervisor.serve(
                draining,
                listener,
                drain_seconds=settings.drain_seconds,
                started=lambda: _announce(settings, listener.getsockname()),
                before_close=watch.close,
                watch_stdin=watch_stdin,
                ending=ending,
            )


def _run_workers(arguments: argparse.Namespace, settings: Settings) -> int:
    """Be the parent of `settings.workers` processes that serve."""
    from dungeonfighter.serving import supervisor
    from dungeonfighter.serving.workers import Workers

    with contextlib.closing(supervisor.reserve(settings.host, settings.port)) as reserved:
        address = reserved.getsockname()
        given = {**vars(arguments), "port": address[1]}
        flags = [
            f"{field.flags[0]}={given[field.attribute]}"
            for field in FIELDS
            if given[field.attribute] is not None
        ]

        async def supervise() -> int:
            workers = Workers(
                lambda number, descriptor: (
                    sys.executable, "-m", "dungeonfighter", "serve", *flags, f"--worker={number}:{descriptor}"
                ),
                settings.workers,
                drain_seconds=settings.drain_seconds,
                close_seconds=close_seconds_max(settings),
                started=lambda: _announce(settings, address),
            )  # fmt: skip
            return await workers.run(watch_stdin=arguments.until_stdin_closes)

        return asyncio.run(supervise())


async def _serve_as_worker(settings: Settings, number: int, descriptor: int, ending: Ending) -> None:
    """Serve as one of several processes, until the parent says so or is gone."""
    import socket

    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.serving import supervisor
    from dungeonfighter.serving.signals import end_at_once
    from dungeonfighter.serving.worker_channel import Line, Parent
    from dungeonfighter.telemetry.totals import Reporter

    hot_games = -(-settings.max_bots_per_instance // settings.workers)
    settings = msgspec.structs.replace(settings, max_bots_per_instance=hot_games)
    parent = Parent(await Line.over(socket.socket(fileno=descriptor)))
    going_down, alone = asyncio.Event(), asyncio.Event()

    def drain() -> None:
        if parent.reporter is None:
            end_at_once(0)  # the store may be held up for long, and nothing was begun
        going_down.set()

    async with parent.heard(drain=drain, alone=alone.set), open_host(settings, serves=True) as host:
        parent.reporter = Reporter(host, SystemClock())
        draining, watch = compose(
            settings, host, totals=parent.totals, worker={"worker": number, "pid": os.getpid()}
        )
        draining.begun, draining.hurried = going_down, alone
        with contextlib.closing(supervisor.listen(settings.host, settings.port, shared=True)) as listener:
            if not await parent.may_listen():  # everything is ready: from the word on it takes no time
                return
            async with ticking(watch):
                await supervisor.serve(
                    draining,
                    listener,
                    drain_seconds=settings.drain_seconds,
                    started=parent.tell_listening,
                    before_close=watch.close,
                    ending=ending,
                )


def _announce(settings: Settings, address: tuple[Any, ...]) -> None:
    """Tell once where everything is; machines read the log instead."""
    host, port = address[:2]
    origin = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if settings.log_format == "json":
        import logging

        logging.getLogger("dungeonfighter").info(
            "serving on %s, games in %s", origin, settings.database.shown
        )
    else:
        lines = [
            f"DungeonFighter {__version__}",
            f"  watch page   {origin}/",
            f"  MCP          {origin}/mcp   (one bot: {origin}/bots/hero/mcp)",
            f"  games        {settings.database.shown}",
            *([f"  workers      {settings.workers} processes"] if settings.workers > 1 else []),
            "  stop         Ctrl-C (again: at once); nothing acknowledged is ever lost",
            *(f"  note         {note}" for note in settings.notes),
        ]
        print("\n".join(lines), file=sys.stderr, flush=True)


def _on_fastest_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
