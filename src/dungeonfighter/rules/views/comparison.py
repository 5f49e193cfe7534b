"""The comparison of a hero's figures with those after an exchange of one item: "damage 31->38, speed -4 %".

`hero.refresh` defines a hero's figures. This module does the same sums for one exchanged item and does not
change the hero; a test compares the results. Views compare every item in the bag, so one comparison costs
only a few microseconds.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog import worth
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.character.hero import known_actions
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Hero, Item, Slot
from dungeonfighter.rules.tables import AMP, COMBO_STEPS, CRIT_STEPS, HIT_STEPS, PERIODS, STAT_MAX
from dungeonfighter.rules.views import gear_worth
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX

_WEAPON = int(Slot.weapon)
_HEALTH, _ARMOUR, _DAMAGE = (AFFIX_STATS.index(stat) for stat in ("health", "armour", "damage"))

AMOUNTS_MAX: Final = 1024
"""The greatest number of amounts that each cache keeps."""

WORN: Final = (
    "kind", "health_max", "armour", "damage", "period", "amp", "hit", "combo", "crit", "drops", "gold",
    "bonuses",
)  # fmt: skip
"""The figures that an item can change, as in `state.Figures`; `kind` is the kind of the worn weapon, and
`bonuses` the amounts of `Catalogue.bonuses`."""
Worn = tuple[int, int, int, int, int, int, int, int, int, int, int, tuple[int, ...], int]
"""One value for each of these figures, and the worth of the strip (`worth.of_strip`).

