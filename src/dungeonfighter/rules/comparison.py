"""What wearing an item would change, in the words of a label: "damage 31 -> 38, speed -4 %".

`hero.refresh` is the truth about a hero's figures; this does the same sums for one exchanged item,
without changing the
hero, and a test holds the two together. Views call it for every item in the bag, so it costs a few
microseconds.

Source: game.md section 6, last sentence.
"""

from __future__ import annotations

from typing import NamedTuple

from dungeonfighter.rules import loot, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.state import Figures, Hero, Item, Slot

_WEAPON = int(Slot.weapon)

_HEALTH, _ARMOUR, _DAMAGE, _SPEED, _HIT, _COMBO, _CRIT = (
    AFFIX_STATS.index(stat) for stat in ("health", "armour", "damage", "speed", "hit", "combo", "crit")
)


class Worn(NamedTuple):
    """The figures an item can change, as in `state.Figures`; `kind` is the weapon kind in hand."""

    kind: int
    health_max: int
    armour: int
    damage: int
    period: int
    amp: int
    hit: int
    combo: int
    crit: int


class Change(NamedTuple):
    """What an exchange changes; `speed` and `score` are permille of today's."""

    damage: int
    armour: int
    health: int
    speed: int
    score: int
    text: str


class Mirror:
    """A hero before the mirror: made once a view, then asked about one item after the other.

    Making it costs nothing until the first question; an item asked about twice is worked out once.
    """

    __slots__ = ("_cat", "_hero", "_now", "_seen", "_strength", "_totals")

    def __init__(self, cat: Catalogue, hero: Hero) -> None:
        self._cat = cat
        self._hero = hero
        self._seen: dict[int, Change] = {}
        self._totals: list[int] = []

    def change(self, item: Item) -> Change:
        """What wearing this item, in place of what is worn there, would change."""
        change = self._seen.get(id(item))
        if change is None:
            change = self._seen[id(item)] = self._work_out(item)
        return change

    def _work_out(self, item: Item) -> Change:
        then = self.wearing(item)
        now = self._now
        new = strength(then, self._hero)
        faster = now.period * 1000 // then.period - 1000
        return Change(
            damage=then.damage - now.damage,
            armour=then.armour - now.armour,
            health=then.health_max - now.health_max,
            speed=faster,
            score=(new - self._strength) * 1000 // self._strength,
            text=_text(now, then, faster),
        )

    def wearing(self, item: Item) -> Worn:
        """The hero's figures with this item on."""
        cat, hero = self._cat, self._hero
        if not self._totals:
            self._totals = loot.affix_totals(cat, hero)
            self._now = _today(hero.kind, hero.figures)
            self._strength = strength(self._now, hero)
        slot = cat.item_slot[item.base]
        old = hero.worn[slot]
        sums = list(self._totals)
        loot.add(cat, item, sums)
        if old is not None:
            loot.add(cat, old, sums, -1)
        weapon = item if slot == _WEAPON else hero.worn[0]
        kind = cat.item_weapon[item.base] if slot == _WEAPON else hero.kind
        return _figures(cat, hero, sums, weapon, kind, self._piece_armour(slot, item, old))

    def _piece_armour(self, slot: int, item: Item, old: Item | None) -> int:
        """Armour beyond that of affixes and talents, after the exchange."""
        have = self._now.armour - self._totals[_ARMOUR]
        if slot == _WEAPON:
            return have
        return have + item.value - (old.value if old is not None else 0)


def strength(worn: Worn, hero: Hero) -> int:
    """A fair estimate of fighting strength: damage a second times the hits it takes to fall, against the
    hero's equal.

    The weights of the bands are those of the d20 with three combos in ten; only ratios mean anything.
    """
    level = hero.level
    foe_armour = 6 * level // 10
    base = worn.damage * worn.amp // 1000
    blow = max(tables.DAMAGE_MIN, base - foe_armour)
    combo = max(tables.DAMAGE_MIN, base * 3 // 2 - foe_armour)
    combos = min(13, 6 + worn.combo)
    hits = max(0, min(18, 14 + worn.hit) - combos)
    per_action = blow * hits + combo * combos + (combo + blow // 2) * (1 + worn.crit)
    if worn.kind != hero.kind and hero.kind >= 0:
        per_action = per_action * _unfamiliar(hero, worn.kind) // 1000
    wound = max(tables.FOE_DAMAGE[level] // 5, tables.FOE_DAMAGE[level] - worn.armour)
    return max(1, per_action * 1_000_000 // worn.period * worn.health_max // wound)


def _unfamiliar(hero: Hero, kind: int) -> int:
    """Permille left when the class changes: its actions are not learned and its stat has not grown."""
    missing = max(0, hero.class_points[hero.kind] - hero.class_points[kind])
    return max(600, 950 - 25 * missing)


def _today(kind: int, figures: Figures) -> Worn:
    return Worn(
        kind, figures.health_max, figures.armour, figures.damage, figures.period,
        figures.amp, figures.hit, figures.combo, figures.crit,
    )  # fmt: skip


def _figures(
    cat: Catalogue, hero: Hero, sums: list[int], weapon: Item | None, kind: int, pieces: int
) -> Worn:
    """`hero.refresh` for the totals `sums` of everything worn; `pieces` is the armour that is no affix."""
    strength, agility, technique, wit = hero.stats
    most = tables.STAT_MAX
    strength = min(most, strength + sums[0])
    agility = min(most, agility + sums[1])
    technique = min(most, technique + sums[2])
    wit = min(most, wit + sums[3])
    period = tables.PERIOD * tables.SPEED[agility] // 1000 * tables.WEAPON_TIME[max(0, kind)] // 1000
    if weapon is not None:
        period = period * cat.items[weapon.base].time // 1000
    health = tables.HEALTH + tables.HEALTH_PER_LEVEL * hero.level + sums[_HEALTH]
    return Worn(
        kind=kind,
        health_max=max(1, health * (1000 - tables.SCAR * hero.scars) // 1000),
        armour=max(0, pieces + sums[_ARMOUR]),
        damage=max(
            1,
            strength
            + max(strength, agility, technique, wit)
            + (weapon.value if weapon else 0)
            + sums[_DAMAGE],
        ),
        period=max(500, period * (1000 - min(500, sums[_SPEED])) // 1000),
        amp=tables.AMP[technique],
        hit=sums[_HIT] + tables.HIT_STEPS[technique],
        combo=sums[_COMBO] + tables.COMBO_STEPS[technique],
        crit=sums[_CRIT] + tables.CRIT_STEPS[technique],
    )


def _text(now: Worn, then: Worn, faster: int) -> str:
    """Only what changes (speed and amplification from 1 % on); "no change" if nothing does."""
    parts = []
    if then.damage != now.damage:
        parts.append(f"damage {now.damage} -> {then.damage}")
    if then.armour != now.armour:
        parts.append(f"armour {now.armour} -> {then.armour}")
    if then.health_max != now.health_max:
        parts.append(f"health {then.health_max - now.health_max:+d}")
    if abs(faster) >= 10:
        parts.append(f"speed {faster / 10:+.0f} %")
    if abs(then.amp - now.amp) >= 10:
        parts.append(f"amplification {(then.amp - now.amp) / 10:+.0f} %")
    if then.hit != now.hit:
        parts.append(f"hit {then.hit - now.hit:+d}")
    if then.combo != now.combo:
        parts.append(f"combo {then.combo - now.combo:+d}")
    if then.crit != now.crit:
        parts.append(f"crit {then.crit - now.crit:+d}")
    if then.kind != now.kind:
        parts.append("changes class")
    return ", ".join(parts) or "no change"
