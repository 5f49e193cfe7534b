"""The worth and the words of bonuses under a condition and of the powers of unique items.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import ne
from typing import Final

from dungeonfighter.rules.bonuses import (
    DEALS,
    PERK,
    PERK_WORTH,
    RELIC,
    ROLLS,
    TAKES,
    loss,
    words,
)
from dungeonfighter.rules.catalog.catalogue import Catalogue

ROLL_WORTH: Final = 45
"""Permille of the hero's damage that 1 on each attack roll adds."""
GAINS_NAMED: Final = 2
LOSSES_NAMED: Final = 1
"""The changed and the lost bonuses that a text names; of more it gives the number."""
_BEGINNINGS: Final = ("damage taken ", "damage ", "protection ", "rolls ")
FACTOR_MIN: Final = 500
FACTOR_MAX: Final = 2500
_PERK_WORTH: Final = tuple(PERK_WORTH.values())


def factor(cat: Catalogue, level: int, amounts: Sequence[int]) -> int:
    """Return the factor in permille on fighting strength.

    Args:
        level: The hero's level.
        amounts: Those of `Catalogue.bonuses`.
    """
    shares = cat.shares[level]
    more = less = 0
    # A hero has few of the many bonuses, and `compress` is faster than a loop over all of them.
    for (kind, which), amount in zip(compress(cat.bonuses, amounts), filter(None, amounts), strict=True):
        if kind == DEALS:
            more += amount * shares[which] // 1000
        elif kind == TAKES:
            less += amount * shares[which] // 1000
        elif kind == ROLLS:
            more += amount * shares[which] * ROLL_WORTH // 1000
        elif kind == PERK:
            more += amount * _PERK_WORTH[which] // 100
        elif kind == RELIC:
            more += cat.items[cat.relic_items[which]].score
    whole = (1000 + more) * 1000 // (1000 - (less if less < 500 else 500))
    return min(FACTOR_MAX, max(FACTOR_MIN, whole))


def changes(cat: Catalogue, now: Sequence[int], then: Sequence[int]) -> list[str]:
    """Return the changed bonuses in words: "damage +18 % to undead", and "loses rolls after a miss" last."""
    gained, lost = [], []
    for place in [*compress(range(len(now)), map(ne, now, then))]:
        (kind, which), before, after = cat.bonuses[place], now[place], then[place]
        power = cat.items[cat.relic_items[which]].power if kind == RELIC else ""
        if after:
            gained.append(_power(power) if power else words(kind, which, after - before))
        else:
            lost.append(_power(power) if power else loss(kind, which))
    for parts in (gained, lost):
        parts[:] = _shared(parts)
    for parts, most in ((gained, GAINS_NAMED), (lost, LOSSES_NAMED)):
        if len(parts) > most:
            parts[most:] = [f"{len(parts) - most} more"]
    return [*gained, f"loses {', '.join(lost)}"] if lost else gained


def _shared(parts: Sequence[str]) -> list[str]:
    """Return the parts, each without the beginning that it shares with the one before: "damage", "rolls"."""
    shown, before = [], ""
    for part in parts:
        beginning = next((words for words in _BEGINNINGS if part.startswith(words)), "")
        shown.append(part.removeprefix(beginning) if beginning == before else part)
        before = beginning
    return shown


def _power(words: str) -> str:
    return f"{words[0].lower()}{words[1:]}"
