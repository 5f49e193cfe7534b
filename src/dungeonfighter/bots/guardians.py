"""The heuristic's judgement of a guardian from the hub: the part of the hero's resources that it takes."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.views.observation import Observation, OfferView

HEALTH: Final = 1.2
DAMAGE: Final = 1.1
BOSS_HEALTH: Final = 2.2
BOSS_DAMAGE: Final = 1.15
"""The factors on health and damage of a guardian and of a boss."""
HOPELESS: Final = 12.0
"""The outlook from which the hero does not enter: it beats one in four of such guardians."""
DEALT: Final = 1.3
"""The mean damage of the hero's actions, in plain hits."""
TAKEN: Final = 0.6
"""The mean damage of the enemy's actions, in normal hits."""
POTION: Final = 0.35


def outlook(o: Observation, offer: OfferView) -> float:
    """Return the expected damage of a dungeon's guardian or boss, as a part of full health and of potions."""
    there = o.player.health_max * (1 + o.player.potions * POTION)
    return _loss(o, offer) / there


def _loss(o: Observation, offer: OfferView) -> float:
    p, level = o.player, offer.level
    grown = (1 + o.stirring / 100) * (1 + offer.guardian_grown / 100)
    health, damage = (BOSS_HEALTH, BOSS_DAMAGE) if offer.boss else (HEALTH, DAMAGE)
    dealt = max(3.0, p.damage * p.amplification / 1000 * DEALT)
    hit = max(3.0, tables.ENEMY_DAMAGE[level] * damage * grown - p.armour)
    hit = min(hit, p.health_max * tables.HIT_MOST / 1000)
    actions = health * tables.ENEMY_HEALTH[level] * grown / dealt * p.period / tables.ENEMY_PERIOD
    return actions * hit * TAKEN
