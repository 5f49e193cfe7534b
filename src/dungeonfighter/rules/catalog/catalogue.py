"""The catalogue: all rows of the content by number, and the tables that the rules read.

The loader builds the catalogue once; it is immutable, and all games share it. A number is a row's place in
its content file; -1 means "none". The tables are tuples indexed by number, so a look-up costs one subscript.

Source: docs/rules.md, which a test compares with the content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from dungeonfighter.rules.catalog import gear, worth
from dungeonfighter.rules.catalog.ascents import Ascent, ascents
from dungeonfighter.rules.catalog.model import (
    PHASES,
    Affix,
    Archetype,
    BaseItem,
    Consumable,
    Content,
    Enemy,
    Hazard,
    HeroAction,
    Place,
    Region,
    RoomEvent,
    Talent,
    Theme,
)
from dungeonfighter.rules.state import Intent, RoomKind, Slot, Status, Weapon
from dungeonfighter.rules.tables import HABIT_DRAWS, INTENT_DAMAGE, LEVEL_MAX, WHEEL_BEATS
from dungeonfighter.rules.talents import NUMBERS

TIERS: Final = 5
RARITY_MAX: Final = 5
RARITY_BONUS: Final = 80
"""Permille on the base value and on affixes for each step of rarity."""
OPTIONS_MAX: Final = 3
"""The most options of an event."""
POINTS_MAX: Final = 20
"""Class points beyond this number teach no further action."""

ON_COMBO: Final = 0
ON_CRITICAL: Final = 1
ON_HIT: Final = 2
ROUTES: Final = ("", "repeat", "first", "skip", "jump2")
EFFECT_TIMES: Final = ("combo", "critical", "hit")
CONSUMABLE_EFFECTS: Final = (
    "heal", "damage", "status", "rest", "cleanse", "luck", "opening", "interrupt", "escape",
)  # fmt: skip

_PLAIN: Final = frozenset(("hit", "combo", "crit", "roll", "perk"))
"""Stats on which an affix is worth its base, whatever the item's level and rarity."""

Numbers = tuple[int, ...]
_TIERS: Final = range(1, TIERS + 1)
_Named = HeroAction | Enemy | BaseItem | Consumable | Talent | Place | Region | Theme


