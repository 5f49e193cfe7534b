"""An estimate of the worth of actions and strips, for views that compare items and for policies.

The unit is a thousandth of a plain hit. The worth of a status is a judgement, not a rule of the game.

Source: docs/rules.md, "Actions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.tables import ROLL, SLOT_BONUS

COMBO: Final = ROLL[3]
HIT_COST: Final = 80
"""The share that armour takes of each hit."""
TIME_WORTH: Final = 950
"""The worth of the time of a plain attack."""
EFFECTS: Final = {
    # the worth of one point on the fighter that suffers it
    "poison": 110, "burn": 150, "acid": 60, "bleed": 150, "weaken": 300, "stun": 900, "slow": 300,
    "confusion": 350, "pierce": 100, "fortify": 60, "shield": 300, "roll_penalty": 90, "mark": 450,
}  # fmt: skip
_RARELY: Final = 5
"""The divisor on the worth of an effect that only a critical has."""
_HEALING: Final = 3
"""The worth of a permille of health healed."""
PLAIN: Final = COMBO - HIT_COST
"""The worth of a combo with a plain attack."""


def beside(row: HeroAction) -> int:
    """Return the worth of an action's statuses and healing."""
    worth = 0
    for effect in row.effects:
        times = row.hits if effect.on == "hit" else 1
        rarely = _RARELY if effect.on == "critical" else 1
        worth += EFFECTS.get(effect.status, 0) * effect.amount * times // rarely
    return worth + _HEALING * row.heal


def of_action(row: HeroAction) -> int:
    """Return the worth of a combo with this action, away from the edges of the strip."""
    damage = row.hits * (row.damage * COMBO // 1000 - HIT_COST * (1000 - row.pierce) // 1000)
    return damage + beside(row) - TIME_WORTH * (row.length - 1000) // 1000


def of_strip(worths: Sequence[int], slots: int) -> int:
    """Return the mean worth of a combo with the best strip, in permille of a combo with a plain attack.

    Args:
        worths: Those of the known actions; the first is the basic action, which stays in the strip.
        slots: The number of slots.
    """
    if not worths:
        return 1000
    best = sorted(worths, reverse=True)[:slots]
    if worths[0] < best[-1]:
        best[-1] = worths[0]
    filled = len(best)
    return sum(best) * (2000 + SLOT_BONUS * (filled - 1)) // (2 * PLAIN * filled)
