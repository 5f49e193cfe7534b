"""The catalogue: all content rows by number, and the tables the rules look things up in.

Built once by the loader, never changed, shared by every game. Numbers are positions in the content files; -1 means "none".
Tables are tuples indexed by number, so a look-up costs one subscript.

Source: game.md sections 2 to 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from dungeonfighter.rules.catalog.model import (
    AFFIX_STATS,
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

LEVEL_MAX: Final = 100
TIERS: Final = 5
POINTS_MAX: Final = 20
"""Class points beyond this teach no further action."""

ON_COMBO: Final = 0
ON_CRITICAL: Final = 1
ON_HIT: Final = 2
ROUTES: Final = ("", "repeat", "first", "skip", "jump2")
EFFECT_TIMES: Final = ("combo", "critical", "hit")
CONSUMABLE_EFFECTS: Final = ("heal", "damage", "status")

Numbers = tuple[int, ...]


class PutStatus(NamedTuple):
    """One effect of an action, resolved: `on` is ON_COMBO, ON_CRITICAL or ON_HIT."""

    status: int
    amount: int
    on: int
    on_self: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All content, immutable.

    Attributes:
        identity: First 8 hex digits of blake2b over the canonical JSON of all content.
        enemy_*: By enemy number: archetype number, theme number, `Weapon` number of its class or -1, `Status` number of
            its status intent or -1, and its patterns as `Intent` numbers (empty: drawn by the archetype's weights).
        enemies_at: `[theme][level]` (level 0..LEVEL_MAX) the ordinary enemies met there, never empty.
        boss_of_region: Enemy number by region.
        action_effects: By action number.
        action_weapon: `Weapon` number by action, or -1 for "any".
        learned: `[weapon][class points]` (0..POINTS_MAX) the actions known by class, the basic first.
        basic: The basic action of each weapon kind.
        gear_actions: `[weapon]` the actions only gear grants, usable with that weapon kind.
        weapons: `[weapon kind][tier - 1]` base item numbers; armours: `[slot][tier - 1]` (slot 0 is empty).
        prefixes, suffixes: Affix numbers. affix_stat: index into `AFFIX_STATS` by affix.
        places: `[theme][room kind]` place numbers; hazards: `[theme]`; shrines, traps: `[theme]` event numbers;
            travels: event numbers.
        region_of_theme, themes_of_region: as they say. Regions are in order of level.
        consumable_at: Consumable number by its fight input (5 potion, 6 bomb, 7 food); others: numbers with input 0.
        talent_by_key: Talent number by key.
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
    enemies_at: tuple[tuple[Numbers, ...], ...]
    boss_of_region: Numbers
    action_effects: tuple[tuple[PutStatus, ...], ...]
    action_weapon: Numbers
    learned: tuple[tuple[Numbers, ...], ...]
    basic: Numbers
    gear_actions: tuple[Numbers, ...]
    item_slot: Numbers
    item_weapon: Numbers
    weapons: tuple[tuple[Numbers, ...], ...]
    armours: tuple[tuple[Numbers, ...], ...]
    prefixes: Numbers
    suffixes: Numbers
    affix_stat: Numbers
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
    talent_by_key: dict[str, int]


def build(content: Content) -> Catalogue:
    """Make the tables. `content` has passed the loader's checks, so every reference resolves."""
    themes = _index(content.themes)
    regions = _index(content.regions)
    archetypes = _index(content.archetypes)
    enemies = _index(content.enemies)
    return Catalogue(
        content=content,
        identity=identity_of(content),
        actions=content.actions,
        archetypes=content.archetypes,
        enemies=content.enemies,
        talents=content.talents,
        items=content.items,
        affixes=content.affixes,
        consumables=content.consumables,
        hazard_rows=content.hazards,
        place_rows=content.places,
        events=content.events,
        themes=content.themes,
        regions=content.regions,
        enemy_archetype=tuple(archetypes[e.archetype] for e in content.enemies),
        enemy_theme=tuple(themes[e.theme] for e in content.enemies),
        enemy_class=tuple(_weapon(e.hero_class) for e in content.enemies),
        enemy_status=tuple(_status(e.status) for e in content.enemies),
        enemy_pattern=tuple(tuple(int(Intent[i]) for i in e.pattern) for e in content.enemies),
        enemy_pattern_low=tuple(tuple(int(Intent[i]) for i in e.pattern_low) for e in content.enemies),
        enemies_at=tuple(_enemies_at(content, t.id) for t in content.themes),
        boss_of_region=tuple(enemies[r.boss] for r in content.regions),
        action_effects=tuple(_effects(a) for a in content.actions),
        action_weapon=tuple(_weapon(a.weapon) for a in content.actions),
        learned=tuple(_learned(content, w) for w in Weapon),
        basic=tuple(_basic(content, w) for w in Weapon),
        gear_actions=tuple(
            _where(content.actions, lambda a, w=w: a.points < 0 and a.weapon in ("any", w.name)) for w in Weapon
        ),
        item_slot=tuple(int(Slot[i.slot]) for i in content.items),
        item_weapon=tuple(_weapon(i.weapon) for i in content.items),
        weapons=tuple(
            tuple(_where(content.items, lambda i, w=w, t=t: i.weapon == w.name and i.tier == t) for t in _tiers)
            for w in Weapon
        ),
        armours=tuple(
            tuple(
                _where(content.items, lambda i, s=s, t=t: not i.weapon and i.slot == s.name and i.tier == t)
                for t in _tiers
            )
            for s in Slot
        ),
        prefixes=_where(content.affixes, lambda a: a.kind == "prefix"),
        suffixes=_where(content.affixes, lambda a: a.kind == "suffix"),
        affix_stat=tuple(AFFIX_STATS.index(a.stat) for a in content.affixes),
        places=tuple(
            tuple(_where(content.places, lambda p, t=t, k=k: p.theme == t.id and p.kind == k.name) for k in RoomKind)
            for t in content.themes
        ),
        hazards=tuple(_where(content.hazards, lambda h, t=t: h.theme == t.id) for t in content.themes),
        hazard_status=tuple(_status(h.status) for h in content.hazards),
        shrines=_events(content, "shrine"),
        traps=_events(content, "trap"),
        travels=_where(content.events, lambda e: e.kind == "travel"),
        region_of_theme=tuple(regions[t.region] for t in content.themes),
        themes_of_region=tuple(tuple(themes[t] for t in r.themes) for r in content.regions),
        consumable_at={c.input: n for n, c in enumerate(content.consumables) if c.input},
        consumable_status=tuple(_status(c.status) for c in content.consumables),
        other_consumables=_where(content.consumables, lambda c: not c.input),
        talent_by_key={t.key: n for n, t in enumerate(content.talents)},
    )


