"""How much a blow takes: the one formula of each side. Nothing here draws dice; marks and shields are used
up.

`(STR + highest + weapon + gear) x amplification x action x roll x stance x slot` per blow, then class wheel,
talents and the enemy's defence, then armour off each blow, at least 3; weaken, mark and shield of the victim
come last.

Source: game.md section 4, "Damage".
"""

from __future__ import annotations

from dungeonfighter.rules import statuses, tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Rank, Stance
from dungeonfighter.rules.talents import Perk

_DEFEND = int(Intent.defend)
_HEAVY = int(Intent.heavy)
_POWER = int(Stance.power)
_HIT = int(Band.hit)
_NORMAL = int(Rank.normal)


def hero_blow(
    cat: Catalogue, hero: Hero, fight: Fight, *, action: int, slot: int, band: int, stance: int
) -> int:
    """Damage of a hero's action on the enemy before its weaken, mark and shield.

    Args:
        action: Catalogue number, or -1 for a plain attack.
        slot: Place in the strip from 0; of no meaning for a plain attack.
    """
    figures = hero.figures
    blow = figures.damage * figures.amp * tables.ROLL[band] * tables.STANCE_DAMAGE[stance] // 1_000_000_000
    hits, pierce = 1, 0
    if action >= 0:
        row = cat.actions[action]
        hits, pierce = row.hits, row.pierce
        blow = blow * row.damage * _slot(hero, row.opener, row.finisher, slot) // 1_000_000
    blow = _situation(cat, hero, fight, blow, stance)
    if fight.hero.statuses[statuses.PIERCE]:
        pierce = 1000
    armour = foe_armour(fight) * (1000 - pierce) // 1000
    return hits * max(tables.DAMAGE_MIN, blow - armour)


def foe_blow(cat: Catalogue, hero: Hero, fight: Fight, *, intent: int, band: int) -> int:
    """Damage of the enemy's action on the hero before the hero's weaken, mark and shield."""
    blow = fight.damage * tables.INTENT_DAMAGE[intent] * tables.FOE_ROLL[band] // 1_000_000
    if tables.WHEEL_BEATS.get(cat.enemy_class[fight.enemy]) == hero.kind:
        blow = blow * tables.WHEEL // 1000
    if fight.guarding:
        blow = blow * (tables.GUARD_HEAVY if intent == _HEAVY else tables.GUARD) // 1000
    elif fight.exposed:
        blow = blow * (hero.figures.perks[Perk.power_armour] or tables.EXPOSED) // 1000
    armour = 0 if fight.foe.statuses[statuses.PIERCE] else hero_armour(fight)
    return max(tables.DAMAGE_MIN, blow - armour)


def bomb(hero: Hero, fight: Fight, permille: int) -> int:
    """Damage of a thrown thing: so much of a plain hit."""
    plain = hero.figures.damage * hero.figures.amp * permille // 1_000_000
    return max(tables.DAMAGE_MIN, plain - foe_armour(fight))


def hero_armour(fight: Fight) -> int:
    return fight.hero_armour + fight.hero.statuses[statuses.FORTIFY] * tables.FORTIFY[fight.level]


def foe_armour(fight: Fight) -> int:
    return fight.armour + fight.foe.statuses[statuses.FORTIFY] * tables.FORTIFY[fight.level]


def _slot(hero: Hero, opener: bool, finisher: bool, slot: int) -> int:
    """Permille of a strip slot: later ones amplify, openers and finishers have their place."""
    worth = 1000 + tables.SLOT_BONUS * slot
    if (opener and slot == 0) or (finisher and slot and slot == len(hero.strip) - 1):
        worth += tables.EDGE_BONUS
    return worth


def _situation(cat: Catalogue, hero: Hero, fight: Fight, blow: int, stance: int) -> int:
    """Class wheel, talents, and an enemy that defends."""
    perks = hero.figures.perks
    if tables.WHEEL_BEATS.get(hero.kind, -2) == cat.enemy_class[fight.enemy]:
        blow = blow * tables.WHEEL // 1000
    if perks[Perk.executioner] and fight.health * 1000 < fight.health_max * tables.WOUNDED:
        blow = blow * perks[Perk.executioner] // 1000
    if perks[Perk.last_stand] and hero.health * 1000 < hero.figures.health_max * tables.WOUNDED:
        blow = blow * perks[Perk.last_stand] // 1000
    if perks[Perk.giant_slayer] and fight.rank != _NORMAL:
        blow = blow * perks[Perk.giant_slayer] // 1000
    if fight.intent == _DEFEND and stance != _POWER:
        blow = blow * tables.DEFENDED // 1000
    return blow
