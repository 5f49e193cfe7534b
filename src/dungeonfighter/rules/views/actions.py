"""The effect of an action in figures: `120 %, time x1.3, stun 1`, as short as a model can read it.

Source: docs/rules.md, "Actions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import Effect, HeroAction

_ROUTES: Final = {
    "repeat": "then this slot once more",
    "first": "then the first slot",
    "skip": "then skips a slot",
    "jump2": "then slot 3",
}


def figures(row: HeroAction, worth: int = 1000) -> str:
    """Return damage (of a plain attack), time, place in the strip, statuses, healing and route.

    Args:
        worth: The factor in permille that the place in a strip gives its damage.
    """
    damage = f"{row.damage / 10:g}%" if worth == 1000 else f"{row.damage * worth // 10_000}%"
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


def placed(cat: Catalogue, strip: Sequence[int], slot: int) -> str:
    """Return the name and the figures of an action in its slot of a strip: `Haymaker+ 275%, time x1.6`.

    The damage includes the bonus of the slot, of an opener or finisher at its place, and of a set-up, which
    the + stands for.
    """
    row = cat.actions[strip[slot]]
    worth = 1000 + tables.SLOT_BONUS * slot
    if (row.opener and not slot) or (row.finisher and slot and slot == len(strip) - 1):
        worth += tables.EDGE_BONUS
    set_up = slot > 0 and cat.action_sets_up[strip[slot - 1]]
    if set_up:
        worth += tables.SET_UP_BONUS
    return f"{row.name}{'+' if set_up else ''} {figures(row, worth)}"


def _effect(effect: Effect) -> str:
    bearer = " on you" if effect.who == "self" else ""
    when = {"hit": " a hit", "critical": " on a critical"}.get(effect.on, "")
    return f"{effect.status.replace('_', ' ')} {effect.amount}{bearer}{when}"
