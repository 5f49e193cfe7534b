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
    kind, points = hero.kind, hero.class_points[hero.kind]
    parts = [f"{STATS[kind]} +3", "others +1", f"max hp +{tables.HEALTH_PER_LEVEL}{_healed()}"]
    if points in tables.TIERS:
        parts.append(f"strip slot {hero.figures.slots}")
    before, after = cat.learned[kind][points - 1], cat.learned[kind][points]
    parts += [f"learned {actions.listed(cat, action)}" for action in after if action not in before]
    return parts


def _healed() -> str:
    return f", healed {tables.LEVEL_HEALS // 10}%" if tables.LEVEL_HEALS else ""
