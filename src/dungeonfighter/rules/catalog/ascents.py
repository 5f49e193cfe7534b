"""Ascensions: what the first rows of `ascensions.json` change together, by their number.

Source: docs/rules.md, "Modes and ascensions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dungeonfighter.rules.catalog.model import Ascension
from dungeonfighter.rules.state import Rank

_RANKS: Final = {"normal": (Rank.normal,), "elite": (Rank.elite,), "guardian": (Rank.guardian, Rank.boss)}
FACTORS_UP: Final = tuple(f"{what}_{rank}" for what in ("damage", "health") for rank in _RANKS)
"""The keys whose amount is a factor in permille above 1000."""
FACTORS_DOWN: Final = tuple(f"time_{rank}" for rank in _RANKS)
"""The keys whose amount is a factor in permille from 1 to 999."""
COUNTS: Final = ("allowance", "dark", "goods", "stock", "surprise")
"""The keys whose amount is a number above 0."""
KEYS: Final = (*FACTORS_UP, *FACTORS_DOWN, *COUNTS)


class Ascent(NamedTuple):
    """The changes of one ascension; factors are permille.

    Attributes:
        damage, health, time: Factors on an enemy's damage, health and period, by `Rank`.
        allowance: Turns by which the allowance is shorter.
        dark: Permille of doors that are dark beyond the usual ones.
        goods: How many fewer of each consumable a run begins with.
        stock: How many fewer potions the hub sells.
        surprise: Faces of the entry die beyond the usual ones that surprise the hero.
    """

    damage: tuple[int, ...] = (1000,) * len(Rank)
    health: tuple[int, ...] = (1000,) * len(Rank)
    time: tuple[int, ...] = (1000,) * len(Rank)
    allowance: int = 0
    dark: int = 0
    goods: int = 0
    stock: int = 0
    surprise: int = 0


def ascents(rows: Sequence[Ascension]) -> tuple[Ascent, ...]:
    """Return the changes by ascension, from 0 (none) to the number of rows."""
    found = [Ascent()]
    for row in rows:
        found.append(_with(found[-1], row.key, row.amount))
    return tuple(found)


def _with(ascent: Ascent, key: str, amount: int) -> Ascent:
    what, _, rank = key.partition("_")
    before = getattr(ascent, what)
    if not rank:
        return ascent._replace(**{what: before + amount})
    factors = tuple(
        factor * amount // 1000 if number in _RANKS[rank] else factor for number, factor in enumerate(before)
    )
    changed: dict[str, Any] = {what: factors}
    return ascent._replace(**changed)
