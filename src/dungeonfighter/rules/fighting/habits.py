"""The enemies' own actions beside those of their archetypes, their rage, and the changes of bosses.

A feint deals more to a guarding hero (`tables.GUARDED`), and a crush follows a charge (`intents`); the other
actions are here.

Source: docs/rules.md, "Enemies".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import PHASES
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import statuses
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import Fight, Intent, State

_SUMMON = int(Intent.summon)
_DRAIN = int(Intent.drain)
_QUICKEN, _MOLTEN = PHASES.index("quicken"), PHASES.index("molten")
_OWN: Final = {
    int(Intent.ward): (statuses.SHIELD, tables.WARD),
    int(Intent.harden): (statuses.FORTIFY, tables.HARDEN),
    int(Intent.aim): (statuses.PIERCE, tables.AIM),
}
"""The status and amount that an enemy gives itself, by intent."""


def prepare(state: State, fight: Fight, intent: int) -> None:
    """Carry out an action that is no attack: charge, ward, harden, aim or summon."""
    own = _OWN.get(intent)
    if own is not None:
        statuses.inflict(fight.enemy.statuses, *own)
    elif intent == _SUMMON:
        gained = fight.health_max * tables.SUMMON // 1000
        fight.health_max += gained
        fight.health += gained
        fight.heals += 1
    state.log.append([Event.EnemyPrepared, intent])


def take(state: State, fight: Fight, intent: int, lost: int) -> None:
    """Apply the effect of a drain or theft that hit an unguarded hero for `lost`."""
    if intent == _DRAIN:
        gained = min(lost, fight.health_max - fight.health)
        fight.health += gained
        state.log.append([Event.EnemyHealed, gained])
        return
    hero = state.hero
    held = [number for number, count in enumerate(hero.consumables) if count]
    if held:
        number = max(held, key=lambda place: (hero.consumables[place], place))
        hero.consumables = changed(hero.consumables, number, -1)
        state.log.append([Event.Stolen, number])
    else:
        gold = min(hero.gold, tables.STOLEN_GOLD * fight.level)
        hero.gold -= gold
        state.log.append([Event.Paid, gold])


def change(cat: Catalogue, state: State, fight: Fight) -> None:
    """Change a boss whose second pattern begins, and announce it."""
    phase = cat.enemy_phase[fight.enemy_kind]
    if phase < 0:
        state.log.append([Event.PhaseChanged])
        return
    state.log.append([Event.BossChanged, phase])
    if phase == _QUICKEN:
        fight.period = fight.period * tables.QUICKENED // 1000
    elif phase == _MOLTEN:
        fight.armour = 0
        fight.damage = fight.damage * tables.MOLTEN // 1000
    else:
        gained = min(fight.health_max - fight.health, fight.health_max * tables.RISEN // 1000)
        fight.health += gained
        statuses.clear(fight.enemy.statuses)
        statuses.inflict(fight.enemy.statuses, statuses.SHIELD, tables.RISEN_SHIELD)
        state.log.append([Event.EnemyHealed, gained])


def rage(state: State, fight: Fight) -> None:
    """Let the enemy's damage grow after a guarded action."""
    fight.damage = fight.damage * tables.RAGE // 1000
    state.log.append([Event.EnemyRaged])
