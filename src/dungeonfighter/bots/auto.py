"""A policy of few inputs: it fights with `auto`, equips better items, rests, camps, and drinks when hurt."""

from __future__ import annotations

from typing import Final

from dungeonfighter.bots import chores
from dungeonfighter.rules.views.observation import Observation

LOW_SHARE: Final = 0.35
REST_SHARE: Final = 0.5


class Auto:
    """The `auto` policy; it sends input 1 wherever it has no rule."""

    name = "auto"

    def choose(self, o: Observation) -> str:
        legal = chores.legal_inputs(o)
        match o.current_state:
            case "WeaponSelection":
                return chores.weapon_for(o)
            case "Combat":
                return _in_combat(o, legal)
            case "GameLoop":
                return _at_hub(o, legal)
            case "Dungeon":
                return _in_dungeon(o, legal)
            case "RegionTravel":
                return "1" if o.road else chores.furthest_region(legal)
        return "1"


def _in_combat(o: Observation, legal: frozenset[str]) -> str:
    if chores.health_share(o) < LOW_SHARE and "5" in legal:
        return "5"
    return "9" if "9" in legal else "1"


def _at_hub(o: Observation, legal: frozenset[str]) -> str:
    if equip := chores.better_item(o, legal):
        return equip
    if chores.health_share(o) < REST_SHARE and "4" in legal:
        return "4"
    if "3" in legal and chores.region_is_done(o):
        return "3"
    return "1"


def _in_dungeon(o: Observation, legal: frozenset[str]) -> str:
    room = o.current_room
    if room is None or room.phase != "cleared":
        return "1"
    if equip := chores.better_item(o, legal):
        return equip
    if chores.health_share(o) < REST_SHARE and "3" in legal:
        return "3"
    if chores.health_share(o) < LOW_SHARE and "5" in legal:
        return "5"
    return "1"