It is a plain tuple, because a view unpacks it for every bag item."""


class Change(Struct, frozen=True, gc=False):
    """The changes by an exchange; `speed` and `score` are permille of the values before it."""

    damage: int
    armour: int
    health: int
    speed: int
    score: int
    text: str


class Comparison:
    """The comparison of one hero's figures with those after an exchange of one item.

    A view makes one `Comparison` and compares all items with it. The first comparison computes the values
    that the later ones share, so a `Comparison` that is not used costs nothing.
    """

    __slots__ = (
        "_beside",
        "_cat",
        "_changes",
        "_health",
        "_now",
        "_strength",
        "_strip",
        "_time",
        "_totals",
        "_wearing",
        "_worn",
        "hero",
    )  # fmt: skip

    def __init__(self, cat: Catalogue, hero: Hero) -> None:
        self._cat = cat
        self.hero = hero
        self._now: Worn | None = None
        self._strength = 0

    def change(self, item: Item) -> Change:
        """Return the changes by wearing this item in place of the one in its slot.

        The result is kept for the next call with the same item.
        """
        now = self._before()
        known = self._changes.get(id(item))
        if known is None:
            then = self.wearing(item)
            change = Change(
                then[3] - now[3],
                then[2] - now[2],
                then[1] - now[1],
                now[4] * 1000 // then[4] - 1000,
                self.score(then),
                _text(self._cat, now, then),
            )
            known = self._changes[id(item)] = item, change  # the item is kept too, so no other gets its id
        return known[1]

    def text(self, item: Item) -> str:
        """Return `Change.text` alone, for a third of the work."""
        return _text(self._cat, self._before(), self.wearing(item))

    def words(self, then: Worn) -> str:
        """Return `Change.text` of an item whose figures are known."""
        return _text(self._cat, self._before(), then)

    def score(self, then: Worn) -> int:
        """Return `Change.score` of an item whose figures are known."""
        now = self._strength
        if not now:
            now = self._strength = strength(self._cat, self._before(), self.hero)
        return (strength(self._cat, then, self.hero) - now) * 1000 // now

    def wearing(self, item: Item) -> Worn:
        """Return the hero's figures with this item on.

        The result is kept for the next call with the same item: a line needs the score and the words.
        """
        if self._now is None:
            self._before()
        known = self._wearing.get(id(item))
        if known is None:
            known = self._wearing[id(item)] = item, self._with(item)  # kept, so no other item gets its id
        return known[1]

    def _with(self, item: Item) -> Worn:
        """Return the hero's figures with this item on: `hero.refresh` in one pass over locals."""
        cat = self._cat
        base = item.base
        slot = cat.item_slot[base]
        without = self._beside[slot]
        if without is None:
            without = self._beside[slot] = self._without(slot)
        sums = without.copy()
        stats, worth = cat.affix_stat, cat.affix_worth[item.rarity][item.level]
        for number in item.affixes:
            sums[stats[number]] += worth[number]
        for place, amount in cat.item_bonuses[base]:
            sums[place] += amount
        (
            strength, agility, technique, wit, health_max, armour, damage, faster, hit, combo, crit, drops,
            gold, *bonuses,
        ) = sums  # fmt: skip
        if slot == _WEAPON:
            kind, time = cat.item_weapon[base], cat.items[base].time
            damage += item.value
        else:
            kind, time = self.hero.kind, self._time
            armour += item.value
            faster -= cat.item_slows[base]
        if strength > STAT_MAX:
            strength = STAT_MAX
        if agility > STAT_MAX:
            agility = STAT_MAX
        if technique > STAT_MAX:
            technique = STAT_MAX
        if wit > STAT_MAX:
            wit = STAT_MAX
        highest = strength if strength > agility else agility
        if technique > highest:
            highest = technique
        if wit > highest:
            highest = wit
        damage += strength + highest
        health_max = health_max * self._health // 1000
        strip = self._strip_with(slot, item, kind)
        period = PERIODS[kind][agility] * time // 1000 * (1000 - faster if faster < 500 else 500) // 1000
        return (
            kind,
            health_max if health_max > 1 else 1,
            armour if armour > 0 else 0,
            damage if damage > 1 else 1,
            period if period > 500 else 500,
            AMP[technique],
            hit + HIT_STEPS[technique],
            combo + COMBO_STEPS[technique],
            crit + CRIT_STEPS[technique],
            drops,
            1000 + gold,
            tuple(bonuses),
            strip,
        )

    def _before(self) -> Worn:
        """Return the figures of now; the first call computes the values that all comparisons share."""
        now = self._now
        if now is None:
            cat, hero = self._cat, self.hero
            of = hero.figures
            sums = self._totals = loot.affix_totals(cat, hero)
            self._strip = _strip_worth(cat, of.known, of.slots)
            now = self._now = (
                hero.kind, of.health_max, of.armour, of.damage, of.period, of.amp, of.hit, of.combo, of.crit,
                of.drops, of.gold, tuple(sums[loot.STATS :]), self._strip,
            )  # fmt: skip
            self._changes: dict[int, tuple[Item, Change]] = {}
            self._wearing: dict[int, tuple[Item, Worn]] = {}
            self._worn = hero.worn
            self._beside: list[list[int] | None] = [None] * len(self._worn)
            self._health = 1000 - tables.SCAR * hero.scars
            strength, agility, technique, wit = hero.stats
            sums[0] += strength
            sums[1] += agility
            sums[2] += technique
            sums[3] += wit
            sums[_HEALTH] += tables.HEALTH + tables.HEALTH_PER_LEVEL * hero.level
            sums[_ARMOUR] = of.armour
            weapon = self._worn[_WEAPON]
            self._time = 1000
            if weapon is not None:
                sums[_DAMAGE] += weapon.value
                self._time = cat.items[weapon.base].time
        return now

    def _strip_with(self, slot: int, item: Item, kind: int) -> int:
        """Return the worth of the best strip with this item in its slot."""
        hero, old = self.hero, self._worn[slot]
        if not item.actions and (old is None or not old.actions) and kind == hero.kind:
            return self._strip
        known = known_actions(self._cat, kind, hero.class_points, replaced(self._worn, slot, item))
        return _strip_worth(self._cat, known, hero.figures.slots)

    def _without(self, slot: int) -> list[int]:
        """Return `_totals` without the item that is worn in a slot."""
        old = self._worn[slot]
        if old is None:
            return self._totals
        sums = self._totals.copy()
        loot.add(self._cat, old, sums, -1)
        sums[_DAMAGE if slot == _WEAPON else _ARMOUR] -= old.value
        return sums


