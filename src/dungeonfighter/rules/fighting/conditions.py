"""The bonuses of the hero's gear that count only under a condition, in a fight.

`Figures.deals`, `takes` and `rolls` hold pairs of a condition (`bonuses.When`) and an amount; many heroes
have none, so the callers test for an empty list first.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import GOLD_EACH, GOLD_TIMES, LATE, TAKES_MOST, When
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.statuses import ACID, BLEED, BURN, POISON
from dungeonfighter.rules.state import Fight, Hero, Intent, Rank, Stance

GUARDED: Final = 1
MISSED: Final = 2
"""The last action of the hero as `Fight.last` holds it; 0 is any other."""
LAST_ACTIONS: Final = ("", "guard", "miss")
"""The names of these, by number."""

_DEFEND: Final = int(Intent.defend)
_ELITE: Final = int(Rank.elite)
_GUARDIAN: Final = int(Rank.guardian)
_POWER: Final = int(Stance.power)

Times = Callable[[Catalogue, Hero, Fight, int, int], int]
"""A function of catalogue, hero, fight, stance (0: no attack of the hero) and slot of the strip (-1: a plain
attack) that returns how many times the bonus counts."""


def more(pairs: Sequence[int], cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int = -1) -> int:
    """Return the sum of the bonuses that count now."""
    total = 0
    numbers = iter(pairs)
    for when in numbers:
        total += next(numbers) * _TIMES[when](cat, hero, fight, stance, slot)
    return total


def less(pairs: Sequence[int], cat: Catalogue, hero: Hero, fight: Fight) -> int:
    """Return the factor in permille on the damage of an enemy's attack."""
    off = more(pairs, cat, hero, fight, 0)
    return 1000 - (off if off < TAKES_MOST else TAKES_MOST)


def _archetype(wanted: str) -> Times:
    def times(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
        return cat.enemies[fight.enemy_kind].archetype == wanted

    return times


def _always(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return 1


def _undead(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return cat.enemies[fight.enemy_kind].undead


def _elite(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.rank == _ELITE


def _guardian(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.rank >= _GUARDIAN


def _beater(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return cat.enemy_beats[fight.enemy_kind] == hero.kind


def _hurt(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return hero.health * 2 < hero.figures.health_max


def _hale(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return hero.health * 10 > hero.figures.health_max * 9


def _dying(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.health * 2 < fight.health_max


def _festering(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    own = fight.enemy.statuses
    return bool(own[POISON] or own[BURN] or own[ACID] or own[BLEED])


def _poisoned(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.enemy.statuses[POISON]


def _defending(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.intent == _DEFEND


def _readying(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.intent in tables.INTERRUPTED


def _power(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return stance == _POWER


def _guarded(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.last == GUARDED


def _missed(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.last == MISSED


def _first_slot(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return slot == 0


def _opening(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return not fight.opened


def _late(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.hero.next_at >= LATE


def _exposed(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    return fight.exposed


def _rich(cat: Catalogue, hero: Hero, fight: Fight, stance: int, slot: int) -> int:
    times = hero.gold // GOLD_EACH
    return times if times < GOLD_TIMES else GOLD_TIMES


_BY_CONDITION: Final[dict[int, Times]] = {
    When.always: _always,
    When.undead: _undead,
    When.elite: _elite,
    When.guardian: _guardian,
    When.knight: _archetype("knight"),
    When.beast: _archetype("beast"),
    When.beater: _beater,
    When.hurt: _hurt,
    When.hale: _hale,
    When.dying: _dying,
    When.festering: _festering,
    When.poisoned: _poisoned,
    When.defending: _defending,
    When.readying: _readying,
    When.power: _power,
    When.guarded: _guarded,
    When.missed: _missed,
    When.first_slot: _first_slot,
    When.opening: _opening,
    When.late: _late,
    When.exposed: _exposed,
    When.rich: _rich,
}
_TIMES: Final = tuple(_BY_CONDITION[when] for when in range(len(_BY_CONDITION)))
