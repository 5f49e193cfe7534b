"""A game in the terminal: a person plays on the same kind of host and store as every bot.

The store commits every input before the answer is shown, so a person who leaves in any way (q, Ctrl-C,
Ctrl-D, a closed window) loses nothing. The prompt blocks the main thread between two runs of the event loop:
no work is due while a person thinks, and Ctrl-C is an ordinary exception there.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import textwrap
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, DungeonFighterError
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.hosting.host import BotHost

FLEET: Final = "local"
COLUMNS_MIN: Final = 20

_HELP: Final = """\
Type one of the inputs on the left, then Enter. Lists are typed out, for example: strip 2,0,1
  ?    this help and every input that is legal now
  new  give this run up and begin another
  q    leave (so do Ctrl-C and Ctrl-D); the game is saved after every input
Enemies show what they do next. Answer it: 4 guard against a heavy blow, 2 precise to interrupt a heal or a
spell and to finish, 3 power when the enemy cannot act first, 5 a potion before it is too late."""

_T = TypeVar("_T")
Ask = Callable[[str], str]
Say = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the game; the settings have arguments of their own."""
    parser.add_argument("--bot", default="hero", metavar="ID", help="whose game to play (hero)")


def run(
    arguments: argparse.Namespace,
    open_host: Callable[[], AbstractAsyncContextManager[BotHost]],
    *,
    ask: Ask = input,
    say: Say | None = None,
) -> int:
    """Play until the person leaves; return 0, or 2 when the game could not begin.

    Args:
        arguments: Has the attribute `bot`.
        open_host: Returns a context manager that opens the store, yields a host and closes both.
        ask: Shows a prompt and returns a line; EOFError and KeyboardInterrupt end the game.
        say: Shows a text; the default wraps it to the width of the terminal.
    """
    say = say or _print_wrapped
    if not limits.is_bot_id(arguments.bot):
        print(f"play: not a bot id: {arguments.bot!r}", file=sys.stderr)
        return 2
    with asyncio.Runner() as runner:
        context = open_host()
        host = runner.run(_entered(context))
        game = TerminalGame(host, f"{FLEET}/{arguments.bot}", runner.run, say)
        try:
            game.begin_or_resume()
            while game.execute(ask("> ")):
                pass
        except (EOFError, KeyboardInterrupt):
            say("")
        finally:
            runner.run(_left(context))
        say(f"The game is saved; `dungeonfighter play --bot {arguments.bot}` goes on from here.")
    return 0


def wrapped(text: str, columns: int) -> str:
    """Break lines longer than `columns` between words; indent the continuation by two more columns."""
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
        lines += textwrap.wrap(
            line,
            max(columns, COLUMNS_MIN),
            subsequent_indent=indent,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


def _print_wrapped(text: str) -> None:
    print(wrapped(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text)


class TerminalGame:
    """One person's game: shows the game and executes one line after another."""

    def __init__(
        self, host: BotHost, key: str, wait: Callable[[Coroutine[Any, Any, Any]], Any], say: Say
    ) -> None:
        self._host = host
        self._key = key
        self._wait = wait
        self._say = say
        self._game: Present | None = None

    def begin_or_resume(self) -> None:
        """Show the bot's game; begin its first run if there is none."""
        try:
            self._show(self._wait(self._host.read(self._key)))
        except BadInput as error:
            if error.code != "unknown_bot":
                raise
            self._begin()
        self._say("(? for help, q to leave)")

    def execute(self, line: str) -> bool:
        """Execute one line; return False when the person wants to leave."""
        word = line.strip().lower()
        if word in {"q", "quit", "exit"}:
            return False
        try:
            if word == "":
                self._show(self._wait(self._host.read(self._key)))
            elif word == "?":
                self._help()
            elif word == "new":
                self._begin()
            else:
                self._play(word)
        except DungeonFighterError as error:
            self._say(f"{error.code}: {error}" + (f"; {error.hint}" if error.hint else ""))
            if isinstance(error, ShowsGame):
                self._game = error.game
        return True

    def _play(self, text: str) -> None:
        game = self._game
        assert game is not None
        if game.state.over:
            self._say("This run is over. `new` begins another, q leaves.")
            return
        answer = self._wait(self._host.play(self._key, text, turn=game.turn, episode=game.episode))
        self._show(answer.game)

    def _begin(self) -> None:
        episode = None if self._game is None else self._game.episode + 1
        answer = self._wait(self._host.start(self._key, NewGame(), episode=episode))
        self._show(answer.game)

    def _show(self, game: Present) -> None:
        self._game = game
        self._say(game.rules.text(game.state, f"e{game.episode} t{game.turn}"))

    def _help(self) -> None:
        self._say(_HELP)
        if self._game is not None:
            for choice in self._game.rules.legal_inputs(self._game.state):
                self._say(f"  {choice.input:<12} {choice.label}")


async def _entered(context: AbstractAsyncContextManager[_T]) -> _T:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[_T]) -> None:
    await context.__aexit__(None, None, None)
