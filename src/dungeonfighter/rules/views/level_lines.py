"""The lines at a new level: what has grown, and what the choice of a talent depends on.

Source: docs/tools.md, "Views"; docs/rules.md, "The hero".
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.state import Hero
from dungeonfighter.rules.views import actions
from dungeonfighter.rules.views.classes import CLASSES, STATS


def level_lines(cat: Catalogue, hero: Hero) -> list[str]:
    held = ", ".join(cat.talents[number].name for number in hero.talents)
    strip = ", ".join(cat.actions[number].name for number in hero.strip)
    own = f"{CLASSES[hero.kind]}; strip {strip}; `talents`: {held or 'none'}."
    return [f"Grown: {', '.join(grown(cat, hero))}.", own]


def grown(cat: Catalogue, hero: Hero) -> list[str]:
    """Return what the present level has brought, in words: stats, health, a slot, an action with figures."""
    parts = [
        f"{STATS[hero.kind]} +{tables.STAT_GAIN}",
        f"others +{tables.OTHER_GAIN}",
        f"max hp +{tables.HEALTH_PER_LEVEL}{_healed()}",
    ]
    if slot := new_slot(hero):
        parts.append(f"strip slot {slot}")
    return [*parts, *(f"learned {actions.listed(cat, action)}" for action in learned(cat, hero))]


def new_slot(hero: Hero) -> int:
    """Return the slot of the strip that the present level has brought; 0 for none."""
    return hero.figures.slots if hero.class_points[hero.kind] in tables.TIERS else 0


def learned(cat: Catalogue, hero: Hero) -> list[int]:
    """Return the actions that the present level has taught."""
    points = hero.class_points[hero.kind]
    before, after = cat.learned[hero.kind][points - 1], cat.learned[hero.kind][points]
    return [action for action in after if action not in before]


def _healed() -> str:
    return f", healed {tables.LEVEL_HEALS // 10}%" if tables.LEVEL_HEALS else ""