class PutStatus(NamedTuple):
    """One effect of an action, with its names resolved: `on` is ON_COMBO, ON_CRITICAL or ON_HIT."""

    status: int
    amount: int
    on: int
    on_self: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All content, immutable.

    Attributes:
        identity: First 8 hex digits of blake2b over the canonical JSON of all content.
        enemy_archetype, enemy_theme: Archetype and theme number by enemy.
        enemy_class: `Weapon` number of the class by enemy, or -1.
        enemy_status: `Status` number of the status intent by enemy.
        enemy_pattern, enemy_pattern_low: `Intent` numbers of the patterns by enemy: the own one of a boss or
            a named elite, for others that of the archetype. Only a boss has another under half health.
        enemy_draws: The `Intent` number by enemy and draw of 0 .. 99.
        enemy_attacks: The `Intent` numbers among those draws that do damage, the most first, by enemy.
        enemy_rages: True for an enemy whose damage grows with each guarded action, by enemy.
        enemy_phase: Place in `model.PHASES` by enemy, or -1.
        enemy_heal_weight: The number of those draws that are a heal, by enemy; they are the last ones.
        enemy_beats, enemy_beaten_by: `Weapon` number on the class wheel by enemy (-2: none).
        enemies_at: Ordinary enemies by `[theme][level]`, level 0 to LEVEL_MAX; never empty.
        elites: The named elites by theme; they are met in elite rooms only.
        boss_of_region: Enemy number by region.
        action_effects: Effects by action.
        action_text: The name by action, with a space in front; index -1 is "".
        action_weapon: `Weapon` number by action, or -1 for "any".
        action_sets_up: True for an action that inflicts a status on the enemy with each combo, by action.
        action_worth: The worth of a combo with it by action (`worth.of_action`).
        learned: Actions that a class has taught by `[weapon][class points]`, points 0 to POINTS_MAX; the
            basic action is the first.
        basic: The basic action by weapon kind.
        gear_actions: Actions that only gear grants by the weapon kind that can use them.
        any_actions: Those of them that every weapon kind can use.
        item_slot, item_weapon: `Slot` number, and `Weapon` number or -1, by base item.
        weapons: Base items by `[weapon kind][tier - 1]`.
        armours: Base items by `[slot][tier - 1]`; slot 0 is empty.
        prefixes, suffixes: Affix numbers.
        affix_stat: Place in `loot.affix_totals` by affix: an index into `AFFIX_STATS`, or beyond that one of
            `bonuses`.
        affix_words: The words by affix that stand before and after an item's name; one of them is "".
        affix_worth: The amount that an affix gives by `[rarity][item level][affix]`, level 0 to LEVEL_MAX.
        item_slows: Permille by which armour slows the hero by base item (0 for weapons).
        bonuses: Kind and condition of each bonus of gear (`gear.Bonus`), in the order of `loot.affix_totals`.
        item_bonuses: Places in `loot.affix_totals` and amounts by base item, for unique items.
        relic_amounts, relic_items: The amount of a power, and the item that has it, by `bonuses.Relic`.
        unique_weapons, unique_armours: Unique items by weapon kind, and by slot.
        shares: Permille of fights in which a condition holds by `[hero level][bonuses.When]`.
        places: Place numbers by `[theme][room kind]`.
        hazards: Hazard numbers by theme.
        hazard_status: `Status` number by hazard, or -1.
        shrines, traps: Event numbers by theme.
        travels: Event numbers.
        region_of_theme: Region number by theme.
        themes_of_region: Theme numbers by region; regions are in order of level.
        consumable_at: Consumable number by its fight input (5 potion, 6 bomb, 7 ration).
        consumable_status: `Status` number by consumable, or -1.
        other_consumables: Consumables without such an input, which `item n` uses.
        consumable_prices: The full price by `[consumable][hero level]`, level 0 to LEVEL_MAX.
        names: The names of things in sentences, by kind of argument (`views.sentences.WORDING`) and number;
            index -1 is "plain" where an argument can be -1. A dungeon's number is its theme's number times
            100 plus its place in the theme.
        talent_by_key: Talent number by key.
        talent_perk: `talents.Perk` number by talent.
        ascents: What an ascension changes, by its number from 0 (nothing) on.
    """

    content: Content
    identity: str
    actions: tuple[HeroAction, ...]
    archetypes: tuple[Archetype, ...]
    enemies: tuple[Enemy, ...]
    talents: tuple[Talent, ...]
    items: tuple[BaseItem, ...]
    affixes: tuple[Affix, ...]
    consumables: tuple[Consumable, ...]
    hazard_rows: tuple[Hazard, ...]
    place_rows: tuple[Place, ...]
    events: tuple[RoomEvent, ...]
    themes: tuple[Theme, ...]
    regions: tuple[Region, ...]
    enemy_archetype: Numbers
    enemy_theme: Numbers
    enemy_class: Numbers
    enemy_status: Numbers
    enemy_pattern: tuple[Numbers, ...]
    enemy_pattern_low: tuple[Numbers, ...]
    enemy_draws: tuple[Numbers, ...]
    enemy_attacks: tuple[Numbers, ...]
    enemy_rages: tuple[bool, ...]
    enemy_phase: Numbers
    enemy_heal_weight: Numbers
    enemy_beats: Numbers
    enemy_beaten_by: Numbers
    enemies_at: tuple[tuple[Numbers, ...], ...]
    elites: tuple[Numbers, ...]
    boss_of_region: Numbers
    action_effects: tuple[tuple[PutStatus, ...], ...]
    action_text: tuple[str, ...]
    action_weapon: Numbers
    action_sets_up: tuple[bool, ...]
    action_worth: Numbers
    learned: tuple[tuple[Numbers, ...], ...]
    basic: Numbers
    gear_actions: tuple[Numbers, ...]
    any_actions: Numbers
    item_slot: Numbers
    item_weapon: Numbers
    weapons: tuple[tuple[Numbers, ...], ...]
    armours: tuple[tuple[Numbers, ...], ...]
    prefixes: Numbers
    suffixes: Numbers
    affix_stat: Numbers
    affix_words: tuple[tuple[str, str], ...]
    affix_worth: tuple[tuple[Numbers, ...], ...]
    item_slows: Numbers
    bonuses: tuple[gear.Bonus, ...]
    item_bonuses: tuple[tuple[tuple[int, int], ...], ...]
    relic_amounts: Numbers
    relic_items: Numbers
    unique_weapons: tuple[Numbers, ...]
    unique_armours: tuple[Numbers, ...]
    shares: tuple[Numbers, ...]
    places: tuple[tuple[Numbers, ...], ...]
    hazards: tuple[Numbers, ...]
    hazard_status: Numbers
    shrines: tuple[Numbers, ...]
    traps: tuple[Numbers, ...]
    travels: Numbers
    region_of_theme: Numbers
    themes_of_region: tuple[Numbers, ...]
    consumable_at: dict[int, int]
    consumable_status: Numbers
    other_consumables: Numbers
    consumable_prices: tuple[Numbers, ...]
    names: dict[str, tuple[str, ...]]
    talent_by_key: dict[str, int]
    talent_perk: Numbers
    ascents: tuple[Ascent, ...]


def build(content: Content) -> Catalogue:
    """Build the tables of content that has passed `checks.problems`, so that every reference resolves."""
    themes, regions, archetypes, enemies = _indices(content)
    archetype_of_enemy = [content.archetypes[archetypes[e.archetype]] for e in content.enemies]
    patterned = _patterned(content.enemies, archetype_of_enemy)
    theme_ids = [t.id for t in content.themes]
    return Catalogue(
        **_rows_of(content),
        enemy_archetype=tuple(archetypes[e.archetype] for e in content.enemies),
        enemy_theme=tuple(themes[e.theme] for e in content.enemies),
        enemy_class=tuple(_weapon(e.hero_class) for e in content.enemies),
        enemy_status=tuple(_status(e.status) for e in content.enemies),
        enemy_pattern=tuple(_intents(e.pattern or usual) for e, usual in patterned),
        enemy_pattern_low=tuple(_intents(e.pattern_low or e.pattern or usual) for e, usual in patterned),
        enemy_draws=(draws := tuple(map(_intents_by_draw, content.enemies, archetype_of_enemy))),
        enemy_attacks=tuple(map(_attacks, draws)),
        enemy_rages=tuple(e.habit == "rage" for e in content.enemies),
        enemy_phase=tuple(PHASES.index(e.phase) if e.phase else -1 for e in content.enemies),
        enemy_heal_weight=tuple(a.weights[Intent.heal] for a in archetype_of_enemy),
        enemy_beats=tuple(WHEEL_BEATS.get(_weapon(e.hero_class), -2) for e in content.enemies),
        enemy_beaten_by=tuple(_beaten_by(_weapon(e.hero_class)) for e in content.enemies),
        enemies_at=tuple(_enemies_at(content, t) for t in theme_ids),
        elites=tuple(_elites(content, t) for t in theme_ids),
        boss_of_region=tuple(enemies[r.boss] for r in content.regions),
        action_effects=tuple(_effects(a) for a in content.actions),
        action_text=_action_texts(content),
        action_weapon=tuple(_weapon(a.weapon) for a in content.actions),
        action_sets_up=tuple(map(_sets_up, content.actions)),
        action_worth=tuple(map(worth.of_action, content.actions)),
        learned=tuple(_learned(content, w) for w in Weapon),
        basic=tuple(_basic(content, w) for w in Weapon),
        gear_actions=tuple(_gear_actions(content, w) for w in Weapon),
        any_actions=tuple(n for n, a in enumerate(content.actions) if a.points < 0 and a.weapon == "any"),
        item_slot=tuple(int(Slot[i.slot]) for i in content.items),
        item_weapon=tuple(_weapon(i.weapon) for i in content.items),
        weapons=tuple(tuple(_items(content, Slot.weapon, t, w.name) for t in _TIERS) for w in Weapon),
        armours=tuple(tuple(_items(content, s, t, "") for t in _TIERS) for s in Slot),
        affix_words=tuple(_affix_words(a) for a in content.affixes),
        affix_worth=_affix_worth(content),
        item_slows=tuple(0 if i.slot == Slot.weapon.name else i.time - 1000 for i in content.items),
        places=tuple(tuple(_places(content, t, k) for k in RoomKind) for t in theme_ids),
        hazards=tuple(tuple(n for n, h in enumerate(content.hazards) if h.theme == t) for t in theme_ids),
        hazard_status=tuple(_status(h.status) for h in content.hazards),
        shrines=tuple(_events(content, "shrine", t) for t in theme_ids),
        traps=tuple(_events(content, "trap", t) for t in theme_ids),
        travels=tuple(n for n, e in enumerate(content.events) if e.kind == "travel"),
        region_of_theme=tuple(regions[t.region] for t in content.themes),
        themes_of_region=tuple(tuple(themes[t] for t in r.themes) for r in content.regions),
        consumable_at={c.input: n for n, c in enumerate(content.consumables) if c.input},
        consumable_status=tuple(_status(c.status) for c in content.consumables),
        other_consumables=tuple(n for n, c in enumerate(content.consumables) if not c.input),
        consumable_prices=tuple(_prices(c) for c in content.consumables),
        names=_names(content),
        talent_by_key={t.key: n for n, t in enumerate(content.talents)},
        talent_perk=tuple(NUMBERS[t.key] for t in content.talents),
        ascents=ascents(content.ascensions),
        **gear.tables(content),
    )


def _rows_of(content: Content) -> dict[str, Any]:
    """Return the rows of the files by the attributes that hold them, with the content and its identity."""
    return {
        "content": content,
        "identity": identity_of(content),
        "actions": content.actions,
        "archetypes": content.archetypes,
        "enemies": content.enemies,
        "talents": content.talents,
        "items": content.items,
        "affixes": content.affixes,
        "consumables": content.consumables,
        "hazard_rows": content.hazards,
        "place_rows": content.places,
        "events": content.events,
        "themes": content.themes,
        "regions": content.regions,
    }


def _sets_up(action: HeroAction) -> bool:
    return any(effect.who == "foe" and effect.on != "critical" for effect in action.effects)


def _affix_words(affix: Affix) -> tuple[str, str]:
    return (f"{affix.name} ", "") if affix.kind == "prefix" else ("", f" {affix.name}")


def _prices(good: Consumable) -> Numbers:
    return tuple(good.price_base + good.price_per_level * level for level in range(LEVEL_MAX + 1))


def _action_texts(content: Content) -> tuple[str, ...]:
    return (*(f" {action.name}" for action in content.actions), "")


def _names(content: Content) -> dict[str, tuple[str, ...]]:
    rows: dict[str, Sequence[_Named]] = {
        "enemy": content.enemies, "item": content.items, "good": content.consumables,
        "talent": content.talents, "action": content.actions, "place": content.places,
        "region": content.regions, "theme": content.themes,
    }  # fmt: skip
    names = {kind: (*(row.name for row in of_kind), "plain") for kind, of_kind in rows.items()}
    names["hazard"] = tuple(hazard.text for hazard in content.hazards)
    names["event"] = tuple(event.text for event in content.events)
    names["dungeon"] = tuple(
        theme.dungeons[place] if place < len(theme.dungeons) else ""
        for theme in content.themes
        for place in range(100)
    )
    return names


def identity_of(content: Content) -> str:
    """Return the first 8 hex digits of blake2b over all content as compact JSON with sorted keys."""
    return blake2b(msgspec.json.encode(content, order="sorted")).hexdigest()[:8]


def _indices(content: Content) -> Iterator[dict[str, int]]:
    yield _index(content.themes)
    yield _index(content.regions)
    yield _index(content.archetypes)
    yield _index(content.enemies)


def _index(rows: Sequence[Theme | Region | Archetype | Enemy]) -> dict[str, int]:
    return {row.id: number for number, row in enumerate(rows)}


def _weapon(name: str) -> int:
    return int(Weapon[name]) if name in Weapon.__members__ else -1


def _status(name: str) -> int:
    return int(Status[name]) if name in Status.__members__ else -1


def _intents(names: tuple[str, ...]) -> Numbers:
    return tuple(int(Intent[name]) for name in names)


def _patterned(
    enemies: Sequence[Enemy], archetypes: Sequence[Archetype]
) -> list[tuple[Enemy, tuple[str, ...]]]:
    """Return each enemy with the pattern of its archetype and habit."""
    return list(zip(enemies, map(_with_habit, enemies, archetypes), strict=True))


def _with_habit(enemy: Enemy, archetype: Archetype) -> tuple[str, ...]:
    """Return the pattern of an elite or guardian: the habit stands in for the first normal attack."""
    if enemy.habit not in Intent.__members__:
        return archetype.pattern
    habit = ("charge", "crush") if enemy.habit == "charge" else (enemy.habit,)
    place = archetype.pattern.index("normal")
    return (*archetype.pattern[:place], *habit, *archetype.pattern[place + 1 :])


def _intents_by_draw(enemy: Enemy, archetype: Archetype) -> Numbers:
    """Return the intent by a draw of 0 .. 99; heals are the last, so a shorter range excludes them."""
    draws = [intent for intent, weight in enumerate(archetype.weights) for _ in range(weight)]
    if enemy.habit in Intent.__members__:
        first = draws.index(Intent.normal)
        draws[first : first + HABIT_DRAWS] = [int(Intent[enemy.habit])] * HABIT_DRAWS
    return tuple(draws)


def _attacks(draws: Numbers) -> Numbers:
    attacks = [intent for intent in dict.fromkeys(draws) if INTENT_DAMAGE[intent]]
    return tuple(sorted(attacks, key=lambda intent: -INTENT_DAMAGE[intent]))


def _beaten_by(kind: int) -> int:
    return next((winner for winner, loser in WHEEL_BEATS.items() if loser == kind), -2)


def _enemies_at(content: Content, theme: str) -> tuple[Numbers, ...]:
    """Return by level the enemies whose band of levels includes it, or else those with the nearest band."""
    rows = [(n, e) for n, e in enumerate(content.enemies) if e.theme == theme and e.rank == "normal"]
    table = []
    for level in range(LEVEL_MAX + 1):
        gaps = [(max(e.level_min - level, level - e.level_max, 0), n) for n, e in rows]
        least = min(gap for gap, _ in gaps)
        table.append(tuple(n for gap, n in gaps if gap == least))
    return tuple(table)


def _elites(content: Content, theme: str) -> Numbers:
    return tuple(n for n, e in enumerate(content.enemies) if e.theme == theme and e.rank == "elite")


def _effects(action: HeroAction) -> tuple[PutStatus, ...]:
    return tuple(
        PutStatus(_status(e.status), e.amount, EFFECT_TIMES.index(e.on), e.who == "self")
        for e in action.effects
    )


def _affix_worth(content: Content) -> tuple[tuple[Numbers, ...], ...]:
    return tuple(
        tuple(tuple(_worth(a, level, rarity) for a in content.affixes) for level in range(LEVEL_MAX + 1))
        for rarity in range(RARITY_MAX + 1)
    )


def _worth(affix: Affix, level: int, rarity: int) -> int:
    if affix.stat in _PLAIN:
        return affix.base
    grown = affix.base * 1000 + level * affix.per_level_permille
    return max(1, grown * (1000 + RARITY_BONUS * rarity) // 1_000_000)


def _learned(content: Content, weapon: Weapon) -> tuple[Numbers, ...]:
    own = [(n, a) for n, a in enumerate(content.actions) if a.points >= 0 and a.weapon == weapon.name]
    rows = sorted((not a.basic, a.points, n) for n, a in own)
    return tuple(tuple(n for _, points, n in rows if points <= have) for have in range(POINTS_MAX + 1))


def _basic(content: Content, weapon: Weapon) -> int:
    return next(n for n, a in enumerate(content.actions) if a.basic and a.weapon == weapon.name)


def _gear_actions(content: Content, weapon: Weapon) -> Numbers:
    return tuple(
        n for n, a in enumerate(content.actions) if a.points < 0 and a.weapon in ("any", weapon.name)
    )


def _items(content: Content, slot: Slot, tier: int, weapon: str) -> Numbers:
    if slot == Slot.weapon and not weapon:
        return ()
    rows = enumerate(content.items)
    return tuple(
        n for n, i in rows if i.slot == slot.name and i.tier == tier and i.weapon == weapon and not i.power
    )


def _places(content: Content, theme: str, kind: RoomKind) -> Numbers:
    return tuple(n for n, p in enumerate(content.places) if p.theme == theme and p.kind == kind.name)


def _events(content: Content, kind: str, theme: str) -> Numbers:
    return tuple(n for n, e in enumerate(content.events) if e.kind == kind and e.theme in ("", theme))
