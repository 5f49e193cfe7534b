"""The command line `dungeonfighter`: parses the words, runs one command, makes the exit code.

A command is a module `dungeonfighter.commands.NAME` with two functions: `add_arguments(parser)` declares its
arguments, `run(arguments)` does the work and returns the exit code. Only the module of the requested command
is imported, so that `--help` and the small commands start at once.

Exit codes: 0 done, 1 it ran and the result is bad, 2 it could not begin (each reason is one line with its
remedy), 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final, Protocol, cast

from dungeonfighter import __version__
from dungeonfighter.errors import DungeonFighterError, SettingsError, StoreError

COMMANDS: Final = {
    "serve": "serve MCP over HTTP, with a page to watch the bots",
    "stdio": "serve one MCP client over standard input and output",
    "play": "play in the terminal",
    "demo": "start a server and let 200 bots play on it, to watch",
    "fleet": "let many bots play over MCP; measures, and checks that no turn was lost",
    "db": "look after the database: `db migrate` brings its schema up to date",
    "ladder": "rank the built-in policies by the same runs",
}
"""Each command's name and purpose, in the order of `--help`."""


class Command(Protocol):
    """The interface of a module in `dungeonfighter.commands`; `run` returns the exit code."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


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
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=purpose, description=_sentence(purpose))
        if name in words[:1]:
            command = _command(name)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser


def _command(name: str) -> Command:
    return cast("Command", importlib.import_module(f"dungeonfighter.commands.{name}"))


def _sentence(purpose: str) -> str:
    return f"{purpose[0].upper()}{purpose[1:]}."
