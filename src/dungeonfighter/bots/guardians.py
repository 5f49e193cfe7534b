"""The heuristic's judgement of a guardian before its door: the part of the hero's resources that it takes."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.views.observation import Observation, OfferView

HEALTH: Final = 1.2
DAMAGE: Final = 1.1
BOSS_HEALTH: Final = 2.2
BOSS_DAMAGE: Final = 1.15
"""The factors on health and damage of a guardian and of a boss."""
HOPELESS: Final = 9.0
"""The outlook from which the hero leaves a guardian alone: it beats one in four of them."""
DEALT: Final = 1.3
"""The mean damage of the hero's actions, in plain hits."""
TAKEN: Final = 0.6
"""The mean damage of the enemy's actions, in normal hits."""
POTION: Final = 0.35


def outlook(o: Observation) -> float:
    """Return the expected damage of the dungeon's guardian or boss, as a part of health and potions."""
    dungeon = o.current_dungeon
    if dungeon is None:
        return 0.0
    return _loss(o, dungeon.level, dungeon.guardian_grown, boss=dungeon.boss) / _resources(o, o.player.health)


def outlook_of(o: Observation, offer: OfferView) -> float:
    """Return the same for the guardian of an offered dungeon, met with full health."""
    return _loss(o, offer.level, offer.guardian_grown, boss=offer.boss) / _resources(o, o.player.health_max)


def _loss(o: Observation, level: int, percent: int, *, boss: bool) -> float:
    p = o.player
    grown = (1 + o.stirring / 100) * (1 + percent / 100)
    health, damage = (BOSS_HEALTH, BOSS_DAMAGE) if boss else (HEALTH, DAMAGE)
    dealt = max(3.0, p.damage * p.amplification / 1000 * DEALT)
    hit = max(3.0, tables.ENEMY_DAMAGE[level] * damage * grown - p.armour)
    actions = health * tables.ENEMY_HEALTH[level] * grown / dealt * p.period / tables.ENEMY_PERIOD
    return actions * hit * TAKEN


def _resources(o: Observation, health: int) -> float:
    return health + o.player.potions * POTION * o.player.health_max