def strength(cat: Catalogue, worn: Worn, hero: Hero) -> int:
    """Estimate fighting strength: damage a second times the hits that the hero survives.

    The opponent is an enemy of the hero's level. The weights of the bands are those of the d20 with three
    combos in ten. A combo deals the mean of the best strip that the known actions make. Bonuses under a
    condition count by the part of fights in which it holds. Only ratios of two results mean anything.
    """
    kind, health_max, armour, damage, period, amp, hit, combos, crit, _, _, bonuses, strip = worn
    level = hero.level
    enemy_armour = 6 * level // 10
    least = tables.DAMAGE_MIN
    base = damage * amp // 1000
    hit_damage = base - enemy_armour
    if hit_damage < least:
        hit_damage = least
    combo_damage = base * 3 // 2 * strip // 1000 - enemy_armour
    if combo_damage < least:
        combo_damage = least
    combos += 6
    if combos > 13:
        combos = 13
    hits = 14 + hit
    hits = (hits if hits < 18 else 18) - combos
    per_action = combo_damage * combos + (combo_damage + hit_damage // 2) * (1 + crit)
    if hits > 0:
        per_action += hit_damage * hits
    if kind != hero.kind and hero.kind >= 0:
        per_action = per_action * _unfamiliar(hero, kind) // 1000
    enemy_damage = tables.ENEMY_DAMAGE[level]
    wound = enemy_damage - armour
    if wound < enemy_damage // 5:
        wound = enemy_damage // 5
    if any(bonuses):
        per_action = per_action * gear_worth.factor(cat, level, bonuses) // 1000
    estimate = per_action * 1_000_000 // period * health_max // wound
    return estimate if estimate > 1 else 1


def _unfamiliar(hero: Hero, kind: int) -> int:
    """Return the permille of strength after a change of class, whose points and stat the hero lacks."""
    missing = hero.class_points[hero.kind] - hero.class_points[kind]
    left = 950 - 10 * missing if missing > 0 else 950
    return left if left > 750 else 750


def _strip_worth(cat: Catalogue, known: Sequence[int], slots: int) -> int:
    worths = cat.action_worth
    return worth.of_strip([worths[action] for action in known], slots)


def _text(cat: Catalogue, now: Worn, then: Worn) -> str:
    """Return the changed figures in words (speed and amplification from 1 % on), or "no change"."""
    if now == then:
        return "no change"
    kind, health_max, armour, damage, period, amp, hit, combo, crit, drops, gold, bonuses, _ = now
    (
        new_kind, new_health, new_armour, new_damage, new_period, new_amp, new_hit, new_combo, new_crit,
        new_drops, new_gold, new_bonuses, _,
    ) = then  # fmt: skip
    parts = []
    if new_damage != damage:
        parts.append(
            f"damage {NUMERALS[damage] if damage < NUMERALS_MAX else damage}"
            f"->{NUMERALS[new_damage] if new_damage < NUMERALS_MAX else new_damage}"
        )
    if new_armour != armour:
        parts.append(
            f"armour {NUMERALS[armour] if armour < NUMERALS_MAX else armour}"
            f"->{NUMERALS[new_armour] if new_armour < NUMERALS_MAX else new_armour}"
        )
    if new_health != health_max:
        parts.append(f"health {_signed(new_health - health_max)}")
    if new_period != period:
        faster = period * 1000 // new_period - 1000
        if faster >= 10 or faster <= -10:
            parts.append(f"speed {_percent(faster)}")
    if new_amp != amp:
        more = new_amp - amp
        if more >= 10 or more <= -10:
            parts.append(f"amplification {_percent(more)}")
    if new_hit != hit:
        parts.append(f"hit {_signed(new_hit - hit)}")
    if new_combo != combo:
        parts.append(f"combo {_signed(new_combo - combo)}")
    if new_crit != crit:
        parts.append(f"crit {_signed(new_crit - crit)}")
    if new_drops != drops:
        parts.append(f"drops {_percent(new_drops - drops)}")
    if new_gold != gold:
        parts.append(f"gold {_percent(new_gold - gold)}")
    if new_bonuses != bonuses or new_kind != kind:
        parts += gear_worth.changes(cat, bonuses, new_bonuses)
        parts += ["changes class"][: new_kind != kind]
    return ", ".join(parts) or "no change"


# Few amounts occur, and a look-up costs a fifth of formatting an amount (counted).
@lru_cache(AMOUNTS_MAX)
def _signed(amount: int) -> str:
    return f"{amount:+d}"


@lru_cache(AMOUNTS_MAX)
def _percent(permille: int) -> str:
    return f"{permille / 10:+.0f}%"
