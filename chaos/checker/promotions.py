"""A fail-over that loses commits: where the bots stood on the former primary and on the promoted server.

The promoted server lacks exactly the positions of a bot that lie after its own and not after the former
primary's. Of these, and of no others, acknowledged calls may be missing in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    """

    promoted: dict[str, Stand]
    former: dict[str, Stand]

    def promoted_of(self, bot: str) -> Stand:
        return self.promoted.get(bot, _NO_STAND)

    def former_of(self, bot: str) -> Stand:
        return self.former.get(bot, _NO_STAND)

    def lacks(self, bot: str, place: Place) -> bool:
        """Return True if the promoted server lacked a position that the former primary had."""
        return self.promoted_of(bot).place < place <= self.former_of(bot).place

    def may_lead_back(self, bot: str, before: Place, after: Place) -> bool:
        """Return True if a bot that saw the position `before` may see `after` next."""
        return self.lacks(bot, before) and after >= self.promoted_of(bot).place


def without_fleets(promotions: Sequence[Promotion]) -> list[Promotion]:
    """Return promotions whose bots are named without their fleet, as journals name them."""
    return [
        Promotion(_without_fleet(promotion.promoted), _without_fleet(promotion.former))
        for promotion in promotions
    ]


def _without_fleet(stands: dict[str, Stand]) -> dict[str, Stand]:
    return {bot.rpartition("/")[2]: stand for bot, stand in stands.items()}


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
