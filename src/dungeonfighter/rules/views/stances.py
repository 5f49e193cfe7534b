"""The chances and the damage of the three attacks, before the hero chooses one of them.

The chances depend on a few small numbers, so `chances` and `labels` are tables that fill themselves. The
ranges are one pass over the sums of `damage.hero_damage` for three stances, by which each value costs a tenth
of a call (counted). A law plays each stance on many dice and compares.

Source: docs/rules.md, "The die" and "A fight".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic, When
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.conditions import more
from dungeonfighter.rules.fighting.statuses import (
    CLEAN,
    CONFUSION,
    FORTIFY,
    MARK,
    PIERCE,
    ROLL_PENALTY,
    SHIELD,
    WEAKEN,
    apply,
    expected,
)
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Stance
from dungeonfighter.rules.talents import Perk

ODDS_MAX: Final = 4096
"""The greatest number of entries of each table."""
STANCES: Final = (Stance.attack, Stance.precise, Stance.power)

_ATTACK = int(Stance.attack)
_POWER = int(Stance.power)
_DEFEND = int(Intent.defend)
_HEAVIES: Final = (int(Intent.heavy), int(Intent.crush))
_STOPPER: Final = 1 << Relic.stopper
_COMBO = tables.ROLL[Band.combo]
_CRITICAL = tables.ROLL[Band.critical]
_STRONG: Final = 1_300_000_000 // _COMBO
_SMALL: Final = 20_000
"""An action with this factor, of a hero with this damage, deals more than a plain hit, however it is rounded:
three tenths of the damage of a hit are more than the roundings take."""
_DEALT: Final = tuple(tables.STANCE_DAMAGE[stance] for stance in STANCES)
_PRECISE_ROLL: Final = tables.STANCE_ROLL[Stance.precise]
_POWER_ROLL: Final = tables.STANCE_ROLL[Stance.power]
_WHEN_POWER: Final = When.power
_WHEN_FIRST: Final = When.first_slot
_DAMAGE_MIN: Final = tables.DAMAGE_MIN
_GAMBLER: Final = Perk.gambler
_NAMES: Final = tuple(f"{stance.value} {stance.name}" for stance in STANCES)


class Odds(Struct, frozen=True, gc=False):
    """The chances of one stance in percent: of a hit or better, and of a combo or critical."""

    hit: int
    combo: int


Chances = tuple[Odds, Odds, Odds]
Key = tuple[int, int, int, int, int, int, int, int]
"""The numbers on which the chances depend: the lowest faces of the die that hit and combo with a plain attack
and the lowest that is critical, the bonus of precise and of power, the talent of gamblers, luck, and the part
of the attacks that happens at all, in halves."""


@lru_cache(ODDS_MAX)
def chances(key: Key) -> Chances:
    lowest, combo, critical, precise, power, gambler, luck, share = key
    of = [_odds(lowest - b, combo - b, critical, gambler, luck, share) for b in (0, precise, power)]
    return of[0], of[1], of[2]


def _odds(lowest: int, combo: int, critical: int, gambler: int, luck: int, share: int) -> Odds:
    hits = combos = misses = 0
    for die in range(1, 21):
        if die >= critical or (gambler and die == 1) or (die > 1 + bool(gambler) and die >= combo):
            combos += 1
        elif die == 1 or (gambler and die == 2):
            continue
        elif die >= lowest:
            hits += 1
        else:
            misses += 1
    rerolls = 20 + (misses if luck else 0)
    return Odds(_percent((hits + combos) * rerolls * share), _percent(combos * rerolls * share))


def _percent(of_800: int) -> int:
    return (of_800 + 4) // 8


def key(cat: Catalogue, hero: Hero, fight: Fight) -> Key:
    """Return the numbers on which the chances of the next attack depend."""
    figures = hero.figures
    perks = figures.perks
    critical = tables.CRITICAL_FACE - figures.crit - fight.crit
    if critical < tables.CRITICAL_FLOOR:
        critical = tables.CRITICAL_FLOOR
    if not fight.opened:
        critical -= perks[Perk.opener_crit]
    combo = tables.COMBO_MIN - figures.combo - fight.combo
    if combo < tables.COMBO_FLOOR:
        combo = tables.COMBO_FLOOR
    lowest = tables.MISS_MAX + 1 - figures.hit - fight.hit
    if lowest < tables.HIT_FLOOR:
        lowest = tables.HIT_FLOOR
    power, share, own = _POWER_ROLL, 2, fight.hero.statuses
    rolls = figures.rolls
    if rolls:
        bonus = more(rolls, cat, hero, fight, _ATTACK)
        lowest, combo = lowest - bonus, combo - bonus
        if _WHEN_POWER in rolls[::2]:
            power += more(rolls, cat, hero, fight, _POWER) - bonus
    if own != CLEAN:
        if own[ROLL_PENALTY]:
            lowest, combo = lowest + tables.ROLL_PENALTY, combo + tables.ROLL_PENALTY
        share = 0 if health_then(hero, fight) <= 0 else 1 if own[CONFUSION] else 2
    precise = _PRECISE_ROLL + perks[Perk.precise_combo]
    return lowest, combo, critical, precise, power, perks[_GAMBLER], fight.luck > 0, share


def interrupters(hero: Hero, fight: Fight) -> int:
    """Return which attacks can interrupt the shown action.

    Returns:
        0: none. 1: each by a combo or critical, precise by a hit, too. 2: power by a hit, through a unique
        item.
    """
    if fight.intent in tables.INTERRUPTED:
        return 1
    return 2 if hero.figures.relics & _STOPPER and fight.intent in _HEAVIES else 0


def interrupt_chances(of: Chances, which: int) -> tuple[int, int, int]:
    """Return the chances in percent that each stance interrupts; `which` is of `interrupters`."""
    attack, precise, power = of
    if which == 1:
        return attack.combo, precise.hit, power.combo
    return 0, 0, power.hit if which else 0


@lru_cache(ODDS_MAX)
def labels(numbers: Key, which: int) -> tuple[str, str, str, str]:
    """Return the line of the three attacks without their ranges: the texts before, between and after them."""
    of = chances(numbers)
    stops = [
        "" if not percent else " interrupts" if percent == odds.hit else f" interrupts {percent}"
        for percent, odds in zip(interrupt_chances(of, which), of, strict=True)
    ]
    first, *others = [f"{name} {odds.hit}" for name, odds in zip(_NAMES, of, strict=True)]
    heads = [f"{first}%:", *(f"{head}:" for head in others)]
    return heads[0], f"{stops[0]} |{heads[1]}", f"{stops[1]} |{heads[2]}", stops[2]


def ranges(cat: Catalogue, hero: Hero, fight: Fight, clean: bool) -> tuple[list[int], list[int]]:
    """Return the lowest and the highest damage of attack, precise and power, should they hit.

    Args:
        clean: True if neither side has a status.
    """
    figures = hero.figures
    base = figures.damage * figures.amp
    strip = hero.strip
    slot = fight.step % len(strip)
    row = cat.actions[strip[slot]]
    worth = 1000 + tables.SLOT_BONUS * slot
    if (row.opener and slot == 0) or (row.finisher and slot and slot == len(strip) - 1):
        worth += tables.EDGE_BONUS
    if slot and cat.action_sets_up[strip[slot - 1]]:
        worth += tables.SET_UP_BONUS
    times = row.damage * worth
    hits = [base * dealt // 1_000_000 for dealt in _DEALT]
    criticals = [base * _CRITICAL * dealt // 1_000_000_000 * times // 1_000_000 for dealt in _DEALT]
    if row.hits > 1 or times < _STRONG or base < _SMALL:  # the combo may be less than the plain hit
        combos = [base * _COMBO * dealt // 1_000_000_000 * times // 1_000_000 for dealt in _DEALT]
        values = [*hits, *criticals, *combos]
    else:
        values = hits + criticals
    values = _defended(cat, hero, fight, values, slot, clean)
    armour = _armour(fight, clean)
    of_action = armour * (1000 - row.pierce) // 1000 if row.pierce else armour
    for place in range(len(values)):
        if place < 3:
            left = values[place] - armour
            values[place] = left if left > _DAMAGE_MIN else _DAMAGE_MIN
        else:
            left = values[place] - of_action
            values[place] = row.hits * (left if left > _DAMAGE_MIN else _DAMAGE_MIN)
    if not clean:
        suffers = fight.enemy.statuses
        if suffers[WEAKEN] or suffers[MARK] or suffers[SHIELD]:
            values = [expected(suffers, value) for value in values]
    lows, highs = values[:3], values[3:6]
    if len(values) > 6:
        lows = [low if low < combo else combo for low, combo in zip(lows, values[6:], strict=True)]
        highs = [high if high > hit else hit for high, hit in zip(highs, values, strict=False)]
    return lows, highs


def _defended(
    cat: Catalogue, hero: Hero, fight: Fight, values: list[int], slot: int, clean: bool
) -> list[int]:
    """Return the damages after gear, class wheel, talents, opening and the enemy's defence.

    Args:
        values: Three plain hits, then three criticals, then three combos if they are there.
    """
    figures = hero.figures
    perks = figures.perks
    deals = figures.deals
    then = hero if clean else replace(hero, health=health_then(hero, fight))
    if deals:
        if fight.exposed:
            fight = replace(fight, exposed=False)
        values = _raised(cat, then, fight, values, slot)
    if cat.enemy_beaten_by[fight.enemy_kind] == hero.kind:
        values = [value * tables.WHEEL // 1000 for value in values]
    factor = perks[Perk.executioner]
    if factor and fight.health * 1000 < fight.health_max * tables.WOUNDED:
        values = [value * factor // 1000 for value in values]
    factor = perks[Perk.last_stand]
    if factor and then.health * 1000 < figures.health_max * tables.WOUNDED:
        values = [value * factor // 1000 for value in values]
    factor = perks[Perk.giant_slayer]
    if factor and fight.rank:
        values = [value * factor // 1000 for value in values]
    if fight.opening:
        values[2::3] = [value * tables.OPENING // 1000 for value in values[2::3]]
    if fight.intent == _DEFEND:
        half = [value * tables.DEFENDED // 1000 for value in values]
        half[2::3] = values[2::3]
        return half
    return values


def _raised(cat: Catalogue, hero: Hero, fight: Fight, values: list[int], slot: int) -> list[int]:
    deals = hero.figures.deals
    whens = deals[::2]
    plain = 1000 + more(deals, cat, hero, fight, _ATTACK)
    if _WHEN_POWER not in whens and (slot or _WHEN_FIRST not in whens):
        return [value * plain // 1000 for value in values]
    factors = []
    for place in (-1, slot):
        usual = 1000 + more(deals, cat, hero, fight, _ATTACK, place)
        factors.append((usual, usual, 1000 + more(deals, cat, hero, fight, _POWER, place)))
    return [value * factors[n > 2][n % 3] // 1000 for n, value in enumerate(values)]


def _armour(fight: Fight, clean: bool) -> int:
    if clean:
        return fight.armour
    if fight.hero.statuses[PIERCE]:
        return 0
    return fight.armour + fight.enemy.statuses[FORTIFY] * tables.FORTIFY[fight.level]


def health_then(hero: Hero, fight: Fight) -> int:
    """Return the hero's health after the damage of the own statuses, which comes before an attack."""
    own = fight.hero.statuses
    if own == CLEAN:
        return hero.health
    cost, _ = apply(own.copy(), hero.figures.health_max, tables.STATUS_DAMAGE[fight.level], attacks=True)
    return hero.health - cost
