"""The command `dungeonfighter`: the composition root, the only file that knows every room.

Each command is one function that declares its arguments and returns what runs it; only the command that was
asked for is imported, so that `--help` and the small commands start at once. Exit codes: 0 done, 1 it ran and
the result is bad, 2 it could not begin (each reason is one line with its remedy), 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from dungeonfighter import __version__
from dungeonfighter.errors import DungeonFighterError, SettingsError, StoreError
from dungeonfighter.settings import FIELDS, Settings, add_arguments, instance_name, read_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.ports import Store
    from dungeonfighter.supervisor import Draining
    from dungeonfighter.telemetry.totals import Totals
    from dungeonfighter.web.watch import Watch

_Result = TypeVar("_Result")
Run = Callable[[argparse.Namespace], int]

STORES: Final = ("sqlite", "memory", "postgresql")
_MIGRATION_SECONDS: Final = 3600.0
_DATABASE: Final = ("database", "db_pool_size", "db_prepared_statements")
_OWN_FILE: Final = "dungeonfighter.db in your user data folder"
_PERSONAL: Final = (*_DATABASE, "commit_timeout_seconds", "log_format")


class Command(NamedTuple):
    """One word of the command line; `declare` adds its arguments and returns what runs it."""

    purpose: str
    declare: Callable[[argparse.ArgumentParser], Run]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words).parse_args(words)
    try:
        return int(arguments.run(arguments))
    except SettingsError as error:
        return _refuse(*error.problems)
    except StoreError as error:
        return _refuse(f"{error}; choose another place with --db sqlite:///FILE")
    except DungeonFighterError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 130


def _refuse(*problems: str) -> int:
    for problem in problems:
        print(f"dungeonfighter: {problem}", file=sys.stderr)
    return 2


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dungeonfighter",
        description="A dungeon-crawling RPG for AI agents, served over the Model Context Protocol (MCP).",
        epilog="To begin: `dungeonfighter demo` (watch bots play), `dungeonfighter play` (play yourself), "
        "`dungeonfighter serve` (a server for your own agents).",
    )
    parser.add_argument("--version", action="version", version=f"dungeonfighter {__version__}")
    chosen = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = chosen.add_parser(name, help=command.purpose, description=_sentence(command.purpose))
        if name in words[:1]:
            one.set_defaults(run=command.declare(one))
    return parser


def _sentence(purpose: str) -> str:
    return f"{purpose[0].upper()}{purpose[1:]}."


# serve


def _declare_serve(parser: argparse.ArgumentParser) -> Run:
    add_arguments(parser)
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", metavar="NUMBER:DESCRIPTOR", help=argparse.SUPPRESS)
    return _run_serve


def _run_serve(arguments: argparse.Namespace) -> int:
    from dungeonfighter import supervisor
    from dungeonfighter.telemetry.logs import set_up_logs

    settings = read_settings(vars(arguments), os.environ, stores=STORES)
    number, _, descriptor = (arguments.worker or "").partition(":")
    set_up_logs(settings.log_format, instance_name(settings) + (f"/{number}" if number else ""))
    if number:
        _on_fastest_loop(_serve_as_worker(settings, int(number), int(descriptor)))
        return 0
    if settings.workers > 1:
        return _run_workers(arguments, settings)
    listener = supervisor.listen(settings.host, settings.port)
    with contextlib.closing(listener):
        _on_fastest_loop(_serve(settings, listener, watch_stdin=arguments.until_stdin_closes))
    return 0


async def _serve(settings: Settings, listener: Any, *, watch_stdin: bool) -> None:
    """Serve in this one process."""
    from dungeonfighter import supervisor

    async with _open_host(settings) as host:
        draining, watch = _compose(settings, host)
        async with _ticking(watch):
            await supervisor.serve(
                draining,
                listener,
                drain_seconds=settings.drain_seconds,
                started=lambda: _announce(settings, listener.getsockname()),
                before_close=watch.close,
                watch_stdin=watch_stdin,
            )


def _run_workers(arguments: argparse.Namespace, settings: Settings) -> int:
    """Be the parent of `settings.workers` processes that serve."""
    from dungeonfighter import supervisor
    from dungeonfighter.workers import Workers

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
                started=lambda: _announce(settings, address),
            )  # fmt: skip
            return await workers.run(watch_stdin=arguments.until_stdin_closes)

        return asyncio.run(supervise())


async def _serve_as_worker(settings: Settings, number: int, descriptor: int) -> None:
    """Serve as one of several processes, until the parent says so or is gone."""
    import socket

    from dungeonfighter import supervisor
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.telemetry.totals import of_host
    from dungeonfighter.worker_channel import Line, Parent

    hot_games = -(-settings.max_bots_per_instance // settings.workers)
    settings = msgspec.structs.replace(settings, max_bots_per_instance=hot_games)
    async with _open_host(settings) as host:
        line = await Line.over(socket.socket(fileno=descriptor))
        parent = Parent(line, lambda: of_host(host, SystemClock().now()))
        going_down, alone = asyncio.Event(), asyncio.Event()
        async with parent.heard(drain=going_down.set, alone=alone.set):
            if not await parent.may_listen():
                return
            draining, watch = _compose(
                settings, host, totals=parent.totals, worker={"worker": number, "pid": os.getpid()}
            )
            draining.begun, draining.hurried = going_down, alone
            with contextlib.closing(supervisor.listen(settings.host, settings.port, shared=True)) as listener:
                async with _ticking(watch):
                    await supervisor.serve(
                        draining,
                        listener,
                        drain_seconds=settings.drain_seconds,
                        started=parent.tell_listening,
                        before_close=watch.close,
                        is_worker=True,
                    )


def _compose(
    settings: Settings,
    host: BotHost,
    *,
    totals: Callable[[], Totals] | None = None,
    worker: Mapping[str, int] | None = None,
) -> tuple[Draining, Watch]:
    """The application of one process, and the ticker behind its page."""
    from starlette.routing import Mount

    from dungeonfighter import supervisor
    from dungeonfighter.access.hosts import HostGuard
    from dungeonfighter.hosting.system import SystemClock
    from dungeonfighter.mcp.app import build_app
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
    draining = supervisor.Draining(app, app.offer)
    return draining, watch


@contextlib.asynccontextmanager
async def _ticking(watch: Watch) -> AsyncIterator[None]:
    watch.start()
    try:
        yield
    finally:
        await watch.close()


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


@contextlib.asynccontextmanager
async def _open_host(settings: Settings) -> AsyncIterator[BotHost]:
    """The store and the host over it; on the way out what was accepted is written."""
    from dungeonfighter.hosting.host import BotHost
    from dungeonfighter.hosting.rulebook import RuleBook
    from dungeonfighter.hosting.system import SystemChance, SystemClock
    from dungeonfighter.rules import load_rules

    store = _make_store(settings)
    await store.open()
    host = BotHost(
        store=store,
        rules=RuleBook([load_rules()]),
        clock=SystemClock(),
        chance=SystemChance(),
        hot_games_max=settings.max_bots_per_instance,
        commit_timeout_seconds=settings.commit_timeout_seconds,
    )
    try:
        yield host
    finally:
        await host.close()
        await store.close()


def _make_store(settings: Settings) -> Store:
    """The one place where a kind of database becomes a store; `settings` has refused unknown kinds."""
    database = settings.database
    if database.kind == "postgresql":
        from dungeonfighter.storage.postgres import PostgresStore

        return PostgresStore(
            database.url,
            pool_size=settings.db_pool_size,
            slow_seconds=settings.commit_timeout_seconds,
            prepared_statements=settings.db_prepared_statements == "on",
        )
    if database.kind == "memory":
        from dungeonfighter.storage.memory import MemoryStore

        return MemoryStore()
    from dungeonfighter.storage.sqlite import SqliteStore

    return SqliteStore(Path(database.path))


def _on_fastest_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


# stdio


def _declare_stdio(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("--bot", metavar="ID", help="the bot of this client: the tools then take no botId")
    parser.add_argument(
        "--toolset", choices=("core", "play"), default="play", help="which tools are listed (default play)"
    )
    add_arguments(parser, _PERSONAL, _OWN_FILE)
    return _run_stdio


def _run_stdio(arguments: argparse.Namespace) -> int:
    from dungeonfighter import limits

    settings = _personal_settings(arguments)
    if arguments.bot is not None and not limits.bot_id_pattern.match(arguments.bot):
        raise SettingsError(
            ["--bot: 1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit"]
        )
    asyncio.run(_stdio(settings, arguments.toolset, arguments.bot))
    return 0


async def _stdio(settings: Settings, toolset: Any, bot: str | None) -> None:
    """Serve until the client closes standard input, or a signal comes."""
    import signal

    from dungeonfighter.mcp.stdio import serve_stdio

    stopped = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: a signal simply ends the process there
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with _open_host(settings) as host:
        serving = asyncio.create_task(serve_stdio(host, toolset, bot))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    if stopped.is_set():
        os._exit(
            0
        )  # everything is written; a thread may still wait for standard input, and nothing can wake it
    await serving


def _personal_settings(arguments: argparse.Namespace) -> Settings:
    """Settings of a command for one person: games in the user's data folder by default, and a quiet log.

    Clients start servers in any working directory, so a file there would be another one each time.
    """
    import logging

    from dungeonfighter.telemetry.logs import set_up_logs

    flags = vars(arguments)
    if flags["database"] is None and not os.environ.get("DB_CONNECTION_STRING"):
        flags["database"] = f"sqlite:///{quote(str(_data_folder() / 'dungeonfighter.db'))}"
    settings = read_settings(flags, os.environ, stores=STORES)
    set_up_logs(settings.log_format, instance_name(settings))
    logging.getLogger().setLevel(logging.WARNING)
    return settings


def _data_folder() -> Path:
    """Where this user's own games are kept; made if it is missing.

    Raises:
        SettingsError: It cannot be made.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = base / "dungeonfighter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"cannot make {folder}: {(error.strerror or str(error)).lower()}"
        raise SettingsError([f"--db: {why}; name a file with --db sqlite:///FILE"]) from None
    return folder


