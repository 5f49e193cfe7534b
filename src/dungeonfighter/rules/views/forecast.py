"""The next actions of a fight: the damage of the enemy's, the times of the hero's, the chance of a flight.

The text view shows these figures in every turn of a fight, so each function is one pass: it looks up no band
and no strip, and copies no fight. Tests compare the results with what the fight then does.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.character.hero import bounds
from dungeonfighter.rules.fighting import timing
from dungeonfighter.rules.fighting.conditions import GUARDED, less, more
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.fighting.statuses import (
    ACID,
    FORTIFY,
    MARK,
    PIERCE,
    ROLL_PENALTY,
    SHIELD,
    SLOW,
    WEAKEN,
    expected,
)
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Rank, Stance
from dungeonfighter.rules.talents import Perk

_ATTACK = int(Stance.attack)
_NORMAL = int(Rank.normal)
_BOSS = int(Rank.boss)
_MOMENTUM: Final = Perk.momentum
_ESCAPES: Final = Perk.escape_artist
_COIL: Final = 1 << Relic.coil
_CHARGE = int(Intent.charge)
_CRUSH = int(Intent.crush)
_FLEE = int(Intent.flee)
_DAMAGE_MIN: Final = tables.DAMAGE_MIN
_CRITICAL_ROLL: Final = tables.ENEMY_ROLL[Band.critical]

Threat = tuple[int, int, int]
"""The damage of an action of the enemy: on a hit, on a critical, and on a hit that the hero guards."""


def threat(cat: Catalogue, hero: Hero, fight: Fight, clean: bool, intent: int) -> Threat:
    """Return the damage of an action of the enemy that does damage, if the hero attacks plainly until then.

    Args:
        clean: True if neither side has a status; most fighters have none.
    """
    base = fight.damage * tables.INTENT_DAMAGE[intent]
    hit, critical = base // 1000, base * _CRITICAL_ROLL // 1_000_000
    if cat.enemy_beats[fight.enemy_kind] == hero.kind:
        hit, critical = hit * tables.WHEEL // 1000, critical * tables.WHEEL // 1000
    guarded = hit * tables.GUARDED[intent] // 1000
    takes = hero.figures.takes
    if takes:
        off = less(takes, cat, hero, replace(fight, exposed=False) if fight.exposed else fight)
        hit, critical, guarded = hit * off // 1000, critical * off // 1000, guarded * off // 1000
    if not clean:
        return _afflicted(hero, fight, (hit, critical, guarded))
    armour, most = fight.hero_armour, hero.figures.health_max * tables.HIT_MOST // 1000
    return (
        _bounded(hit - armour, most), _bounded(critical - armour, most), _bounded(guarded - armour, most)
    )  # fmt: skip


def _bounded(damage: int, most: int) -> int:
    if damage < _DAMAGE_MIN:
        return _DAMAGE_MIN
    return damage if damage < most else most


def _afflicted(hero: Hero, fight: Fight, damage: Threat) -> Threat:
    """Return the damage after armour and the hero's statuses at the time of the action."""
    hit, critical, guarded = damage
    most = hero.figures.health_max * tables.HIT_MOST // 1000
    own = fight.hero.statuses
    weak, armour = own[WEAKEN] > 0, fight.hero_armour
    weak_guard, guard_armour = own[WEAKEN] > 1, armour
    if weak or own[ACID]:
        weak, corroded = timing.statuses_then(fight, hero.figures.period)
        armour, guard_armour = armour - corroded, max(0, armour - own[ACID])
    if fight.enemy.statuses[PIERCE]:
        armour = guard_armour = 0
    else:
        harder = own[FORTIFY] * tables.FORTIFY[fight.level]
        armour, guard_armour = armour + harder, guard_armour + harder
    then = own if weak == (own[WEAKEN] > 0) else _with_weaken(own, weak)
    guarding = own if weak_guard == (own[WEAKEN] > 0) else _with_weaken(own, weak_guard)
    return (
        expected(then, _bounded(hit - armour, most)),
        expected(then, _bounded(critical - armour, most)),
        expected(guarding, _bounded(guarded - guard_armour, most)),
    )


