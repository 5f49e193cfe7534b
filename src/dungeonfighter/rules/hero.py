"""The hero's figures: everything that follows from level, stats, gear, talents and scars, and the strip.

`refresh` is called by whatever changes one of those (level-up, equipping, a shrine, a scar); a turn only
reads `hero.figures`. The named functions are for views and bots.

Source: game.md sections 2 and 3.
"""

from __future__ import annotations

from bisect import bisect_right

from dungeonfighter import limits
from dungeonfighter.rules import loot, tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.state import Figures, Hero, Item
from dungeonfighter.rules.talents import NUMBERS, Perk

_STR, _AGI, _TEC, _INT, _HEALTH, _ARMOUR, _DAMAGE, _SPEED, _HIT, _COMBO, _CRIT, _LUCK, _GOLD = range(
    len(AFFIX_STATS)
)


def refresh(cat: Catalogue, hero: Hero) -> None:
    """Compute the figures anew, cut the health to its maximum and keep the strip playable."""
    totals = loot.affix_totals(cat, hero)
    perks = [0] * len(NUMBERS)
    for number in hero.talents:
        talent = cat.talents[number]
        perks[NUMBERS[talent.key]] += talent.amount
    stats = [min(tables.STAT_MAX, have + more) for have, more in zip(hero.stats, totals[:4], strict=True)]
    technique = stats[2]
    hero.figures = Figures(
        health_max=_health(hero, totals[_HEALTH]),
        armour=_armour(cat, hero, totals[_ARMOUR], perks[Perk.thick_skin]),
        damage=max(1, stats[0] + max(stats) + _weapon_damage(hero) + totals[_DAMAGE]),
        period=_period(cat, hero, stats[1], totals[_SPEED]),
        amp=tables.AMP[technique],
        hit=totals[_HIT] + _reached(tables.HIT_MILESTONES, technique),
        combo=totals[_COMBO] + _reached(tables.COMBO_MILESTONES, technique),
        crit=totals[_CRIT] + _reached(tables.CRIT_MILESTONES, technique),
        luck=max(0, tables.LUCK - hero.level),
        gold=1000 + totals[_GOLD],
        slots=_slots(hero),
        lengthen=stats[3] // 10 + perks[Perk.long_statuses],
        agility=stats[1],
        routing=stats[3] >= tables.ROUTING_INT,
        drops=totals[_LUCK],
        known=_known(cat, hero),
        perks=perks,
    )
    hero.health = min(hero.health, hero.figures.health_max)
    _mend_strip(cat, hero)


def xp_next(level: int) -> int:
    return tables.xp_next(level)


def thresholds(cat: Catalogue, hero: Hero) -> tuple[int, int, int]:
    """The lowest total that hits, the lowest that is a combo, and the lowest bare die that is critical."""
    return bounds(hero.figures.hit, hero.figures.combo, hero.figures.crit)


def bounds(hit: int, combo: int, crit: int) -> tuple[int, int, int]:
    """Thresholds shifted by so much; a combo always hits."""
    lowest_combo = max(tables.COMBO_FLOOR, tables.COMBO_MIN - combo)
    lowest_hit = max(tables.HIT_FLOOR, tables.MISS_MAX + 1 - hit)
    return (
        min(lowest_hit, lowest_combo),
        lowest_combo,
        max(tables.CRITICAL_FLOOR, tables.CRITICAL_FACE - crit),
    )


def potions_max(hero: Hero) -> int:
    return limits.potions_max + hero.figures.perks[Perk.hoarder]


def learn(cat: Catalogue, hero: Hero) -> None:
    """After a level or a new weapon: refresh, and put newly known actions into free slots of the strip."""
    before = hero.figures.known
    refresh(cat, hero)
    if len(hero.strip) >= hero.figures.slots:
        return
    for action in hero.figures.known:
        if action not in before and action not in hero.strip and len(hero.strip) < hero.figures.slots:
            hero.strip = [*hero.strip, action]


def _weapon_damage(hero: Hero) -> int:
    weapon = hero.worn[0]
    return weapon.value if weapon is not None else 0


def _health(hero: Hero, gear: int) -> int:
    whole = tables.HEALTH + tables.HEALTH_PER_LEVEL * hero.level + gear
    return max(1, whole * (1000 - tables.SCAR * hero.scars) // 1000)


def _armour(cat: Catalogue, hero: Hero, gear: int, thick: int) -> int:
    worn = sum(item.value for item in hero.worn[1:] if item is not None)
    return max(0, worn + gear + (thick + hero.level // 3 if thick else 0))


def _period(cat: Catalogue, hero: Hero, agility: int, faster: int) -> int:
    weapon = hero.worn[0]
    period = tables.PERIOD * tables.SPEED[agility] // 1000 * tables.WEAPON_TIME[max(0, hero.kind)] // 1000
    if weapon is not None:
        period = period * cat.items[weapon.base].time // 1000
    return max(500, period * (1000 - min(500, faster)) // 1000)


def _reached(milestones: tuple[int, ...], have: int) -> int:
    return bisect_right(milestones, have)


def _slots(hero: Hero) -> int:
    tiers = sum([bisect_right(tables.TIERS, points) for points in hero.class_points])
    return min(limits.strip_slots_max, 1 + tiers)


def _known(cat: Catalogue, hero: Hero) -> list[int]:
    if hero.kind < 0:
        return []
    table = cat.learned[hero.kind]
    known = list(table[min(hero.class_points[hero.kind], len(table) - 1)])
    for item in hero.worn:
        if item is not None and item.actions:
            known.extend(_granted(cat, hero, item, known))
    return known


def _granted(cat: Catalogue, hero: Hero, item: Item, known: list[int]) -> list[int]:
    return [a for a in item.actions if cat.action_weapon[a] in (-1, hero.kind) and a not in known]


def _mend_strip(cat: Catalogue, hero: Hero) -> None:
    """Only known actions, at most as many as there are slots, and always the basic of the weapon in hand."""
    if hero.kind < 0:
        return
    basic = cat.basic[hero.kind]
    known = hero.figures.known
    strip = [action for action in hero.strip if action in known]
    if basic not in strip:
        strip.insert(0, basic)
    while len(strip) > hero.figures.slots:
        strip.remove(next(action for action in reversed(strip) if action != basic))
    hero.strip = strip
