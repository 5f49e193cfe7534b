"""Words that `play` adds to an observation: texts by name, wares in a sentence, factors of archetypes.

Source: docs/rules.md, "The hero", "A fight" and "Items".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.journey import wares
from dungeonfighter.rules.views.observation import Observation

_NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


class Facts(NamedTuple):
    """The words of the screens that are not in one observation.

    Attributes:
        too_dear: The wares of the hub that the hero lacks gold for.
        talents, actions, kinds: The effects in figures by the name of each talent of the hero, of each action
            that the hero knows or an item of the hero grants, and of each archetype.
    """

    too_dear: str = ""
    talents: Mapping[str, str] = _NO_TEXTS
    actions: Mapping[str, str] = _NO_TEXTS
    kinds: Mapping[str, str] = _NO_TEXTS


NO_FACTS: Final = Facts()


def facts(cat: Catalogue, seen: Observation) -> Facts:
    """Return the facts of one observation."""
    player = seen.player
    granted = [action for item in (*player.worn, *player.bag) for action in item.granted]
    known = [action.figures for action in player.actions if action.figures is not None]
    return Facts(
        too_dear=_too_dear(seen) if seen.current_state == "GameLoop" else "",
        talents=dict(zip(player.talents, player.talent_texts, strict=True)),
        actions={action.name: action.text for action in (*granted, *known)},
        kinds={row.id: _kind(row.health, row.damage, row.time, row.armour) for row in cat.archetypes},
    )


def _too_dear(seen: Observation) -> str:
    return wares.named_dear(
        (ware.label, ware.terms.cost[0].amount)
        for ware in seen.closed_actions
        if ware.reason == wares.DEAR and ware.terms is not None
    )


def _kind(health: int, damage: int, time: int, armour: int) -> str:
    """Return the factors of an archetype, which are permille."""
    return (
        f"has x{health / 1000:g} of the usual health, deals x{damage / 1000:g}, "
        f"needs x{time / 1000:g} of the time, armour x{armour / 1000:g}"
    )
