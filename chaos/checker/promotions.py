"""A fail-over that loses commits: where the bots stood on the former primary and on the promoted server.

The promoted server lacks exactly the positions of a bot that lie after its own and not after the former
primary's. Of these, and of no others, acknowledged calls may be missing in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from chaos.checker.stored import Place


class Stand(Struct, frozen=True, array_like=True):
    """A position of a bot with its digest in hexadecimal digits."""

    episode: int
    turn: int
    digest: str = ""

    @property
    def place(self) -> Place:
        return Place(self.episode, self.turn)


_NO_STAND = Stand(0, 0)


class Promotion(Struct, frozen=True):
    """One promotion. Bots are named with or without their fleet; a bot without a row has no entry.

    Attributes:
        promoted: The position of each bot on the promoted server, read before its first own write.
        former: The last position of each bot on the former primary, read when nobody writes there any more.
        former_ends: The last turns of the ended runs of each bot on the former primary, by their numbers.
            Without them it is not known where a run ended that the promoted server lacks the end of.
    """

    promoted: dict[str, Stand]
    former: dict[str, Stand]
    former_ends: dict[str, dict[int, int]] = {}

    def promoted_of(self, bot: str) -> Stand:
        return self.promoted.get(bot, _NO_STAND)

    def former_of(self, bot: str) -> Stand:
        return self.former.get(bot, _NO_STAND)

    def lacks(self, bot: str, place: Place) -> bool:
        """Return True if the promoted server lacked a position that the former primary may have had."""
        if not self.promoted_of(bot).place < place <= self.former_of(bot).place:
            return False
        end = self._end_of(bot, place)
        return end is None or place.turn <= end

    def surely_lacks(self, bot: str, place: Place) -> bool:
        """Return True if it is certain that the former primary had such a position."""
        return self.lacks(bot, place) and self._end_of(bot, place) is not None

    def _end_of(self, bot: str, place: Place) -> int | None:
        former = self.former_of(bot)
        if place.episode == former.episode:
            return former.turn
        return self.former_ends.get(bot, {}).get(place.episode)


def floor(promotions: Sequence[Promotion], bot: str, place: Place) -> Place:
    """Return the earliest position to which promotions, in their order, may lead a bot back."""
    for promotion in promotions:
        if promotion.lacks(bot, place):
            place = promotion.promoted_of(bot).place
    return place


def was_never(promotions: Sequence[Promotion], bot: str, place: Place, digest: str) -> bool:
    """Return True if a lost position is known to have had another digest on each former primary."""
    stands = [one.former_of(bot) for one in promotions if one.lacks(bot, place)]
    is_known = bool(stands) and all(stand.place == place for stand in stands)
    return is_known and bool(digest) and digest not in {stand.digest for stand in stands}


def without_fleets(promotions: Sequence[Promotion]) -> list[Promotion]:
    """Return promotions whose bots are named without their fleet, as journals name them."""
    return [
        Promotion(_without_fleet(one.promoted), _without_fleet(one.former), _without_fleet(one.former_ends))
        for one in promotions
    ]


_Value = TypeVar("_Value")


def _without_fleet(by_bot: dict[str, _Value]) -> dict[str, _Value]:
    return {bot.rpartition("/")[2]: value for bot, value in by_bot.items()}


def read_promotions(path: Path) -> list[Promotion]:
    """Read a JSON file with one promotion, or with a list of them.

    Raises:
        ValueError: The file does not hold promotions.
        OSError: It cannot be read.
    """
    try:
        read = msgspec.json.decode(path.read_bytes(), type=Promotion | list[Promotion])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} does not hold promotions: {error}") from None
    return [read] if isinstance(read, Promotion) else read