def identity_of(content: Content) -> str:
    """First 8 hex digits of blake2b over the canonical JSON (keys sorted, no spaces) of all content."""
    return blake2b(msgspec.json.encode(content, order="sorted")).hexdigest()[:8]


_tiers = range(1, TIERS + 1)


def _index(rows: tuple) -> dict[str, int]:  # type: ignore[type-arg]
    return {row.id: number for number, row in enumerate(rows)}


def _where(rows: tuple, wanted) -> Numbers:  # type: ignore[no-untyped-def, type-arg]
    return tuple(number for number, row in enumerate(rows) if wanted(row))


def _weapon(name: str) -> int:
    return int(Weapon[name]) if name in Weapon.__members__ else -1


def _status(name: str) -> int:
    return int(Status[name]) if name in Status.__members__ else -1


def _enemies_at(content: Content, theme: str) -> tuple[Numbers, ...]:
    """By level: those whose band holds it; where no band does, those whose band is nearest."""
    rows = [(n, e) for n, e in enumerate(content.enemies) if e.theme == theme and e.rank == "normal"]
    table = []
    for level in range(LEVEL_MAX + 1):
        gaps = [(max(e.level_min - level, level - e.level_max, 0), n) for n, e in rows]
        least = min(gap for gap, _ in gaps)
        table.append(tuple(n for gap, n in gaps if gap == least))
    return tuple(table)


def _effects(action: HeroAction) -> tuple[PutStatus, ...]:
    return tuple(
        PutStatus(_status(e.status), e.amount, EFFECT_TIMES.index(e.on), e.who == "self") for e in action.effects
    )


def _learned(content: Content, weapon: Weapon) -> tuple[Numbers, ...]:
    rows = sorted(
        (not a.basic, a.points, n) for n, a in enumerate(content.actions) if a.points >= 0 and a.weapon == weapon.name
    )
    return tuple(tuple(n for _, points, n in rows if points <= have) for have in range(POINTS_MAX + 1))


def _basic(content: Content, weapon: Weapon) -> int:
    return next(n for n, a in enumerate(content.actions) if a.basic and a.weapon == weapon.name)


def _events(content: Content, kind: str) -> tuple[Numbers, ...]:
    return tuple(
        _where(content.events, lambda e, t=t: e.kind == kind and e.theme in ("", t.id)) for t in content.themes
    )
