"""The powers of unique items in a fight, and the interruption, which one of them brings about.

Each caller tests `Figures.relics` first, so a hero without a unique item pays for one comparison.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character.hero import heal
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import damage, intents
from dungeonfighter.rules.fighting.common import ENEMY, put_status
from dungeonfighter.rules.fighting.conditions import GUARDED
from dungeonfighter.rules.fighting.statuses import MARK
from dungeonfighter.rules.state import Band, Fight, Intent, Stance, State
from dungeonfighter.rules.talents import Perk

_SPITE: Final = 1 << Relic.spite
_STOPPER: Final = 1 << Relic.stopper
_RED_LENS: Final = 1 << Relic.red_lens
_POINTING: Final = 1 << Relic.pointing
_BURRS: Final = 1 << Relic.burrs
_HARVEST: Final = 1 << Relic.harvest
_LAST_DEBT: Final = 1 << Relic.last_debt
_COIL: Final = 1 << Relic.coil
_HUNTER: Final = 1 << Relic.hunter
_LIGHT: Final = int(Intent.light)
_HEAVIES: Final = (int(Intent.heavy), int(Intent.crush))
_MISS: Final = int(Band.miss)
_POWER: Final = int(Stance.power)


def after_attack(cat: Catalogue, state: State, fight: Fight, stance: int, band: int, length: int) -> int:
    """Apply the powers that follow an attack of the hero; return the length of the attack.

    `fight.last` still holds the action before the attack.
    """
    hero = state.hero
    relics = hero.figures.relics
    if relics & _RED_LENS:
        cost = hero.figures.health_max * cat.relic_amounts[Relic.red_lens] // 1000
        lost = cost if cost < hero.health else hero.health - 1
        hero.health -= lost
        state.log.append([Event.HealthLost, lost])
    if band <= _MISS:
        if relics & _SPITE and not fight.opening:
            fight.opening = True
            state.log.append([Event.Opened])
    elif stance == _POWER:
        if fight.health <= 0:
            if relics & _HARVEST:
                state.log.append([Event.HeroHealed, heal(hero, cat.relic_amounts[Relic.harvest])])
        elif relics & _STOPPER and fight.intent in _HEAVIES:
            interrupt(cat, state, fight)
    if relics & _COIL and fight.last == GUARDED:
        return length * cat.relic_amounts[Relic.coil] // 1000
    return length


def after_guard(cat: Catalogue, state: State, fight: Fight) -> None:
    """Apply the powers that answer an attack on the hero's guard."""
    relics = state.hero.figures.relics
    if relics & _POINTING:
        put_status(cat, state, fight, ENEMY, MARK, 1)
    if relics & _BURRS:
        lost = damage.scaled_hit(state.hero, fight, cat.relic_amounts[Relic.burrs])
        fight.health -= lost
        state.log.append([Event.Countered, lost])


def spared(state: State, fight: Fight) -> bool:
    """Keep a hero without health alive, once a fight, if a unique item does so; return True then."""
    hero = state.hero
    if fight.spared or not hero.figures.relics & _LAST_DEBT:
        return False
    fight.spared = True
    hero.health = 1
    state.log.append([Event.HeldOn])
    return True


def interrupt(cat: Catalogue, state: State, fight: Fight) -> None:
    """Turn the shown action of the enemy into a light attack, half a period later."""
    state.log.append([Event.Interrupted, fight.intent])
    intents.show(cat, fight, _LIGHT)
    hero = state.hero
    more = hero.figures.perks[Perk.interrupt_mark]
    fight.enemy.next_at += fight.period * (tables.INTERRUPT_DELAY + more) // 1000
    if more:
        put_status(cat, state, fight, ENEMY, MARK, 1)
    if hero.figures.relics & _HUNTER:
        state.log.append([Event.HeroHealed, heal(hero, cat.relic_amounts[Relic.hunter])])
