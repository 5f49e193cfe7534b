"""The damage formulas of both sides. No function here draws dice or changes the state.

One hit of the hero deals `(STR + highest + weapon + gear) x amplification x action x roll x stance x slot`,
changed by class wheel, talents and the enemy's defence, less armour, at least 3. The callers apply weaken,
mark and shield of the victim last (`statuses.taken`).

Source: docs/rules.md, "A fight", "Damage".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.conditions import less, more
from dungeonfighter.rules.fighting.statuses import FORTIFY, PIERCE
from dungeonfighter.rules.state import Fight, Hero, Intent, Rank, Stance
from dungeonfighter.rules.tables import (
    DAMAGE_MIN,
    DEFENDED,
    EDGE_BONUS,
    ENEMY_ROLL,
    EXPOSED,
    GUARDED,
    HIT_MOST,
    INTENT_DAMAGE,
    OPENING,
    ROLL,
    SET_UP_BONUS,
    SLOT_BONUS,
    STANCE_DAMAGE,
    WHEEL,
    WOUNDED,
)
from dungeonfighter.rules.tables import FORTIFY as FORTIFIES
from dungeonfighter.rules.talents import Perk

# Module constants: in Python 3.11 an attribute of a class costs 25 ns more, and `max` 0.2 us (measured).
_DEFEND = int(Intent.defend)
_HEAVY = int(Intent.heavy)
_POWER = int(Stance.power)
_NORMAL = int(Rank.normal)
_EXECUTIONER: Final = Perk.executioner
_LAST_STAND: Final = Perk.last_stand
_GIANT_SLAYER: Final = Perk.giant_slayer
_POWER_ARMOUR: Final = Perk.power_armour


def hero_damage(
    cat: Catalogue, hero: Hero, fight: Fight, action: int, slot: int, band: int, stance: int
) -> int:
    """Return the damage of a hero's action before weaken, mark and shield of the enemy.

    Args:
        action: Catalogue number, or -1 for a plain attack.
        slot: Place in the strip, from 0; ignored for a plain attack.
    """
    figures = hero.figures
    dealt = figures.damage * figures.amp * ROLL[band] * STANCE_DAMAGE[stance] // 1_000_000_000
    if action < 0:
        return after_defences(cat, hero, fight, dealt, stance, 1000)
    row = cat.actions[action]
    worth = 1000 + SLOT_BONUS * slot
    if (row.opener and slot == 0) or (row.finisher and slot and slot == len(hero.strip) - 1):
        worth += EDGE_BONUS
    if slot and cat.action_sets_up[hero.strip[slot - 1]]:
        worth += SET_UP_BONUS
    dealt = dealt * row.damage * worth // 1_000_000
    return row.hits * after_defences(cat, hero, fight, dealt, stance, 1000 - row.pierce, slot)


def after_defences(
    cat: Catalogue,
    hero: Hero,
    fight: Fight,
    dealt: int,
    stance: int,
    armour_permille: int,
    slot: int = -1,
) -> int:
    """Return the damage of one hit of the hero after class wheel, talents, gear, enemy defence and armour.

    Args:
        dealt: Damage of the hit before all of these.
        armour_permille: The part of the enemy's armour that counts against this hit.
        slot: Place in the strip, from 0; -1 for a plain attack.
    """
    perks = hero.figures.perks
    deals = hero.figures.deals
    if deals:
        dealt = dealt * (1000 + more(deals, cat, hero, fight, stance, slot)) // 1000
    if cat.enemy_beaten_by[fight.enemy_kind] == hero.kind:
        dealt = dealt * WHEEL // 1000
    if perks[_EXECUTIONER] and fight.health * 1000 < fight.health_max * WOUNDED:
        dealt = dealt * perks[_EXECUTIONER] // 1000
    if perks[_LAST_STAND] and hero.health * 1000 < hero.figures.health_max * WOUNDED:
        dealt = dealt * perks[_LAST_STAND] // 1000
    if perks[_GIANT_SLAYER] and fight.rank != _NORMAL:
        dealt = dealt * perks[_GIANT_SLAYER] // 1000
    if stance == _POWER:
        if fight.opening:
            dealt = dealt * OPENING // 1000
    elif fight.intent == _DEFEND:
        dealt = dealt * DEFENDED // 1000
    if not fight.hero.statuses[PIERCE]:
        armour = fight.armour
        fortified = fight.enemy.statuses[FORTIFY]
        if fortified:
            armour += fortified * FORTIFIES[fight.level]
        dealt -= armour if armour_permille == 1000 else armour * armour_permille // 1000
    return dealt if dealt > DAMAGE_MIN else DAMAGE_MIN


def enemy_damage(cat: Catalogue, hero: Hero, fight: Fight, intent: int, band: int) -> int:
    """Return the damage of the enemy's action before weaken, mark and shield of the hero."""
    dealt = fight.damage * INTENT_DAMAGE[intent] * ENEMY_ROLL[band] // 1_000_000
    if cat.enemy_beats[fight.enemy_kind] == hero.kind:
        dealt = dealt * WHEEL // 1000
    if fight.guarding:
        dealt = dealt * GUARDED[intent] // 1000
    elif fight.exposed:
        dealt = dealt * (hero.figures.perks[_POWER_ARMOUR] or EXPOSED) // 1000
    takes = hero.figures.takes
    if takes:
        dealt = dealt * less(takes, cat, hero, fight) // 1000
    if not fight.enemy.statuses[PIERCE]:
        dealt -= fight.hero_armour
        fortified = fight.hero.statuses[FORTIFY]
        if fortified:
            dealt -= fortified * FORTIFIES[fight.level]
    if dealt < DAMAGE_MIN:
        return DAMAGE_MIN
    most = hero.figures.health_max * HIT_MOST // 1000
    return dealt if dealt < most else most


def scaled_hit(hero: Hero, fight: Fight, permille: int) -> int:
    """Return `permille` of the hero's plain damage, less the enemy's armour: a bomb, or a counter."""
    plain = hero.figures.damage * hero.figures.amp * permille // 1_000_000
    return max(DAMAGE_MIN, plain - enemy_armour(fight))


def hero_armour(fight: Fight) -> int:
    return fight.hero_armour + fight.hero.statuses[FORTIFY] * FORTIFIES[fight.level]


def enemy_armour(fight: Fight) -> int:
    return fight.armour + fight.enemy.statuses[FORTIFY] * FORTIFIES[fight.level]
