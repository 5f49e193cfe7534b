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
from dungeonfighter.errors import DungeonFighterError, SettingsError, StoreError

Run = Callable[[argparse.Namespace], int]


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


def _declare_serve(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import serve

    serve.add_arguments(parser)
    return serve.run


def _declare_stdio(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import stdio

    stdio.add_arguments(parser)
    return stdio.run


def _declare_db(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import db

    db.add_arguments(parser)
    return db.run


def _declare_play(parser: argparse.ArgumentParser) -> Run:
    from dungeonfighter.commands import play

    play.add_arguments(parser)
    return play.run


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
