"""The parts of a fight that both sides share: its beginning, the damage of statuses, healing, recovery.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character.hero import heal
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import intents, statuses
from dungeonfighter.rules.fighting.statuses import BURN, SLOW, WEAKEN
from dungeonfighter.rules.state import Fight, Fighter, State
from dungeonfighter.rules.talents import Perk

HERO = 0
ENEMY = 1
"""The two sides, as events number them."""

# Module constants, because reading an attribute of a class costs 25 ns more in Python 3.11 (measured).
_STATUS_TICKED: Final = Event.StatusTicked
_STATUS_PUT: Final = Event.StatusPut
_SECOND_WIND: Final = Perk.second_wind
_CLEAN: Final = statuses.CLEAN
_PILOT_FLAME: Final = 1 << Relic.pilot_flame


class Result:
    """The standing of a fight after an input. Plain numbers, for the reason given at `events.Event`."""

    goes_on: Final = 0
    won: Final = 1
    enemy_fled: Final = 2
    died: Final = 3
    fled: Final = 4
    stalled: Final = 5


def begin_fight(
    cat: Catalogue, state: State, enemy: int, rank: int, level: int, theme: int, grown: int = 1000
) -> Fight:
    """Start a fight with an enemy at a rank and level; the enemy shows its first intent.

    The hero acts first. A caller that wants another order changes `next_at` of either side.

    Args:
        grown: The factor in permille on the enemy's health and damage.
    """
    hero = state.hero
    kind = cat.archetypes[cat.enemy_archetype[enemy]]
    health = tables.ENEMY_HEALTH[level] * kind.health * tables.RANK_HEALTH[rank] // 1_000_000
    damage = tables.ENEMY_DAMAGE[level] * kind.damage * tables.RANK_DAMAGE[rank] // 1_000_000
    if grown != 1000:
        health, damage = health * grown // 1000, damage * grown // 1000
    ascent = cat.ascents[state.ascension]
    health, damage = health * ascent.health[rank] // 1000, damage * ascent.damage[rank] // 1000
    fight = Fight(enemy, rank, level, health, health, 0, Fighter(), Fighter())
    fight.luck = hero.figures.luck
    fight.damage = damage
    fight.period = tables.ENEMY_PERIOD * kind.time // 1000 * ascent.time[rank] // 1000
    fight.armour = level * 6 * kind.armour // 10_000
    fight.hero_armour = hero.figures.armour
    fight.theme = theme
    intents.choose(cat, fight, state.dice, 0)
    state.fight = fight
    state.log.append([Event.FightBegan, enemy, rank, level])
    return fight


def apply_hero_statuses(state: State, fight: Fight, attacks: bool) -> bool:
    """Apply the damage of the hero's statuses before the hero acts. False: the hero died.

    Args:
        attacks: True if the action is an attack, which makes bleeding count.
    """
    own = fight.hero.statuses
    hero = state.hero
    if own != _CLEAN:
        cost, corroded = statuses.apply(
            own, hero.figures.health_max, tables.STATUS_DAMAGE[fight.level], attacks
        )
        if corroded:
            fight.hero_armour -= corroded if corroded < fight.hero_armour else fight.hero_armour
        if cost:
            hero.health -= cost
            state.log.append([_STATUS_TICKED, HERO, cost])
    return hero.health > 0


def apply_enemy_statuses(cat: Catalogue, state: State, fight: Fight, attacks: bool) -> bool:
    """Apply the damage of the enemy's statuses before the enemy acts. False: the enemy died.

    Args:
        attacks: True if the action is an attack, which makes bleeding count.
    """
    own = fight.enemy.statuses
    if own != _CLEAN:
        burn = own[BURN]
        cost, corroded = statuses.apply(own, fight.health_max, tables.STATUS_DAMAGE[fight.level], attacks)
        if burn and state.hero.figures.relics & _PILOT_FLAME:
            own[BURN] = max(own[BURN], min(burn, cat.relic_amounts[Relic.pilot_flame]))
        if corroded:
            fight.armour -= corroded if corroded < fight.armour else fight.armour
        if cost:
            fight.health -= cost
            state.log.append([_STATUS_TICKED, ENEMY, cost])
    return fight.health > 0


def put_status(cat: Catalogue, state: State, fight: Fight, side: int, status: int, amount: int) -> int:
    """Put a status on one side and log it; return the amount put (0: immune, not logged)."""
    if side == HERO:
        added = statuses.inflict(fight.hero.statuses, status, amount)
    else:
        added = statuses.inflict(fight.enemy.statuses, status, amount, cat.enemies[fight.enemy_kind].undead)
    if added:
        state.log.append([_STATUS_PUT, side, status, added])
    return added


def second_wind(state: State, fight: Fight) -> None:
    hero = state.hero
    figures = hero.figures
    wind = figures.perks[_SECOND_WIND]
    if wind and not fight.winded and hero.health * 1000 < figures.health_max * tables.SECOND_WIND_BELOW:
        fight.winded = True
        state.log.append([Event.SecondWind, heal(hero, wind)])


def recover(fighter: Fighter, period: int, length: int) -> None:
    """Set the time of a fighter's next action after an action of this length; fade slow and weaken.

    Args:
        period: Game milliseconds of a plain attack.
        length: Length of the action in permille of the period.
    """
    time = period * length // 1000
    own = fighter.statuses
    if own[SLOW]:
        time = time * tables.SLOWED // 1000
        own[SLOW] -= 1
    if own[WEAKEN]:
        own[WEAKEN] -= 1
    fighter.next_at += time
