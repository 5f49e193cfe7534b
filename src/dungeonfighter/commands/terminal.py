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
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, NewerRules, UnknownBot
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.terminal import inventory, manual, view
from dungeonfighter.terminal.facts import NO_FACTS, Facts, facts
from dungeonfighter.terminal.pages import page_prompt, pages
from dungeonfighter.terminal.screen import Screen
from dungeonfighter.terminal.spans import Meaning, Spans

FLEET: Final = "local"
PROMPT: Final = "> "
_PROMPT_ROWS: Final = 1
_COMMAND_ROWS: Final = 1
"""The rows of the line that asked for a text, which stays above its first page."""

_LEAVING: Final = ("q", "quit", "exit")
_HELPING: Final = ("help", "?", "h")
_LOOKING: Final = ("bag", "hero", "log")
"""The commands that show a part of the game without a turn."""
_OVER: Final = "`new` begins another run, q leaves."
_UNREADABLE: Final = "The run was left as it is: `new` gives it up and begins another, q leaves."
_CLOSE: Final = 0.6
"""The least similarity of a mistyped word to the suggested one, from 0 to 1."""

_T = TypeVar("_T")


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
    screen: Screen,
    note: str = "",
) -> None:
    """Play until the person leaves.

    Args:
        bot: The id of the bot whose game it is.
        open_host: Returns a context manager that opens the store, yields a host and closes both.
        keeping: The place of the game, for the texts.
        reader: The person's lines; the end of the input and Ctrl-C end the game.
        screen: Shows the game.
        note: A sentence for the start.
    """
    with Interrupts(keeping.interrupted) as interrupts, asyncio.Runner() as runner:
        context = open_host()
        host = runner.run(_entered(context))

        def ask(prompt: str) -> str:
            with interrupts.asking():
                return reader.ask(prompt)

        game = TerminalGame(
            host, f"{FLEET}/{bot}", runner.run, ask, screen, keeping, is_paged=reader.is_typed
        )
        try:
            game.begin_or_resume()
            screen.say(f"\n(? explains what you see, q to leave{note})", Meaning.quiet)
            is_playing = True
            while is_playing:
                line = game.take_typed() or ask(PROMPT)
                reader.remember(line)
                is_playing = game.execute(line)
        except (EOFError, KeyboardInterrupt):
            screen.say("")
        finally:
            runner.run(_left(context))


