"""The facts of a run that the observation lacks: talents and actions in figures, what a level brought.

Source: docs/rules.md, "The hero", "A fight" and "Items".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import wares
from dungeonfighter.rules.state import Hero, Phase, State
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import actions, item_lines, level_lines

_NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


class Facts(NamedTuple):
    """The facts of one state.

    Attributes:
        region: The name of the region.
        is_repeat: True if this turn cleared a level that had been cleared before.
        grown: What the new level has brought; empty where no talent is to choose.
        too_dear: The wares of the hub that the hero lacks gold for.
        bonuses: What raises the next action of the strip: "opener", "finisher", "set up".
        is_braced: True if a talent keeps power from exposing the hero.
        has_changed: True if the boss has made its change of half health.
        found: The number of items at the end of the bag that came this turn.
        talents, actions, kinds: The effects in figures by the name of each talent of the hero, of each action
            that the hero knows or an item of the hero grants, and of each archetype.
    """

    region: str = ""
    is_repeat: bool = False
    grown: tuple[str, ...] = ()
    too_dear: str = ""
    bonuses: tuple[str, ...] = ()
    is_braced: bool = False
    has_changed: bool = False
    found: int = 0
    talents: Mapping[str, str] = _NO_TEXTS
    actions: Mapping[str, str] = _NO_TEXTS
    kinds: Mapping[str, str] = _NO_TEXTS


NO_FACTS: Final = Facts()


def facts(cat: Catalogue, state: State) -> Facts:
    """Return the facts of a state."""
    someone = state.hero
    items = [item for item in (*someone.worn, *someone.bag) if item is not None]
    granted = {number for item in items for number in item.actions} | set(someone.figures.known)
    return Facts(
        region=cat.regions[state.world.region].name,
        is_repeat=bool(state.reward) and not state.reward[5] and _clears(state),
        grown=tuple(level_lines.grown(cat, someone)) if state.phase == Phase.LevelUp else (),
        too_dear=wares.lacking(wares.at_hub(cat, state)) if state.phase == Phase.GameLoop else "",
        bonuses=() if state.fight is None else tuple(_bonuses(cat, someone, state.fight.step)),
        is_braced=state.fight is not None and bool(someone.figures.perks[Perk.power_armour]),
        has_changed=state.fight is not None and state.fight.low,
        found=item_lines.found_now(state),
        talents={cat.talents[number].name: cat.talents[number].text for number in someone.talents},
        actions={cat.actions[number].name: actions.figures(cat.actions[number]) for number in granted},
        kinds={row.id: _kind(row.health, row.damage, row.time, row.armour) for row in cat.archetypes},
    )


def _clears(state: State) -> bool:
    return any(event[0] == Event.DungeonCleared for event in state.log[state.turn_start :])


def _bonuses(cat: Catalogue, someone: Hero, step: int) -> Iterator[str]:
    strip = someone.strip
    slot = step % len(strip)
    row = cat.actions[strip[slot]]
    if row.opener and slot == 0:
        yield "opener"
    if row.finisher and slot and slot == len(strip) - 1:
        yield "finisher"
    if slot and cat.action_sets_up[strip[slot - 1]]:
        yield "set up"


def _kind(health: int, damage: int, time: int, armour: int) -> str:
    """Return the factors of an archetype, which are permille."""
    return (
        f"has x{health / 1000:g} of the usual health, deals x{damage / 1000:g}, "
        f"needs x{time / 1000:g} of the time, armour x{armour / 1000:g}"
    )
