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
        normal: The damage of a normal hit.
        average: The mean damage of an action.
        period: The time of an action.
    """

    def __init__(self, o: Observation, c: CombatView, normal: float = 0.0) -> None:
        self.normal = normal or normal_hit(o, c)
        self._armour = o.player.armour
        self.average = self.normal * ARCHETYPES.get(c.archetype, 1.0) * HITS
        self.period = float(max(1, c.enemy_period))

    def hurts(self, intent: str) -> float:
        """Return the damage of a plain hit of an action that is not shown yet."""
        factor = FACTORS.get(intent, 0.0)
        return max(3.0, (self.normal + self._armour) * factor - self._armour) if factor else 0.0

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
        most = sum(hurts for _, hurts in actions) * CRITICAL_DAMAGE
        if most < health:
            return 0.0
        total = 0.0
        for rolls in product(*(_outcomes(intent, hurts) for intent, hurts in actions)):
            if sum(damage for _, damage in rolls) >= health:
                chance = 1.0
                for one, _ in rolls:
                    chance *= one
                total += chance
        return total


def _outcomes(intent: str, hurts: float) -> tuple[tuple[float, float], ...]:
    """Return the chances of miss, hit and critical with their damage."""
    if not hurts:
        return ((1.0, 0.0),)
    hit = 0.80 if intent in HEAVIES else 0.70
    return ((1.0 - hit - CRITICAL, 0.0), (hit, hurts), (CRITICAL, hurts * CRITICAL_DAMAGE))


def normal_hit(o: Observation, c: CombatView) -> float:
    """Estimate the damage of a normal hit, from the shown figure or else from the level."""
    factor = FACTORS.get(c.intent, 0.0)
    if factor and c.incoming:
        return max(3.0, (c.incoming + o.player.armour) / factor - o.player.armour)
    rank = RANK_DAMAGE.get(c.rank, 1.0) * STRONG.get(c.archetype, 1.0)
    grown = 1.0 + o.stirring / 100
    if c.rank in ("guardian", "boss") and o.current_dungeon is not None:
        grown *= 1.0 + o.current_dungeon.guardian_grown / 100
    return max(3.0, tables.ENEMY_DAMAGE[c.level] * rank * grown - o.player.armour)
