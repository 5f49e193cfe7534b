"""The effect of an action in figures: `120 %, time x1.3, stun 1`, as short as a model can read it.

Source: docs/rules.md, "Actions".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import Effect, HeroAction

_ROUTES: Final = {
    "repeat": "then this slot once more",
    "first": "then the first slot",
    "skip": "then skips a slot",
    "jump2": "then slot 3",
}


def figures(row: HeroAction) -> str:
    """Return damage (of a plain attack), time, place in the strip, statuses, healing and route."""
    damage = f"{row.damage / 10:g}%"
    parts = [damage if row.hits == 1 else f"{row.hits} x {damage}"]
    if row.length != 1000:
        parts.append(f"time x{row.length / 1000:g}")
    if row.opener:
        parts.append("opener")
    if row.finisher:
        parts.append("finisher")
    if row.pierce:
        parts.append(f"ignores {row.pierce / 10:.0f}% armour")
    parts += [_effect(effect) for effect in row.effects]
    if row.heal:
        parts.append(f"heals {row.heal / 10:g}%")
    if row.route:
        parts.append(f"{_ROUTES[row.route]} (INT 10)")
    return ", ".join(parts)


def listed(cat: Catalogue, number: int) -> str:
    """Return the name and the figures of an action: `Haymaker 190 %, time x1.6`."""
    row = cat.actions[number]
    return f"{row.name} {figures(row)}"


def _effect(effect: Effect) -> str:
    bearer = " on you" if effect.who == "self" else ""
    when = {"hit": " a hit", "critical": " on a critical"}.get(effect.on, "")
    return f"{effect.status.replace('_', ' ')} {effect.amount}{bearer}{when}"
