"""What both sides of a fight share: how it begins, how statuses cost health, and how it can end.

Source: game.md section 4.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import intents, statuses
from dungeonfighter.rules.fighting.statuses import SLOW, WEAKEN
from dungeonfighter.rules.state import Fight, Fighter, Hero, State
from dungeonfighter.rules.talents import Perk

HERO = 0
ENEMY = 1
"""Who an event is about."""

# What a turn of a fight asks for, by its number at once: an attribute of a class costs 25 ns more (measured).
_STATUS_TICKED: Final = Event.StatusTicked
_STATUS_PUT: Final = Event.StatusPut
_SECOND_WIND: Final = Perk.second_wind
_CLEAN: Final = statuses.CLEAN


class Result:
    """How a fight stands after an input. Plain numbers, for the reason given at `events.Event`."""

    goes_on: Final = 0
    won: Final = 1
    enemy_fled: Final = 2
    died: Final = 3
    fled: Final = 4
    stalled: Final = 5


def begin(cat: Catalogue, state: State, enemy: int, rank: int, level: int, theme: int) -> Fight:
    """Put an enemy before the hero; its first intent is shown. Who acts first is the caller's to shift."""
    hero = state.hero
    kind = cat.archetypes[cat.enemy_archetype[enemy]]
    health = tables.ENEMY_HEALTH[level] * kind.health * tables.RANK_HEALTH[rank] // 1_000_000
    fight = Fight(enemy, rank, level, health, health, 0, Fighter(), Fighter())
    fight.luck = hero.figures.luck
    fight.damage = tables.ENEMY_DAMAGE[level] * kind.damage * tables.RANK_DAMAGE[rank] // 1_000_000
    fight.period = tables.ENEMY_PERIOD * kind.time // 1000
    fight.armour = level * 6 * kind.armour // 10_000
    fight.hero_armour = hero.figures.armour
    fight.theme = theme
    intents.choose(cat, fight, state.dice, 0)
    state.fight = fight
    state.log.append([Event.FightBegan, enemy, rank, level])
    return fight


def apply_hero_statuses(state: State, fight: Fight, attacks: bool) -> bool:
    """The hero is about to act: statuses cost health. False: they killed."""
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


def apply_enemy_statuses(state: State, fight: Fight, attacks: bool) -> bool:
    """The enemy is about to act: statuses cost health. False: they killed."""
    own = fight.enemy.statuses
    if own != _CLEAN:
        cost, corroded = statuses.apply(own, fight.health_max, tables.STATUS_DAMAGE[fight.level], attacks)
        if corroded:
            fight.armour -= corroded if corroded < fight.armour else fight.armour
        if cost:
            fight.health -= cost
            state.log.append([_STATUS_TICKED, ENEMY, cost])
    return fight.health > 0


def put_status(cat: Catalogue, state: State, fight: Fight, who: int, status: int, amount: int) -> int:
    """Put a status on one side, told in the log if it took; returns how much was put."""
    if who == HERO:
        added = statuses.inflict(fight.hero.statuses, status, amount)
    else:
        added = statuses.inflict(fight.enemy.statuses, status, amount, cat.enemies[fight.enemy_kind].undead)
    if added:
        state.log.append([_STATUS_PUT, who, status, added])
    return added


def hurt_hero(state: State, fight: Fight, lost: int) -> bool:
    """The hero loses health to a blow; the second wind may answer. False: dead."""
    hero = state.hero
    hero.health -= lost
    if hero.health <= 0:
        return False
    second_wind(state, fight)
    return True


def second_wind(state: State, fight: Fight) -> None:
    """The talent: once a fight, a hero left with little gets some health back."""
    hero = state.hero
    figures = hero.figures
    wind = figures.perks[_SECOND_WIND]
    if wind and not fight.winded and hero.health * 1000 < figures.health_max * tables.SECOND_WIND_BELOW:
        fight.winded = True
        state.log.append([Event.SecondWind, heal(hero, wind)])


def heal(hero: Hero, permille: int) -> int:
    """Give back so much of maximum health; returns how much it was."""
    most = hero.figures.health_max
    gained = most * permille // 1000
    if gained > most - hero.health:
        gained = most - hero.health
    hero.health += gained
    return gained


def recover(fighter: Fighter, period: int, length: int) -> None:
    """The fighter has acted: when it may again. Durations counted in actions fade."""
    time = period * length // 1000
    own = fighter.statuses
    if own[SLOW]:
        time = time * tables.SLOWED // 1000
        own[SLOW] -= 1
    if own[WEAKEN]:
        own[WEAKEN] -= 1
    fighter.next_at += time
