"""A game in the terminal: a person plays on the same kind of host and store as every bot.

The store commits every input before the answer is shown, so a person who leaves in any way (q, Ctrl-C,
Ctrl-D, a closed window) loses nothing that the store keeps. The prompt blocks the main thread between two
runs of the event loop: no work is due while a person thinks.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from msgspec import Struct

from dungeonfighter.commands.terminal_input import Reader
from dungeonfighter.commands.terminal_interrupts import Interrupts
from dungeonfighter.commands.terminal_view import with_options
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, NewerRules, UnknownBot
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.hosting.host import BotHost

FLEET: Final = "local"
PROMPT: Final = "> "

_HELP: Final = """\
Type one of the inputs on the left, then Enter. Lists are typed out, for example: strip 2,0,1
  help  this help, also ? (Enter alone shows the game once more)
  new   give this run up and begin another
  q     leave; so do Ctrl-C and Ctrl-D. {kept}
In a fight the enemy shows its next action. Answer it:
  4  guard against a heavy or crushing blow, not against a feint
  2  precise to interrupt a heal, a spell or a charge, and to make an opening
  3  power into an opening, or when the enemy cannot act first
  5  potion before it is too late"""
_LEAVING: Final = ("q", "quit", "exit")
_HELPING: Final = ("help", "?", "h")
_OVER: Final = "`new` begins another run, q leaves."
_UNREADABLE: Final = "The run was left as it is: `new` gives it up and begins another, q leaves."
_CLOSE: Final = 0.6
"""The least similarity of a mistyped word to the suggested one, from 0 to 1."""

_T = TypeVar("_T")
Say = Callable[[str], None]


class Keeping(Struct, frozen=True):
    """The place of a game after the program ("" for memory), and the command that goes on from there."""

    place: str
    command: str

    @property
    def promise(self) -> str:
        return "Every input is saved." if self.place else "The game is in memory and ends with this program."

    @property
    def farewell(self) -> str:
        if not self.place:
            return "The game was in memory only and is gone; `--db sqlite:///FILE` keeps one."
        return f"The game is saved in {self.place}\nTo go on: {self.command}"

    @property
    def interrupted(self) -> str:
        what = "; no saved input is lost" if self.place else ""
        return f"stopping; Ctrl-C again ends it at once{what}"


def run(
    bot: str,
    open_host: Callable[[], AbstractAsyncContextManager[BotHost]],
    keeping: Keeping,
    *,
    reader: Reader,
    say: Say,
    note: str = "",
) -> None:
    """Play until the person leaves.

    Args:
        bot: The id of the bot whose game it is.
        open_host: Returns a context manager that opens the store, yields a host and closes both.
        keeping: The place of the game, for the texts.
        reader: The person's lines; the end of the input and Ctrl-C end the game.
        say: Shows a text.
        note: A sentence for the start.
    """
    with Interrupts(keeping.interrupted) as interrupts, asyncio.Runner() as runner:
        context = open_host()
        host = runner.run(_entered(context))

        def ask(prompt: str) -> str:
            with interrupts.asking():
                return reader.ask(prompt)

        game = TerminalGame(host, f"{FLEET}/{bot}", runner.run, ask, say, keeping)
        try:
            game.begin_or_resume()
            say(f"(? for help, q to leave{note})")
            is_playing = True
            while is_playing:
                line = ask(PROMPT)
                reader.remember(line)
                is_playing = game.execute(line)
        except (EOFError, KeyboardInterrupt):
            say("")
        finally:
            runner.run(_left(context))


class TerminalGame:
    """One person's game: shows the game and executes one line after another."""

    def __init__(
        self,
        host: BotHost,
        key: str,
        wait: Callable[[Coroutine[Any, Any, Any]], Any],
        ask: Callable[[str], str],
        say: Say,
        keeping: Keeping,
    ) -> None:
        self._host = host
        self._key = key
        self._wait = wait
        self._ask = ask
        self._say = say
        self._keeping = keeping
        self._game: Present | None = None

    def begin_or_resume(self) -> None:
        """Show the bot's game; begin its first run if there is none."""
        try:
            self._show(self._wait(self._host.read(self._key)))
        except UnknownBot:
            self._begin()
        except (Corrupt, NewerRules) as error:
            self._say(f"{error}.\n{_UNREADABLE}")

    def execute(self, line: str) -> bool:
        """Execute one line; return False when the person wants to leave."""
        word = line.strip().lower()
        if word in _LEAVING:
            return False
        try:
            if word == "":
                self._show(self._wait(self._host.read(self._key)))
            elif word in _HELPING:
                self._help()
            elif word == "new":
                if self._is_new_confirmed():
                    self._begin()
            else:
                self._play(word)
        except DungeonFighterError as error:
            self._explain(error, word)
        return True

    def _play(self, text: str) -> None:
        game = self._game
        if game is None or game.state.over:
            self._say(_UNREADABLE if game is None else f"This run is over: {_OVER}")
            return
        answer = self._wait(self._host.play(self._key, text, turn=game.turn, episode=game.episode))
        self._show(answer.game)

    def _is_new_confirmed(self) -> bool:
        """Ask before a run that has begun and lives is given up; no answer means no."""
        game = self._game
        if game is not None and (game.state.over or not game.turn):
            return True
        where = "that cannot be read here" if game is None else f"at turn {game.turn}"
        try:
            answer = self._ask(f"Give up the run {where}? Nobody can go on with it then. [y/N] ")
        except (EOFError, KeyboardInterrupt):
            self._say("")
            answer = ""
        if answer.strip().lower() in {"y", "yes"}:
            return True
        self._say("The run is kept.")
        return False

    def _begin(self) -> None:
        episode = None if self._game is None else self._game.episode + 1
        answer = self._wait(self._host.start(self._key, NewGame(), episode=episode))
        self._show(answer.game)

    def _show(self, game: Present) -> None:
        is_first, self._game = self._game is None, game
        state = game.state
        view = game.rules.text(state, f"e{game.episode} t{game.turn}")
        if state.over:
            view += f"\n{_OVER}"
        else:
            view = with_options(view, in_fight=state.fight is not None)
        self._say(view if is_first else f"\n{view}")

    def _explain(self, error: DungeonFighterError, word: str) -> None:
        """Say why a line was not executed; show the game if another player has changed it."""
        text = f"{error}; {error.hint}" if error.hint else str(error)
        if isinstance(error, BadInput):
            text += self._meant(word) or " (? for help)"
        self._say(text)
        if isinstance(error, ShowsGame):
            before, self._game = self._game, error.game
            if before is None or (before.episode, before.turn) != (error.game.episode, error.game.turn):
                self._show(error.game)

    def _meant(self, word: str) -> str:
        """Return the suggestion for a word that resembles a command or the label of a legal input."""
        known = {name: name for name in ("help", "new", "quit")}
        if self._game is not None:
            for choice in self._game.rules.legal_inputs(self._game.state):
                if not choice.pattern:
                    known.setdefault(choice.label.partition(":")[0].lower(), choice.input)
        close = difflib.get_close_matches(word, known, 1, _CLOSE)
        if not close:
            return ""
        meant = known[close[0]]
        return f"\nDid you mean {meant}?" if meant == close[0] else f"\nDid you mean {meant} ({close[0]})?"

    def _help(self) -> None:
        self._say(_HELP.format(kept=self._keeping.promise))
        if self._game is not None:
            choices = self._game.rules.observe(self._game.state).available_actions
            width = max((len(choice.input) for choice in choices), default=0)
            if choices:
                self._say("Legal now:")
            for choice in choices:
                self._say(f"  {choice.input:>{width}}  {choice.label}")


async def _entered(context: AbstractAsyncContextManager[_T]) -> _T:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[_T]) -> None:
    await context.__aexit__(None, None, None)
