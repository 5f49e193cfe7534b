"""The memory of a bridge: the positions of its bots, and the calls whose answers the client did not get.

A client that lost an answer repeats the call, often with a new id and without numbers. The repeat gets the
numbers of the first call, unless the client has seen the game since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.bridge import numbers
from dungeonfighter.bridge.messages import Message, RequestId
from dungeonfighter.bridge.numbers import Kind, Position

BOTS_MAX: Final = 10_000
ALL_STEPS: Final = " steps"
"""The key of a list of steps; no bot id has a space."""


class Sent(Struct, frozen=True):
    """A call that was sent: as the client gave it, and its arguments with numbers."""

    key: str
    tool: str
    given: dict[str, Any]
    numbered: dict[str, Any]


class Memory:
    """The positions of the bots, and the calls without an answer, at most one for each bot.

    Calls that change something are sent one after another.

    Attributes:
        epoch: The number of times that such a call began or ended, so it is odd while one is under way.

    Args:
        is_bound: All calls are for one bot. Otherwise a call that names no bot is for one whose id only the
            server knows, so it may be any of the others.
    """

    def __init__(self, *, is_bound: bool) -> None:
        self.epoch = 0
        self._is_bound = is_bound
        self._positions: OrderedDict[str, Position] = OrderedDict()
        self._lost: OrderedDict[str, Sent] = OrderedDict()
        self._last: tuple[RequestId, Sent] | None = None

    @property
    def positions(self) -> Mapping[str, Position]:
        return self._positions

    def unknown(self, bots: Iterable[str]) -> list[str]:
        """Return those of the bots whose position is not known, in order."""
        return sorted(bot for bot in bots if bot not in self._positions)

    def lost(self, key: str, message: Message) -> Sent | None:
        """Return the call without an answer that a message repeats."""
        sent = self._lost.get(key)
        if sent is None or (sent.tool, sent.given) != (message.tool, message.arguments):
            return None
        return sent

    def begin(self, sent: Sent, bots: Iterable[str]) -> None:
        """Remember a call that is about to be sent; only its answer will tell where its bots stand."""
        self.epoch += 1
        if sent.numbered != sent.given:
            _put(self._lost, sent.key, sent)
        for bot in bots:
            self._positions.pop(bot, None)
            self._forget_aliases(bot)

    def end(self) -> None:
        """Note that the call under way has ended, with or without an answer."""
        self.epoch += 1

    def answered(self, own_id: RequestId, sent: Sent) -> None:
        """Note that the client gets the answer to a call."""
        if self._lost.get(sent.key) == sent:
            del self._lost[sent.key]
        self._last = (own_id, sent)

    def was_too_late(self, own_id: RequestId) -> None:
        """Note that the client did not wait for an answer that was written last."""
        if self._last is not None and self._last[0] == own_id:
            _, sent = self._last
            _put(self._lost, sent.key, sent)

    def found(self, bot: str, position: Position) -> None:
        """Note the position of a bot that the bridge has asked for."""
        _put(self._positions, bot, position)

    def played(self, kind: Kind, bot: str, result: Mapping[str, Any], before: Mapping[str, Position]) -> None:
        """Note where the answer to a call leaves its bots.

        Args:
            kind: The kind of the tool.
            bot: The bot of the call.
            result: The answer.
            before: The positions before the call, which hold where the answer shows none.
        """
        found = numbers.steps_in(result) if kind is Kind.STEPS else {}
        position = None if kind is Kind.STEPS else numbers.position_in(result)
        if position is not None:
            found[bot] = position
        for name in found:
            self._lost.pop(name, None)
        for name, known in {**before, **found}.items():
            _put(self._positions, name, known)

    def read(self, bot: str, result: Mapping[str, Any], epoch: int) -> None:
        """Note what an answer that changed nothing shows, unless a call was under way meanwhile.

        Args:
            bot: The bot of the answer.
            result: The answer.
            epoch: The epoch when its request was sent.
        """
        position = numbers.position_in(result)
        if position is None or epoch % 2 or epoch != self.epoch:
            return
        self._lost.pop(bot, None)
        self._lost.pop(ALL_STEPS, None)
        self._last = None
        if self._positions.get(bot, position) <= position:
            _put(self._positions, bot, position)

    def _forget_aliases(self, bot: str) -> None:
        if self._is_bound:
            return
        if bot:
            self._positions.pop("", None)
        else:
            self._positions.clear()


def _put(kept: OrderedDict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > BOTS_MAX:
        kept.popitem(last=False)
