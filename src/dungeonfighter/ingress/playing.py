"""The messages in hand: they are played in the order of their bots, and each ends in one outcome.

Of the messages of one bot one is with the host at a time, and the next one follows its outcome. Messages of
different bots go to the host together, so that they share batches of group commit. A message that cannot be
played now, because of the store or of the load, waits here and is tried again; its producer hears nothing.

Source: docs/ingress.md, "Replies".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import (
    DungeonFighterError,
    NewerRules,
    OutcomeUnknown,
    Overloaded,
    StoreError,
    Unauthenticated,
)
from dungeonfighter.hosting.answers import Answer, NewGame, Present
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.ingress.messages import Command, Reason, encode
from dungeonfighter.ingress.ports import Delivery
from dungeonfighter.telemetry.tokens import count_tokens

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 2.0
"""The pauses before a message that waits is tried again."""


class Views(Protocol):
    """The forms of a game and of an error in replies, and the options of a start."""

    def text(self, game: Present) -> str: ...

    def json(self, game: Present) -> str: ...

    def error(self, error: DungeonFighterError) -> str:
        """Return what a tool answers: a line, and below it the present game if the error shows one."""

    def new_game(self, options: str) -> NewGame:
        """Decode the options of a start.

        Raises:
            BadInput: bad_argument.
        """


class Task(Struct, eq=False):
    """A message in hand."""

    delivery: Delivery
    command: Command
    tries: int = 0


class Outcomes(Protocol):
    """Receives the outcome of each task, once."""

    def reply(self, task: Task, fields: dict[str, str]) -> None:
        """The message is played, or its error is final."""

    def bury(self, delivery: Delivery, reason: Reason) -> None:
        """The message is a dead letter."""

    def drop(self, task: Task) -> None:
        """The message is left to another consumer, or to this one later."""

    def wait(self, task: Task) -> None:
        """The message waits, and not through its own fault; called once for a task, before its outcome."""

    def refuse(self, error: Unauthenticated) -> None:
        """The token of the ingress is not valid any more."""


class Playing:
    """Plays messages for one fleet.

    Args:
        host: Plays.
        admission, principal: Decide about each message.
        views: Writes the replies.
        outcomes: Receives what became of each message.
        held: Returns the streams of this consumer; a message of another stream is not begun.
    """

    def __init__(
        self, host: BotHost, admission: Admission, principal: Principal, views: Views, outcomes: Outcomes,
        held: Callable[[], Collection[int]],
    ) -> None:  # fmt: skip
        self._host = host
        self._admit = admission.admit
        self._principal = principal
        self._id_from = len(principal.fleet) + 1
        self._views = views
        self._outcomes = outcomes
        self._held = held
        self._daily_tokens = host.daily_tokens
        self._lines: dict[str, deque[Task] | None] = {}
        """The tasks of each bot that wait for the one that is being played; None for none."""
        self._waiting: dict[Task, asyncio.TimerHandle] = {}
        self._is_stopping = False

    def take(self, tasks: Iterable[Task]) -> None:
        """Begin messages, or put them into the lines of their bots."""
        lines = self._lines
        begun = []
        for task in tasks:
            bot = task.command.bot
            if bot not in lines:
                lines[bot] = None
                begun.append(task)
                continue
            line = lines[bot]
            if line is None:
                line = lines[bot] = deque()
            line.append(task)
        self._begin(begun)

    def stop_waiting(self) -> None:
        """Drop the messages that wait for the store, now and from now on; the others come to their end."""
        self._is_stopping = True
        waiting, self._waiting = self._waiting, {}
        for task, timer in waiting.items():
            timer.cancel()
            self._drop(task)

    def abandon(self) -> None:
        """Begin nothing more; the host still finishes what it has."""
        self.stop_waiting()
        self._lines = dict.fromkeys(self._lines)

    def _begin(self, tasks: Iterable[Task]) -> None:
        self._host.begin_plays(self._plays(tasks), self)

    def _plays(self, tasks: Iterable[Task]) -> Iterator[tuple[str, str, int | None, int | None, Task]]:
        """Admit tasks; yield those that play an input, and begin the others."""
        admit, principal, id_from = self._admit, self._principal, self._id_from
        for task in tasks:
            command = task.command
            try:
                admit(principal, "play", command.bot[id_from:], 1)
                if command.start is not None:
                    options = self._views.new_game(command.start)
                    self._host.begin_start(command.bot, options, command.episode, self, task)
                    continue
            except Exception as error:  # noqa: BLE001 (each message fails by itself)
                self.deliver(task, error)
                continue
            yield command.bot, command.input, command.turn, command.episode, task

    def render(self, task: Task, answer: Answer) -> dict[str, str]:
        """Return the fields of the reply; the host calls this while the state is in memory."""
        game, view = answer.game, task.command.view
        return encode(
            task.command, "repeated" if answer.repeated else "ok",
            episode=game.episode, turn=game.turn, is_over=game.state.over,
            text=self._views.text(game) if view == "text" else "",
            json=self._views.json(game) if view == "json" else "",
        )  # fmt: skip

    def deliver(self, task: Task, rendered: dict[str, str] | Exception) -> None:
        """Receive the outcome of one task from the host."""
        if isinstance(rendered, Exception):
            self._fail(task, rendered)
        else:
            self._reply(task, rendered)

    def _fail(self, task: Task, error: Exception) -> None:
        if isinstance(error, StoreError | Overloaded):
            self._wait(task, error)
        elif isinstance(error, Unauthenticated):
            self._outcomes.refuse(error)
            self._drop(task)
        elif isinstance(error, DungeonFighterError):
            self._reply(task, self._error_fields(task.command, error))
        else:
            logger.error("a message of %s broke", task.command.bot, exc_info=error)
            self._outcomes.bury(task.delivery, "internal")
            self._next(task)

    def _error_fields(self, command: Command, error: DungeonFighterError) -> dict[str, str]:
        game = error.game if isinstance(error, ShowsGame) else None
        text = self._views.error(error)
        shows_json = command.view == "json" and game is not None
        return encode(
            command, "error", code=error.code,
            episode=game.episode if game else None, turn=game.turn if game else None,
            is_over=game is not None and game.state.over,
            text=text if command.view == "text" else text.partition("\n\n")[0],
            json=self._views.json(game) if shows_json and game else "",
        )  # fmt: skip

    def _reply(self, task: Task, fields: dict[str, str]) -> None:
        if self._daily_tokens is not None:
            tokens = sum(count_tokens(fields[name]) for name in ("text", "json") if name in fields)
            self._daily_tokens.count(task.command.bot, tokens)
        self._outcomes.reply(task, fields)
        self._next(task)

    def _wait(self, task: Task, error: DungeonFighterError) -> None:
        """Try a task later; the tasks behind it wait, too."""
        if self._is_stopping:
            self._drop(task)
            return
        if task.tries == 0:
            self._outcomes.wait(task)
        if isinstance(error, NewerRules | OutcomeUnknown):
            logger.warning("a message of %s waits: %s", task.command.bot, error)
        pause = min(PAUSE_SECONDS * 2**task.tries, PAUSE_SECONDS_MAX)
        task.tries = min(task.tries + 1, 10)
        self._waiting[task] = asyncio.get_running_loop().call_later(pause, self._retry, task)

    def _retry(self, task: Task) -> None:
        del self._waiting[task]
        self._begin_if_held(task)

    def _next(self, task: Task) -> None:
        """Begin the next task of the same bot."""
        bot = task.command.bot
        line = self._lines[bot]
        if line:
            self._begin_if_held(line.popleft())
        else:
            del self._lines[bot]

    def _begin_if_held(self, task: Task) -> None:
        if task.delivery.stream in self._held():
            self._begin((task,))
        else:
            self._drop(task)

    def _drop(self, task: Task) -> None:
        """Drop a task and those behind it: a later turn of a bot does not overtake an earlier one."""
        self._outcomes.drop(task)
        for other in self._lines.pop(task.command.bot) or ():
            self._outcomes.drop(other)
