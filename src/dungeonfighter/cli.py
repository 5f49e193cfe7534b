"""The command `dungeonfighter`: its words, and how it ends.

Each command is one function that declares its arguments and returns what runs it; only the command that was
asked for is imported, so that `--help` and the small commands start at once. Exit codes: 0 done, 1 it ran and
the result is bad, 2 it could not begin (each reason is one line with its remedy), 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dungeonfighter import __version__
from dungeonfighter.commands.db import run_migrate
from dungeonfighter.commands.personal import run_play, run_stdio
from dungeonfighter.commands.serve import run_serve
from dungeonfighter.errors import DungeonFighterError, SettingsError, StoreError
from dungeonfighter.settings import add_arguments

Run = Callable[[argparse.Namespace], int]

_DATABASE: Final = ("database", "db_pool_size", "db_prepared_statements")
_OWN_FILE: Final = "dungeonfighter.db in your user data folder"
_PERSONAL: Final = (*_DATABASE, "catalog", "commit_timeout_seconds", "log_format")


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
        return _refuse(f"{error}; {error.hint or 'choose another place with --db sqlite:///FILE'}")
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
    return run_serve


# stdio


def _declare_stdio(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("--bot", metavar="ID", help="the bot of this client: the tools then take no botId")
    parser.add_argument(
        "--toolset",
        choices=("core", "play", "fleet"),
        default="play",
        help="which tools are listed (default play)",
    )
    add_arguments(parser, _PERSONAL, _OWN_FILE)
    return run_stdio


# db


def _declare_db(parser: argparse.ArgumentParser) -> Run:
    chosen = parser.add_subparsers(metavar="WHAT", required=True)
    migrate = chosen.add_parser(
        "migrate",
        help="bring the schema up to date",
        description="Bring the schema up to date, as every server does at its start, and build the indexes "
        "of large tables (PostgreSQL), which no server does. Servers may play on meanwhile.",
    )
    add_arguments(migrate, _DATABASE)
    return run_migrate


# play, fleet, ladder, demo: their own modules


def _declare_play(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import terminal

    terminal.add_arguments(parser)
    add_arguments(parser, (*_DATABASE, "catalog", "commit_timeout_seconds"), _OWN_FILE)
    return run_play


def _declare_fleet(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.fleet import command

    command.add_arguments(parser)
    return command.run


def _declare_ladder(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.bots import ladder

    ladder.add_arguments(parser)
    return ladder.run


def _declare_demo(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import demo

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
