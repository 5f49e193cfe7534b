"""What wearing an item would change, in the words of a label: "damage 31 -> 38, speed -4 %".

`hero.refresh` is the truth about a hero's figures; this does the same sums for one exchanged item,
without changing the
hero, and a test holds the two together. Views call it for every item in the bag, so it costs a few
microseconds.

Source: game.md section 6, last sentence.
"""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.rules import loot, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.state import Figures, Hero, Item, Slot

_WEAPON = int(Slot.weapon)

_ARMOUR = AFFIX_STATS.index("armour")


class Worn(Struct, frozen=True, gc=False):
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


class Change(Struct, frozen=True, gc=False):
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

    __slots__ = ("_cat", "_hero", "_now", "_seen", "_strength", "_totals", "_without")

    def __init__(self, cat: Catalogue, hero: Hero) -> None:
        self._cat = cat
        self._hero = hero
        self._seen: dict[int, tuple[Worn, int]] = {}
        self._totals: list[int] = []
        self._without: list[list[int] | None] = [None] * len(hero.worn)

    def change(self, item: Item) -> Change:
        """What wearing this item, in place of what is worn there, would change."""
        then, score = self._work_out(item)
        now = self._now
        faster = now.period * 1000 // then.period - 1000
        return Change(
            then.damage - now.damage,
            then.armour - now.armour,
            then.health_max - now.health_max,
            faster,
            score,
            _text(now, then, faster),
        )

    def score(self, item: Item) -> int:
        """`Change.score` alone: a fourth of the work."""
        return self._work_out(item)[1]

    def _work_out(self, item: Item) -> tuple[Worn, int]:
        known = self._seen.get(id(item))
        if known is None:
            then = self.wearing(item)
            new = strength(then, self._hero)
            known = then, (new - self._strength) * 1000 // self._strength
            self._seen[id(item)] = known
        return known

    def wearing(self, item: Item) -> Worn:
        """The hero's figures with this item on."""
        cat, hero = self._cat, self._hero
        if not self._totals:
            self._totals = loot.affix_totals(cat, hero)
            self._now = _today(hero.kind, hero.figures)
            self._strength = strength(self._now, hero)
        slot = cat.item_slot[item.base]
        old = hero.worn[slot]
        without = self._without[slot]
        if without is None:
            without = self._without[slot] = self._totals.copy()
            if old is not None:
                loot.add(cat, old, without, -1)
        sums = without.copy()
        loot.add(cat, item, sums)
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
    least = tables.DAMAGE_MIN
    base = worn.damage * worn.amp // 1000
    blow = base - foe_armour
    if blow < least:
        blow = least
    combo = base * 3 // 2 - foe_armour
    if combo < least:
        combo = least
    combos = 6 + worn.combo
    if combos > 13:
        combos = 13
    hits = 14 + worn.hit
    hits = (hits if hits < 18 else 18) - combos
    per_action = combo * combos + (combo + blow // 2) * (1 + worn.crit)
    if hits > 0:
        per_action += blow * hits
    if worn.kind != hero.kind and hero.kind >= 0:
        per_action = per_action * _unfamiliar(hero, worn.kind) // 1000
    damage = tables.FOE_DAMAGE[level]
    wound = damage - worn.armour
    if wound < damage // 5:
        wound = damage // 5
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
    strength, agility, technique, wit, health_max, armour, damage, faster, hit, combo, crit, _, _ = sums
    own_strength, own_agility, own_technique, own_wit = hero.stats
    strength = _stat(own_strength + strength)
    agility = _stat(own_agility + agility)
    technique = _stat(own_technique + technique)
    wit = _stat(own_wit + wit)
    period = tables.PERIOD * tables.SPEED[agility] // 1000
    period = period * tables.WEAPON_TIME[kind if kind > 0 else 0] // 1000
    damage += strength + max(strength, agility, technique, wit)
    if weapon is not None:
        damage += weapon.value
        period = period * cat.items[weapon.base].time // 1000
    period = period * (1000 - faster if faster < 500 else 500) // 1000
    health_max += tables.HEALTH + tables.HEALTH_PER_LEVEL * hero.level
    health_max = health_max * (1000 - tables.SCAR * hero.scars) // 1000
    armour += pieces
    return Worn(
        kind,
        health_max if health_max > 1 else 1,
        armour if armour > 0 else 0,
        damage if damage > 1 else 1,
        period if period > 500 else 500,
        tables.AMP[technique],
        hit + tables.HIT_STEPS[technique],
        combo + tables.COMBO_STEPS[technique],
        crit + tables.CRIT_STEPS[technique],
    )


def _stat(value: int) -> int:
    return value if value < tables.STAT_MAX else tables.STAT_MAX


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
