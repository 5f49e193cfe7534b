"""The effects of consumables in a fight.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import Consumable
from dungeonfighter.rules.character.hero import heal
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import damage, statuses
from dungeonfighter.rules.fighting.common import ENEMY, HERO, put_status
from dungeonfighter.rules.fighting.powers import interrupt
from dungeonfighter.rules.state import Fight, Hero, State

_APRON: Final = 1 << Relic.apron


def apply(cat: Catalogue, state: State, fight: Fight, number: int) -> None:
    """Apply the effect of a consumable and log it."""
    row = cat.consumables[number]
    used = [Event.ItemUsed, number, row.amount]
    state.log.append(used)
    effect = _EFFECTS.get(row.effect)
    if effect is not None:
        used[2] = effect(cat, state, fight, row)
    if row.status:
        bearer = ENEMY if row.who == "foe" else HERO
        amount = row.amount if row.effect == "status" else 1
        put_status(cat, state, fight, bearer, cat.consumable_status[number], amount)
    if row.input == tables.POTION:
        statuses.clear(fight.hero.statuses, (statuses.POISON,))
        if state.hero.figures.relics & _APRON:
            put_status(cat, state, fight, HERO, statuses.SHIELD, cat.relic_amounts[Relic.apron])


def bomb_damage(hero: Hero, fight: Fight, permille: int) -> int:
    """Return the damage of a bomb: `permille` of a plain hit, and a share of the enemy's maximum health."""
    share = fight.health_max * tables.BOMB_SHARE[fight.rank] // 1000
    return damage.scaled_hit(hero, fight, permille) + share


def _heal(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    return heal(state.hero, row.amount)


def _cleanse(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    statuses.clear(fight.hero.statuses)
    return heal(state.hero, row.amount)


def _damage(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    lost = statuses.taken(fight.enemy.statuses, bomb_damage(state.hero, fight, row.amount))
    fight.health -= lost
    if fight.health > 0 and fight.intent in tables.INTERRUPTED:
        interrupt(cat, state, fight)
    return lost


def _interrupt(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    interrupt(cat, state, fight)
    return row.amount


def _luck(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    fight.luck += row.amount
    return row.amount


def _open(cat: Catalogue, state: State, fight: Fight, row: Consumable) -> int:
    fight.opening = True
    return row.amount


_EFFECTS: Final[dict[str, Callable[[Catalogue, State, Fight, Consumable], int]]] = {
    "heal": _heal,
    "cleanse": _cleanse,
    "damage": _damage,
    "interrupt": _interrupt,
    "luck": _luck,
    "opening": _open,
}