class TerminalGame:
    """One person's game: shows the game and executes one line after another.

    Args:
        is_paged: Ask the person for the next page of a text that is longer than the terminal.
    """

    def __init__(
        self,
        host: BotHost,
        key: str,
        wait: Callable[[Coroutine[Any, Any, Any]], Any],
        ask: Callable[[str], str],
        screen: Screen,
        keeping: Keeping,
        *,
        is_paged: bool,
    ) -> None:
        self._host = host
        self._key = key
        self._wait = wait
        self._ask = ask
        self._screen = screen
        self._say = screen.say
        self._keeping = keeping
        self._is_paged = is_paged
        self._typed = ""
        self._game: Present | None = None

    def begin_or_resume(self) -> None:
        """Show the bot's game; begin its first run if there is none."""
        try:
            self._show(self._wait(self._host.read(self._key)))
        except UnknownBot:
            self._begin()
        except (Corrupt, NewerRules) as error:
            self._say(f"{error}.\n{_UNREADABLE}")

    def take_typed(self) -> str:
        """Return the line that was typed in place of Enter below a page, once; "" if there is none."""
        typed, self._typed = self._typed, ""
        return typed

    def execute(self, line: str) -> bool:
        """Execute one line; return False when the person wants to leave."""
        word = line.strip().lower()
        if word in _LEAVING:
            return False
        try:
            if word == "":
                self._show(self._wait(self._host.read(self._key)))
            elif word.partition(" ")[0] in _HELPING or word.startswith("?"):
                self._help(word)
            elif word.partition(" ")[0] in _LOOKING:
                self._look(*word.partition(" ")[::2])
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
        question = f"Give up the run {where}? Nobody can go on with it then. [y/N] "
        if self._answer(question, "no") in {"y", "yes"}:
            return True
        self._say("The run is kept.")
        return False

    def _begin(self) -> None:
        episode = None if self._game is None else self._game.episode + 1
        answer = self._wait(self._host.start(self._key, NewGame(), episode=episode))
        self._show(answer.game)

    def _show(self, game: Present) -> None:
        is_first, self._game = self._game is None, game
        if not is_first:
            self._say("")
        seen, of_now = _seen(game)
        lines = view.view(seen, game.episode, self._screen.canvas, of_now)
        if seen.combat is None:
            self._show_pages(lines, _PROMPT_ROWS)
        else:
            self._screen.show(lines)
        if game.state.over:
            self._say(_OVER)

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
        known = {name: name for name in ("help", "new", "quit", *_LOOKING)}
        if self._game is not None:
            for choice in self._game.rules.legal_inputs(self._game.state):
                if not choice.pattern:
                    known.setdefault(choice.label.partition(":")[0].lower(), choice.input)
        close = difflib.get_close_matches(word, known, 1, _CLOSE)
        if not close:
            return ""
        meant = known[close[0]]
        return f"\nDid you mean {meant}?" if meant == close[0] else f"\nDid you mean {meant} ({close[0]})?"

    def _help(self, line: str) -> None:
        """Explain what the screen shows, or the word after the command."""
        canvas = self._screen.canvas
        command, _, rest = line.replace("?", "? ", 1).partition(" ")
        word = rest.strip() if command in _HELPING else ""
        seen, of_now = (None, NO_FACTS) if self._game is None else _seen(self._game)
        if word:
            self._show_pages(manual.explain_word(word, canvas, of_now))
            return
        lines = [] if seen is None else manual.explain(seen, canvas, of_now)
        self._show_pages([*lines, *manual.commands(self._keeping.promise, canvas)])

    def _show_pages(self, lines: list[Spans], other_rows: int = _PROMPT_ROWS + _COMMAND_ROWS) -> None:
        """Show lines; in a terminal that is too low for them as pages, until the person types a line.

        That line is executed next, unless it is one of `_LEAVING`, which only leaves the pages.
        """
        canvas = self._screen.canvas
        given = pages(lines, canvas if self._is_paged else canvas._replace(rows=0), other_rows)
        for number, page in enumerate(given, 1):
            self._screen.show(page)
            if number == len(given):
                return
            typed = self._answer(page_prompt(number, len(given), canvas), _LEAVING[0])
            if typed:
                self._typed = "" if typed in _LEAVING else typed
                return

    def _answer(self, question: str, otherwise: str) -> str:
        """Return the person's answer in lower case, or `otherwise` for Ctrl-C and the end of the input."""
        try:
            return self._ask(question).strip().lower()
        except (EOFError, KeyboardInterrupt):
            self._say("")
            return otherwise

    def _look(self, command: str, rest: str) -> None:
        """Show the bag, the hero or the last events."""
        if self._game is None:
            self._say(_UNREADABLE)
            return
        (seen, of_now), canvas = _seen(self._game), self._screen.canvas
        if command == "hero":
            self._show_pages(manual.hero(seen, canvas, of_now))
        elif command == "log":
            self._show_pages(view.log(seen, canvas))
        elif not rest:
            self._show_pages(inventory.bag(seen.player, canvas, of_now.actions))
        else:
            number = int(rest) if rest.isdecimal() and len(rest) < 4 else 0
            lines = inventory.one(seen.player, number, canvas, of_now.actions)
            if lines:
                self._show_pages(lines)
            else:
                count = len(seen.player.bag)
                self._say(
                    f"The bag has no item {rest}; " + (f"it has 1 to {count}." if count else "it is empty.")
                )


def _seen(game: Present) -> tuple[Observation, Facts]:
    seen = game.rules.observe(game.state)
    return seen, facts(game.rules.catalogue, seen)


async def _entered(context: AbstractAsyncContextManager[_T]) -> _T:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[_T]) -> None:
    await context.__aexit__(None, None, None)
