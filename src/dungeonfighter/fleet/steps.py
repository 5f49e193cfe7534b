"""Shared steps: the most frequent call of a load, encoded once for all bots.

That call is one more input `1` in a run that lives. Its request and the beginning of its answer differ from
bot to bot by the bot's name only. Bots of one load stand at much the same turns, so all bots at a turn share
one `Step`, which holds both and refers to the next step. That saves encoding and decoding the numbers
(measured: 7,000 instructions a turn).
"""

from __future__ import annotations

from typing import Final
from weakref import WeakValueDictionary

from dungeonfighter.fleet.wire import InputCalls, beginning_of_turn

ALWAYS: Final = "1"
"""The input of every step."""


class Step:
    """The call of one turn, without the bot's name.

    Attributes:
        parts: The request, cut where the name stands: `name.join(parts)`.
        answer: The beginning of the answer's body if the turn was made.
        number: The number of the request.
        turn: The turn of the run before the call.
        following: The next step; None until a bot has taken it, see `Steps.after`.
    """

    __slots__ = ("__weakref__", "answer", "episode", "following", "name_chars", "number", "parts", "turn")

    def __init__(self, calls: InputCalls, number: int, turn: int, episode: int, name_chars: int) -> None:
        name = "\0" * name_chars  # occurs nowhere else in a request
        self.parts = calls.request(number, name, ALWAYS, turn, episode).split(name.encode())
        self.answer = beginning_of_turn(number, episode, turn + 1)
        self.number = number
        self.turn = turn
        self.episode = episode
        self.name_chars = name_chars
        self.following: Step | None = None


class Steps:
    """All steps that a bot can still reach; Python frees the others.

    A step keeps the steps after it alive, and only bots keep a first step alive.

    Args:
        calls: Encodes the requests.
        turns_max: No step begins at that turn or a later one.
    """

    def __init__(self, calls: InputCalls, turns_max: int) -> None:
        self._calls = calls
        self._turns_max = turns_max
        self._joined: WeakValueDictionary[tuple[int, int, int, int], Step] = WeakValueDictionary()

    def at(self, number: int, turn: int, episode: int, bot_id: str) -> Step:
        """Return the step of a bot at that turn whose next request has that number."""
        key = number, turn, episode, len(bot_id)
        step = self._joined.get(key)
        if step is None:
            step = self._joined[key] = Step(self._calls, *key)
        return step

    def after(self, step: Step) -> Step | None:
        """Return the next step; None where the bot must leave the run."""
        turn = step.turn + 1
        if turn >= self._turns_max:
            return None
        if step.following is None:
            step.following = Step(self._calls, step.number + 1, turn, step.episode, step.name_chars)
        return step.following
