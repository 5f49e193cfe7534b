"""The next plain hit of either side: its damage, by the sums of `damage` for that case, and its rolls.

The text view shows both in every turn of a fight, so each is one pass: it looks up no band, strip or stance,
and copies no fight. It takes a third of the instructions of `combat.incoming` and `combat.outgoing`
(counted). A test compares the results of both ways.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.character.hero import bounds
from dungeonfighter.rules.fighting.conditions import less, more
from dungeonfighter.rules.fighting.statuses import (
    ACID,
    CLEAN,
    FORTIFY,
    MARK,
    PIERCE,
    ROLL_PENALTY,
    SHIELD,
    WEAKEN,
    apply,
    expected,
)
from dungeonfighter.rules.fighting.timing import statuses_then
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Rank, Stance
from dungeonfighter.rules.talents import Perk

_ATTACK = int(Stance.attack)
_DEFEND = int(Intent.defend)
_CRITICAL = int(Band.critical)
_HEAVY = int(Intent.heavy)
_NORMAL = int(Rank.normal)
_EXECUTIONER: Final = Perk.executioner
_LAST_STAND: Final = Perk.last_stand
_GIANT_SLAYER: Final = Perk.giant_slayer
_DAMAGE_MIN: Final = tables.DAMAGE_MIN
_FORTIFIES: Final = tables.FORTIFY

_OWN: Final = 1_000_000_000 // (tables.ROLL[Band.hit] * tables.STANCE_DAMAGE[Stance.attack])
_ENEMY: Final = 1_000_000 // tables.ENEMY_ROLL[Band.hit]
"""The divisors of the damage of a plain hit. Both are powers of ten, so one division loses nothing."""


def incoming(cat: Catalogue, hero: Hero, fight: Fight, clean: bool, *, critical: bool = False) -> int:
    """Return the result of `combat.incoming` for a fight whose shown intent does damage.

    Args:
        clean: True if neither side has a status; most fighters have none.
        critical: True for the damage of a critical instead of a hit.
    """
    intent = fight.intent
    damage = fight.damage * tables.INTENT_DAMAGE[intent] // _ENEMY
    if critical:
        damage = fight.damage * tables.INTENT_DAMAGE[intent] * tables.ENEMY_ROLL[_CRITICAL] // 1_000_000
    if cat.enemy_beats[fight.enemy_kind] == hero.kind:
        damage = damage * tables.WHEEL // 1000
    if fight.guarding:
        damage = damage * tables.GUARDED[intent] // 1000
    takes = hero.figures.takes
    if takes:
        fight = replace(fight, exposed=False) if fight.exposed else fight
        damage = damage * less(takes, cat, hero, fight) // 1000
    most = hero.figures.health_max * tables.HIT_MOST // 1000
    if clean:
        damage -= fight.hero_armour
        if damage > most:
            return most
        return damage if damage > _DAMAGE_MIN else _DAMAGE_MIN
    own = fight.hero.statuses
    weak, armour = own[WEAKEN] > 0, fight.hero_armour
    if weak or own[ACID]:
        weak, corroded = statuses_then(fight, hero.figures.period)
        armour -= corroded
    if not fight.enemy.statuses[PIERCE]:
        damage -= armour + own[FORTIFY] * _FORTIFIES[fight.level]
    if damage < _DAMAGE_MIN:
        damage = _DAMAGE_MIN
    elif damage > most:
        damage = most
    if weak:
        damage = damage * tables.WEAKENED // 1000
    if own[MARK]:
        damage = damage * tables.MARKED // 1000
    return damage * tables.SHIELDED // 1000 if own[SHIELD] else damage


def outgoing(cat: Catalogue, hero: Hero, fight: Fight, clean: bool) -> int:
    """Return the result of `combat.outgoing` for a fight; `clean` as above."""
    figures = hero.figures
    perks = figures.perks
    damage = figures.damage * figures.amp // _OWN
    deals = figures.deals
    if deals:
        then = hero if clean else replace(hero, health=_health_then(hero, fight))
        damage = damage * (1000 + more(deals, cat, then, fight, _ATTACK)) // 1000
    if cat.enemy_beaten_by[fight.enemy_kind] == hero.kind:
        damage = damage * tables.WHEEL // 1000
    if perks[_EXECUTIONER] and fight.health * 1000 < fight.health_max * tables.WOUNDED:
        damage = damage * perks[_EXECUTIONER] // 1000
    if perks[_LAST_STAND] and _health_then(hero, fight) * 1000 < figures.health_max * tables.WOUNDED:
        damage = damage * perks[_LAST_STAND] // 1000
    if perks[_GIANT_SLAYER] and fight.rank != _NORMAL:
        damage = damage * perks[_GIANT_SLAYER] // 1000
    if fight.intent == _DEFEND:
        damage = damage * tables.DEFENDED // 1000
    if clean:
        damage -= fight.armour
        return damage if damage > _DAMAGE_MIN else _DAMAGE_MIN
    suffers = fight.enemy.statuses
    if not fight.hero.statuses[PIERCE]:
        damage -= fight.armour + suffers[FORTIFY] * _FORTIFIES[fight.level]
    if damage < _DAMAGE_MIN:
        damage = _DAMAGE_MIN
    return expected(suffers, damage) if suffers[WEAKEN] or suffers[MARK] or suffers[SHIELD] else damage


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


def _health_then(hero: Hero, fight: Fight) -> int:
    """Return the hero's health after the damage of the own statuses, which comes before an attack."""
    own = fight.hero.statuses
    if own == CLEAN:
        return hero.health
    cost, _ = apply(own.copy(), hero.figures.health_max, tables.STATUS_DAMAGE[fight.level], attacks=True)
    return hero.health - cost
