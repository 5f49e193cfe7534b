"""The names of the classes and of their stats, by weapon kind, and the class wheel.

Source: docs/rules.md, "The hero".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.state import Hero

CLASSES: Final = ("Barbarian", "Warrior", "Rogue", "Wizard")
STATS: Final = ("STR", "AGI", "TEC", "INT")


def wheel_side(cat: Catalogue, hero: Hero, enemy: int) -> int:
    """Return 1 if the hero's class beats the enemy's, -1 if it is beaten, else 0."""
    if cat.enemy_beaten_by[enemy] == hero.kind:
        return 1
    return -(cat.enemy_beats[enemy] == hero.kind)
