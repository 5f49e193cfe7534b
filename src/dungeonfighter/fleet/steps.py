"""The call that most of a load consists of, made once for all bots: one more input `1` in a run that lives.

What a bot sends at a turn, and what the answer to it begins with, differ from bot to bot by the bot's name
only. Bots of one load stand at much the same turns, so both are kept as a `Step` that all bots at that turn
share, and which leads to the next one: a bot walks from step to step. That replaces all making and taking
apart of numbers (measured: 7,000 instructions a turn).
"""

from __future__ import annotations

from typing import Final
from weakref import WeakValueDictionary

from dungeonfighter.fleet.wire import InputCalls, beginning_of_turn

ALWAYS: Final = "1"
"""The input of every step."""


class Step:
    """One call of one turn, without the bot's name.

    Attributes:
        parts: The request, cut where the name stands: `name.join(parts)`.
        answer: The body of the answer begins so if the turn was made.
        number: Of the request.
        turn: Where the run stands before it.
        following: The step after it, None before somebody has gone there; see `Steps.after`.
    """

    __slots__ = ("__weakref__", "answer", "episode", "following", "name_chars", "number", "parts", "turn")

    def __init__(self, calls: InputCalls, number: int, turn: int, episode: int, name_chars: int) -> None:
        name = "\0" * name_chars  # stands nowhere else
        self.parts = calls.request(number, name, ALWAYS, turn, episode).split(name.encode())
        self.answer = beginning_of_turn(number, episode, turn + 1)
        self.number = number
        self.turn = turn
        self.episode = episode
        self.name_chars = name_chars
        self.following: Step | None = None


class Steps:
    """All steps of a load that a bot stands at, or before a bot that comes after it; others are forgotten.

    Args:
        calls: What makes the requests.
        turns_max: No step begins at that turn or a later one.
    """

    def __init__(self, calls: InputCalls, turns_max: int) -> None:
        self._calls = calls
        self._turns_max = turns_max
        self._joined: WeakValueDictionary[tuple[int, int, int, int], Step] = WeakValueDictionary()

    def at(self, number: int, turn: int, episode: int, bot_id: str) -> Step:
        """The step for a bot that comes from elsewhere; its next request has that number."""
        key = number, turn, episode, len(bot_id)
        step = self._joined.get(key)
        if step is None:
            step = self._joined[key] = Step(self._calls, *key)
        return step

    def after(self, step: Step) -> Step | None:
        """The step that follows; None where the run is to be left."""
        turn = step.turn + 1
        if turn >= self._turns_max:
            return None
        if step.following is None:
            step.following = Step(self._calls, step.number + 1, turn, step.episode, step.name_chars)
        return step.following
