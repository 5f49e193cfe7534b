"""The words of statuses with what their present amounts do: `bleed 3 (-12)`.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Status
from dungeonfighter.rules.views.sentences import STATUSES

LISTS_MAX: Final = 4096
"""The greatest number of status lists that the cache keeps."""


def _change(permille: int) -> str:
    return f"{(permille - 1000) // 10:+d}%"


_BRIEF: Final = {
    Status.poison: "-{lost}",
    Status.burn: "-{lost}",
    Status.acid: "-{lost}, armour -{amount}",
    Status.bleed: "-{lost}",
    Status.weaken: _change(tables.WEAKENED),
    Status.stun: "skips its action",
    Status.slow: _change(tables.SLOWED),
    Status.confusion: "half hit itself",
    Status.pierce: "ignores armour",
    Status.fortify: "armour +{armour}",
    Status.shield: "half",
    Status.roll_penalty: f"-{tables.ROLL_PENALTY}",
    Status.mark: _change(tables.MARKED),
}
"""The effects as briefly as the text view needs them."""
_FULL: Final = {
    Status.poison: "loses {lost} hp at each action",
    Status.burn: "loses {lost} hp at the next action, then less",
    Status.acid: "loses {lost} hp and {amount} armour at the next action, then less",
    Status.bleed: "loses {lost} hp at the next attack, then less",
    Status.weaken: f"takes {_change(tables.WEAKENED)} damage for {{amount}} actions",
    Status.stun: "skips the next action",
    Status.slow: f"needs {_change(tables.SLOWED)} time for {{amount}} actions",
    Status.confusion: "strikes itself one time in two at the next {amount} attacks",
    Status.pierce: "ignores armour at the next {amount} attacks",
    Status.fortify: "has {armour} more armour in this fight",
    Status.shield: f"takes {_change(tables.SHIELDED)} damage of the next {{amount}} hits",
    Status.roll_penalty: f"rolls -{tables.ROLL_PENALTY} at the next {{amount}} attacks",
    Status.mark: f"takes {_change(tables.MARKED)} damage of the next hit",
}


def meaning(status: int, amount: int, level: int, health_max: int, *, briefly: bool = False) -> str:
    """Return what a status of this amount does to its bearer.

    Args:
        level: The level of the fight.
        health_max: The bearer's maximum health.
    """
    weight = tables.STATUS_DAMAGE[level]
    lost = amount * weight
    if status == Status.poison:
        lost = amount * health_max * tables.POISON // 1000
    elif status == Status.acid:
        lost = amount * weight // 2
    words = (_BRIEF if briefly else _FULL)[Status(status)]
    return words.format(lost=lost, amount=amount, armour=amount * tables.FORTIFY[level])


@lru_cache(LISTS_MAX)
def listed(amounts: tuple[int, ...], level: int, health_max: int) -> str:
    """Return the statuses of a fighter as the text view lists them: `, bleed 3 (-12)`.

    Most fighters have one or two small statuses, so few lists occur, and the cache has most of them.
    """
    return "".join([
        f", {STATUSES[n]}{f' {amount}' if tables.STATUS_CAP[n] > 1 else ''} "
        f"({meaning(n, amount, level, health_max, briefly=True)})"
        for n, amount in enumerate(amounts) if amount
    ])  # fmt: skip
