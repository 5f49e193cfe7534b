"""The command line `dungeonfighter`: parses the words, runs one command, makes the exit code.

A command is a module `dungeonfighter.commands.NAME`, with `_` for `-`. It has two functions:
`add_arguments(parser)` declares its arguments, `run(arguments)` does the work and returns the exit code. Only
the module of the requested command is imported, so that `--help` and the small commands start at once.

Exit codes: 0 done, 1 failed, 2 wrong words or settings, 130 interrupted before it was done. Each error is one
line on standard error that begins with `dungeonfighter COMMAND: `.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, Protocol, cast

from dungeonfighter import __version__
from dungeonfighter.errors import BadInput, DungeonFighterError, SettingsError, StoreError


class Summary(NamedTuple):
    """The purpose of a command, and one example of its use."""

    purpose: str
    example: str


COMMANDS: Final = {
    "serve": Summary(
        "serve MCP over HTTP, with a page to watch the bots", "serve --port 8000 --db sqlite:///games.db"
    ),
    "stdio": Summary("serve one MCP client over standard input and output", "stdio --bot ada"),
    "connect": Summary(
        "let one MCP client that only speaks stdio play at a remote server",
        "connect https://play.example.org --bot ada --token-file token.txt",
    ),
    "play": Summary("play in the terminal", "play --bot ada"),
    "demo": Summary("start a server and let 200 bots play on it, to watch", "demo --bots 50 --seconds 30"),
    "fleet": Summary(
        "let many bots play over MCP; measures, and checks that no turn was lost",
        "fleet http://127.0.0.1:8000 --bots 50 --policy heuristic --seconds 20",
    ),
    "ingress": Summary(
        "play the messages of a queue, Redis Streams or RabbitMQ; `ingress dead-letters` shows the others",
        "ingress --queue redis://127.0.0.1:6379/0 --db sqlite:///games.db",
    ),
    "bots": Summary(
        "look at bots in the database, export or delete one: `bots list`, `show`, `export`, `delete`",
        "bots list --by turns --top 10",
    ),
    "db": Summary(
        "look after the database: its schema, imports, copies, backups, and whether every row is sound",
        "db backup monday.db --db sqlite:///games.db",
    ),
    "replay": Summary(
        "execute a run again, from a file or a database, and say if it is as recorded",
        "replay --bot ada --episode 3 --db sqlite:///games.db -o ada-3.json",
    ),
    "trajectories": Summary(
        "write runs as data for training: JSON Lines or Parquet, one line per turn",
        "trajectories --fleet team-a --db sqlite:///games.db -o runs.jsonl",
    ),
    "token": Summary(
        "say who may play: `token create` makes an access token",
        "token create --fleet team-a --bots 'a-*' --expires 30d",
    ),
    "verify-run": Summary(
        "check a row of a leaderboard offline, from the file that get_replay gave", "verify-run run.json"
    ),
    "doctor": Summary(
        "say what is wrong with a server or a database, in one text without secrets",
        "doctor http://127.0.0.1:8000 --db sqlite:///games.db",
    ),
    "plan": Summary(
        "say how many machines a number of bots needs, and their price a month",
        "plan --bots 80000 --every 10 --unit-costs costs.json",
    ),
    "ladder": Summary(
        "rank the built-in policies by the same runs", "ladder --seeds 20 --policies attack,heuristic"
    ),
    "lab": Summary(
        "measure the rules: what each kind of decision is worth, exploits, choices, frozen fights",
        "lab ladder --seeds 0-99 --player heuristic --without guard,power",
    ),
    "catalog": Summary(
        "play with content files of your own: `catalog copy` writes the packaged ones, `check` checks yours",
        "catalog check my-game",
    ),
}
"""The commands in the order of `--help`."""

_CLOSE: Final = 0.6
"""The least similarity of a mistyped word to the suggested one, from 0 to 1."""


class Command(Protocol):
    """The interface of a module in `dungeonfighter.commands`; `run` returns the exit code."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


class Parser(argparse.ArgumentParser):
    """A parser whose errors have the form of all errors of the command line.

    The parsed arguments have the attribute `parser`, which is the parser of the innermost subcommand.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ')}\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with the words that are no arguments here, and the nearest option."""
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        known = [option for option in self._option_string_actions if option.startswith("--")]
        meant = _meant(options[0], known) if options else ""
        self.error(f"unknown argument: {' '.join(options or unknown)}{meant} (--help lists all arguments)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parse(words)
    from dungeonfighter.commands.outcomes import CommandFailed

    parser: Parser = arguments.parser
    try:
        code = int(arguments.run(arguments))
        if sys.stdout is not None:  # the process may have been started without it
            sys.stdout.flush()
    except CommandFailed as error:
        return _report(parser, [str(error)], error.exit_code)
    except SettingsError as error:
        return _report(parser, error.problems, 2)
    except BadInput as error:
        return _report(parser, [_with_hint(error)], 2)
    except StoreError as error:
        return _report(parser, [_with_hint(error) if error.hint else f"{error}{_remedy(arguments)}"], 1)
    except DungeonFighterError as error:
        return _report(parser, [_with_hint(error)], 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    return code


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = _parser(words)
    first = words[0] if words else ""
    if first and not first.startswith("-") and first not in COMMANDS:
        parser.error(f"no command is called {first!r}{_meant(first, COMMANDS)} (--help lists all commands)")
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        (arguments.parser if first in COMMANDS else parser).refuse(unknown)
    return arguments


def _report(parser: argparse.ArgumentParser, problems: Iterable[str], code: int) -> int:
    for problem in problems:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
    return code


def _with_hint(error: DungeonFighterError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def _remedy(arguments: argparse.Namespace) -> str:
    """Return the advice for a database that does not answer, without its password."""
    from dungeonfighter.connection_strings import Problem
    from dungeonfighter.setting_fields import FIELDS
    from dungeonfighter.settings import read_setting

    field = next(field for field in FIELDS if field.attribute == "database")
    with contextlib.suppress(Problem):
        database = read_setting(field, vars(arguments), os.environ)
        if database is not None and database.kind == "postgresql":
            return (
                f" ({database.shown}); check that PostgreSQL runs there and accepts connections from here, "
                "and that host, port, database, user and password in --db or DB_CONNECTION_STRING are right"
            )
    return "; choose another place with --db sqlite:///FILE"


def _discard_output() -> None:
    """Let the interpreter flush standard output at its end without an error."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, _CLOSE)
    return f"; did you mean {close[0]}?" if close else ""


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="dungeonfighter",
        description="A dungeon-crawling RPG for AI agents, served over the Model Context Protocol (MCP).",
        epilog="To begin:\n"
        "  dungeonfighter demo     watch bots play\n"
        "  dungeonfighter play     play yourself\n"
        "  dungeonfighter serve    a server for your own agents",
    )
    parser.add_argument("--version", action="version", version=f"dungeonfighter {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (purpose, example) in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=f"Example: dungeonfighter {example}",
        )
        if name in words[:1]:
            command = _command(name)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser


def _command(name: str) -> Command:
    module = f"dungeonfighter.commands.{name.replace('-', '_')}"
    return cast("Command", importlib.import_module(module))
