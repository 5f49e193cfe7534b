"""The enemy's actions as the heuristic reckons them: their mean cost, and their chance to kill.

Source: docs/rules.md, "The die", "A fight" and "Enemies".
"""

from __future__ import annotations

from itertools import product
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.views.observation import CombatView, Observation

FACTORS: Final = {
    "light": 0.6, "normal": 1.0, "heavy": 2.2, "status": 0.5, "feint": 1.0, "crush": 3.0, "drain": 0.7,
    "steal": 0.4,
}  # fmt: skip
GUARDED: Final = {"heavy": 0.4, "crush": 0.4, "feint": 1.8}
"""The factor of a guard by action; 0.6 for all others."""
GUARDED_USUALLY: Final = 0.6
HEAVIES: Final = frozenset(("heavy", "crush"))
INTERRUPTED: Final = frozenset(("status", "heal", "charge", "ward", "harden", "aim", "summon"))
"""The actions that a combo, a precise hit or a bomb interrupts."""
ARCHETYPES: Final = {
    "brute": 1.20, "assassin": 1.06, "knight": 0.92, "mage": 1.0, "shaman": 0.77, "beast": 1.09,
    "swarm": 0.89, "giant": 1.08, "warder": 0.85,
}  # fmt: skip
"""The mean factor of an archetype's actions, by the table of docs/rules.md, "Enemies"."""
STRONG: Final = {"brute": 1.15, "assassin": 1.05, "knight": 0.95, "mage": 1.05, "shaman": 0.85}
"""The factor of an archetype on damage, by the same table; 1 for a beast."""
RANK_DAMAGE: Final = {"elite": 1.2, "guardian": 1.1, "boss": 1.15}
HITS: Final = 0.78
HEAVY_HITS: Final = 0.88
CRITICAL: Final = 0.05
CRITICAL_DAMAGE: Final = 1.6
STATUS_WORTH: Final = 1.2
"""The cost of an inflicted status, in average actions."""


class Threats:
    """The enemy of one fight.

    Attributes:
        normal: The damage of a normal hit, as if it had no bound.
        most: The greatest damage of a hit.
        average: The mean damage of an action.
        period: The time of an action.
    """

    def __init__(self, o: Observation, c: CombatView, normal: float = 0.0) -> None:
        self.normal = normal or normal_hit(o, c)
        self.most = most_of(o)
        self._armour = o.player.armour
        self.average = min(self.most, self.normal) * ARCHETYPES.get(c.archetype, 1.0) * HITS
        self.period = float(max(1, c.enemy_period))

    def hurts(self, intent: str) -> float:
        """Return the damage of a plain hit of an action that is not shown yet."""
        factor = FACTORS.get(intent, 0.0)
        return self.hit(self.normal + self._armour, factor) if factor else 0.0

    def hit(self, raw: float, factor: float) -> float:
        """Return the damage of a hit by its damage without armour and a factor."""
        return min(self.most, max(3.0, raw * factor - self._armour))

    def raw(self, intent: str, hurts: float) -> float:
        """Return the damage without armour of an action whose plain hit hurts so much."""
        if hurts < int(self.most):
            return hurts + self._armour
        return max(hurts + self._armour, (self.normal + self._armour) * FACTORS.get(intent, 1.0))

    def hits(self, intent: str) -> float:
        """Return the mean number of plain hits that an attack is worth."""
        return HEAVY_HITS if intent in HEAVIES else HITS

    def cost(self, intent: str, hurts: float) -> float:
        """Return the mean cost of an action whose plain hit hurts so much."""
        if not hurts:
            return 0.0
        cost = hurts * self.hits(intent)
        return cost + STATUS_WORTH * self.average if intent in ("status", "steal") else cost

    def kill(self, actions: tuple[tuple[str, float], ...], health: float) -> float:
        """Return the chance that these actions take all of the health."""
        most = sum(min(self.most, hurts * CRITICAL_DAMAGE) for _, hurts in actions)
        if most < health:
            return 0.0
        total = 0.0
        for rolls in product(*(self._outcomes(intent, hurts) for intent, hurts in actions)):
            if sum(damage for _, damage in rolls) >= health:
                chance = 1.0
                for one, _ in rolls:
                    chance *= one
                total += chance
        return total

    def _outcomes(self, intent: str, hurts: float) -> tuple[tuple[float, float], ...]:
        """Return the chances of miss, hit and critical with their damage."""
        if not hurts:
            return ((1.0, 0.0),)
        hit = 0.80 if intent in HEAVIES else 0.70
        return (
            (1.0 - hit - CRITICAL, 0.0),
            (hit, hurts),
            (CRITICAL, min(self.most, hurts * CRITICAL_DAMAGE)),
        )


def most_of(o: Observation) -> float:
    """Return the greatest damage of a hit of an enemy."""
    return o.player.health_max * tables.HIT_MOST / 1000


def normal_hit(o: Observation, c: CombatView) -> float:
    """Estimate the damage of a normal hit, from the shown figure if it is not bounded, or the level."""
    factor = FACTORS.get(c.intent, 0.0)
    shown = (c.incoming + o.player.armour) / factor - o.player.armour if factor and c.incoming else 0.0
    if shown > 0.0 and c.incoming < int(most_of(o)):
        return max(3.0, shown)
    rank = RANK_DAMAGE.get(c.rank, 1.0) * STRONG.get(c.archetype, 1.0)
    grown = 1.0 + o.stirring / 100
    if c.rank in ("guardian", "boss") and o.current_dungeon is not None:
        grown *= 1.0 + o.current_dungeon.guardian_grown / 100
    return max(3.0, shown, tables.ENEMY_DAMAGE[c.level] * rank * grown - o.player.armour)