def _with_weaken(own: list[int], weak: bool) -> list[int]:
    changed = own.copy()
    changed[WEAKEN] = int(weak)
    return changed


def next_after(cat: Catalogue, fight: Fight, wait: int, until: int) -> tuple[int, int]:
    """Return the action that may follow the shown one, and the time until it; (-1, 0) for none.

    Of an enemy with a pattern that is the next action, whenever it comes. Of another one it is the attack
    with the most damage among those that can come before `until`.

    Args:
        wait: The time until the shown action.
        until: The time of the hero's next action.
    """
    slow = fight.enemy.statuses[SLOW]
    if fight.rank != _NORMAL:
        after = following(cat, fight)
        return after, wait + _wind_up(fight, after, slow)
    shown = fight.intent
    if wait + _wind_up(fight, 0, slow) >= until or shown == _FLEE:
        return -1, 0
    for intent in (_CRUSH,) if shown == _CHARGE else cat.enemy_attacks[fight.enemy_kind]:
        time = wait + _wind_up(fight, intent, slow)
        if time < until:
            return intent, time
    return -1, 0


def _wind_up(fight: Fight, intent: int, slow: int) -> int:
    time = fight.period * tables.INTENT_LENGTH[intent] // 1000
    return time * tables.SLOWED // 1000 if slow else time


def second_threat(cat: Catalogue, hero: Hero, fight: Fight, clean: bool, intent: int) -> Threat:
    """Return the damage of the action after the shown one, if the shown one hits the hero."""
    own = fight.hero.statuses
    if clean or not (own[MARK] or own[SHIELD]) or not tables.INTENT_DAMAGE[fight.intent]:
        return threat(cat, hero, fight, clean, intent)
    then = own.copy()
    then[MARK] = 0
    then[SHIELD] = max(0, then[SHIELD] - 1)
    return threat(cat, hero, replace(fight, hero=replace(fight.hero, statuses=then)), False, intent)


def own_times(cat: Catalogue, hero: Hero, fight: Fight) -> tuple[int, int]:
    """Return the times until the hero's next action, if this one is a plain attack and if it is a combo."""
    figures = hero.figures
    length = 1000
    combo = cat.actions[hero.strip[fight.step % len(hero.strip)]].length
    momentum = figures.perks[_MOMENTUM]
    if momentum and fight.run:
        combo = combo * max(tables.MOMENTUM_FLOOR, 1000 - momentum * fight.run) // 1000
    if figures.relics & _COIL and fight.last == GUARDED:
        length = cat.relic_amounts[Relic.coil]
        combo = combo * length // 1000
    plain, combo = figures.period * length // 1000, figures.period * combo // 1000
    if fight.hero.statuses[SLOW]:
        return plain * tables.SLOWED // 1000, combo * tables.SLOWED // 1000
    return plain, combo


def flee_faces(hero: Hero, fight: Fight) -> int:
    """Return the faces of the d20 by which a flight succeeds; 20 without a roll, 0 from a boss."""
    if fight.rank == _BOSS:
        return 0
    figures = hero.figures
    if figures.perks[_ESCAPES]:
        return 20
    faces = 21 - tables.FLEE_NEEDS + (figures.agility - 2 - fight.level) // 4
    return 0 if faces < 0 else faces if faces < 20 else 20


def thresholds(cat: Catalogue, hero: Hero, fight: Fight | None) -> tuple[int, int, int]:
    """Return the lowest rolls of a plain attack now that hit, combo, and are critical."""
    of = hero.figures
    if fight is None:
        return bounds(of.hit, of.combo, of.crit)
    hit, combo, critical = bounds(of.hit + fight.hit, of.combo + fight.combo, of.crit + fight.crit)
    penalty = tables.ROLL_PENALTY if fight.hero.statuses[ROLL_PENALTY] else 0
    if of.rolls:
        penalty -= more(of.rolls, cat, hero, fight, _ATTACK)
    return hit + penalty, combo + penalty, critical