# db


def _declare_db(parser: argparse.ArgumentParser) -> Run:
    chosen = parser.add_subparsers(metavar="WHAT", required=True)
    migrate = chosen.add_parser(
        "migrate", help="bring the schema up to date", description="Bring the schema up to date."
    )
    add_arguments(migrate, _DATABASE)
    return _run_migrate


def _run_migrate(arguments: argparse.Namespace) -> int:
    """Every store does what is missing when it is opened; here nothing else is done, and nothing hurries."""
    settings = read_settings(vars(arguments), os.environ, stores=STORES)
    store = _make_store(msgspec.structs.replace(settings, commit_timeout_seconds=_MIGRATION_SECONDS))

    async def migrate() -> None:
        await store.open()
        await store.close()

    asyncio.run(migrate())
    print(f"the schema is up to date: {settings.database.shown}")
    return 0


# play, fleet, ladder, demo: their own modules


def _declare_play(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter import terminal

    terminal.add_arguments(parser)
    add_arguments(parser, (*_DATABASE, "commit_timeout_seconds"), _OWN_FILE)
    return _run_play


def _run_play(arguments: argparse.Namespace) -> int:
    from dungeonfighter import terminal

    flags = vars(arguments)
    if flags["database"] is None and not os.environ.get("DB_CONNECTION_STRING"):
        flags["database"] = f"sqlite:///{quote(str(_data_folder() / 'dungeonfighter.db'))}"
    settings = read_settings(flags, os.environ, stores=STORES)
    return terminal.run(arguments, lambda: _open_host(settings))


def _declare_fleet(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.fleet import command

    command.add_arguments(parser)
    return command.run


def _declare_ladder(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.bots import ladder

    ladder.add_arguments(parser)
    return ladder.run


def _declare_demo(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter import demo

    demo.add_arguments(parser)
    return demo.run


COMMANDS: Final = {
    "serve": Command("serve MCP over HTTP, with a page to watch the bots", _declare_serve),
    "stdio": Command("serve one MCP client over standard input and output", _declare_stdio),
    "play": Command("play in the terminal", _declare_play),
    "demo": Command("start a server and let 200 bots play on it, to watch", _declare_demo),
    "fleet": Command(
        "let many bots play over MCP; measures, and checks that no turn was lost", _declare_fleet
    ),
    "db": Command("look after the database: `db migrate` brings its schema up to date", _declare_db),
    "ladder": Command("rank the built-in policies by the same runs", _declare_ladder),
}
