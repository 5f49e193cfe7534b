"""Checks between the rows of the content: references, duplicates, ranges, budgets, completeness.

Every function yields its problems as texts that name file, row and remedy, so a designer sees all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.rules.catalog import ascents, item_checks, ranges
from dungeonfighter.rules.catalog.catalogue import (
    CONSUMABLE_EFFECTS,
    EFFECT_TIMES,
    OPTIONS_MAX,
    POINTS_MAX,
    ROUTES,
    TIERS,
)
from dungeonfighter.rules.catalog.model import EVENT_STATS, HABITS, PHASES, Content, Enemy, RoomEvent
from dungeonfighter.rules.state import Intent, RoomKind, Slot, Status, Weapon
from dungeonfighter.rules.tables import HABIT_DRAWS
from dungeonfighter.rules.talents import KEYS

NAME_CHARS_MAX: Final = 24
TEXT_CHARS_MAX: Final = {
    "actions": 64, "talents": 80, "consumables": 56, "hazards": 40, "events": 60, "places": 44,
    "ascensions": 60,
}  # fmt: skip
HINT_CHARS_MAX: Final = 48
OPTION_CHARS_MAX: Final = 20
DUNGEONS_MAX: Final = 100
_BOTH: Final = ("", "health", "gold", "xp", "potion", "bomb", "ration", "scar", "status", "guardian")
COSTS: Final = (*_BOTH, "turns")
GAINS: Final = (*_BOTH, "stat", "item", "good", "time", "sight")
IN_DUNGEONS: Final = ("status", "guardian", "sight")
"""The things that count in a dungeon only, so that no event of travel may name them."""
EVENT_KINDS: Final = ("shrine", "trap", "travel")
TILTS: Final = ("", "hit", "combo", "crit", "hazard")
RANKS: Final = ("normal", "elite", "boss")
ROLL_MAX: Final = 20

_weapons = set(Weapon.__members__)
_statuses = set(Status.__members__)
_intents = set(Intent.__members__)


def problems(content: Content) -> Iterator[str]:
    """Yield all problems of content whose rows are each well formed."""
    for kind in Content.__struct_fields__:
        yield from _duplicates(kind, getattr(content, kind))
        yield from _texts(kind, getattr(content, kind))
    yield from _actions(content)
    yield from _archetypes(content)
    yield from _enemies(content)
    yield from _goods(content)
    yield from _rooms(content)
    yield from _regions(content)
    yield from _ascensions(content)
    yield from _gaps(content)
    yield from ranges.problems(content)


def _at(kind: str, number: int, row: Any) -> str:
    return f"{kind}.json row {number + 1} ({row.id})"


def _duplicates(kind: str, rows: Sequence[Any]) -> Iterator[str]:
    seen: dict[tuple[str, object], int] = {}
    for number, row in enumerate(rows):
        figures = {k: v for k, v in msgspec.structs.asdict(row).items() if k not in ("id", "name", "text")}
        keys: list[tuple[str, object]] = [("id", row.id), ("figures", repr(figures))]
        if hasattr(row, "name") and kind != "places":
            keys.append(("name", row.name.lower()))
        if kind == "talents":
            keys.append(("key", row.key))
        for key in keys:
            if key in seen:
                yield f"{_at(kind, number, row)}: same {key[0]} as row {seen[key] + 1}; change one of them"
            seen.setdefault(key, number)


def _texts(kind: str, rows: Sequence[Any]) -> Iterator[str]:
    for number, row in enumerate(rows):
        for field, budget in (
            ("name", NAME_CHARS_MAX),
            ("text", TEXT_CHARS_MAX.get(kind, 0)),
            ("hint", HINT_CHARS_MAX),
        ):
            text = getattr(row, field, None)
            if text is None:
                continue
            if not text.strip() or text != text.strip() or not (text.isascii() and text.isprintable()):
                yield f"{_at(kind, number, row)}: {field} must be plain printable text without outer spaces"
            if len(text) > budget:
                yield f"{_at(kind, number, row)}: {field} has {len(text)} characters, the budget is {budget}"


def _actions(content: Content) -> Iterator[str]:
    for number, row in enumerate(content.actions):
        at = _at("actions", number, row)
        if row.weapon != "any" and row.weapon not in _weapons:
            yield f"{at}: weapon '{row.weapon}' is not one of {_list(_weapons | {'any'})}"
        if row.points > POINTS_MAX or (row.weapon == "any" and row.points >= 0):
            yield f"{at}: points must be -1 (gear) or, for one weapon, 0 to {POINTS_MAX}"
        if row.route not in ROUTES:
            yield f"{at}: route '{row.route}' is not one of {_list(ROUTES)}"
        if not 0 <= row.pierce <= 1000:
            yield f"{at}: pierce is {row.pierce}, and must be 0 to 1000"
        for effect in row.effects:
            if effect.status not in _statuses:
                yield f"{at}: effects: status '{effect.status}' is not one of {_list(_statuses)}"
            if effect.on not in EFFECT_TIMES or effect.who not in ("foe", "self"):
                yield f"{at}: effects: on is one of {_list(EFFECT_TIMES)}, who is foe or self"
            if not 1 <= effect.amount <= ranges.AMOUNT_MOST:
                yield f"{at}: effects: amount must be 1 to {ranges.AMOUNT_MOST}"
    for weapon in Weapon:
        basics = [a for a in content.actions if a.basic and a.weapon == weapon.name]
        if len(basics) != 1 or basics[0].points != 0:
            yield f"actions.json: {weapon.name} needs exactly one basic action, with points 0"


def _archetypes(content: Content) -> Iterator[str]:
    for number, archetype in enumerate(content.archetypes):
        at = _at("archetypes", number, archetype)
        if sum(archetype.weights) != 100 or min(archetype.weights) < 0:
            yield f"{at}: weights must be six numbers from 0 on that sum to 100"
        if "normal" not in archetype.pattern or not _intents.issuperset(archetype.pattern):
            yield f"{at}: pattern must have normal, and be of {_list(_intents)}"
        if archetype.weights[1] < HABIT_DRAWS:  # a habit stands in for so many normal attacks
            yield f"{at}: weights has {archetype.weights[1]} for normal, and must have {HABIT_DRAWS} or more"


def _enemies(content: Content) -> Iterator[str]:
    archetypes = {a.id for a in content.archetypes}
    themes = {t.id for t in content.themes}
    for number, row in enumerate(content.enemies):
        at = _at("enemies", number, row)
        if row.archetype not in archetypes:
            yield f"{at}: archetype '{row.archetype}' is not one of {_list(archetypes)}"
        if row.theme not in themes:
            yield f"{at}: theme '{row.theme}' is not one of {_list(themes)}"
        if row.hero_class and row.hero_class not in _weapons:
            yield f"{at}: hero_class '{row.hero_class}' is not one of {_list(_weapons)} or empty"
        if row.habit not in ("", *HABITS):
            yield f"{at}: habit '{row.habit}' is not one of {_list(HABITS)} or empty"
        if row.status not in _statuses:
            yield f"{at}: status '{row.status}' is not one of {_list(_statuses)}"
        if row.rank not in RANKS:
            yield f"{at}: rank '{row.rank}' is not one of {_list(RANKS)} (a normal enemy may be a guardian)"
        if row.level_min > row.level_max:
            yield f"{at}: level_min {row.level_min} is above level_max {row.level_max}"
        for intent in (*row.pattern, *row.pattern_low):
            if intent not in _intents:
                yield f"{at}: intent '{intent}' is not one of {_list(_intents)}"
        if (row.rank == "boss") != bool(row.pattern_low) or (row.rank == "normal") == bool(row.pattern):
            yield f"{at}: elites and bosses, and only they, have a pattern; bosses also a pattern_low"
        yield from _phase(at, row)


def _phase(at: str, row: Enemy) -> Iterator[str]:
    if row.phase and (row.phase not in PHASES or row.rank != "boss"):
        yield f"{at}: phase '{row.phase}' is not one of {_list(PHASES)}, for a boss, or empty"


def _goods(content: Content) -> Iterator[str]:
    for number, item in enumerate(content.items):
        at = _at("items", number, item)
        if item.slot not in Slot.__members__ or (item.slot == "weapon") != (item.weapon in _weapons):
            yield f"{at}: slot is one of {_list(Slot.__members__)}; only weapons name a weapon kind"
        if not 1 <= item.tier <= TIERS or not 0 < item.low <= item.high:
            yield f"{at}: tier must be 1 to {TIERS}, and 0 < low <= high"
    for number, affix in enumerate(content.affixes):
        if affix.kind not in ("prefix", "suffix"):
            yield f"{_at('affixes', number, affix)}: kind must be prefix or suffix"
    for number, talent in enumerate(content.talents):
        if talent.key not in KEYS:
            yield f"{_at('talents', number, talent)}: key '{talent.key}' is not one of {_list(KEYS)}"
    inputs = [c.input for c in content.consumables if c.input]
    if sorted(inputs) != [5, 6, 7]:
        yield "consumables.json: exactly one row each for the inputs 5 (potion), 6 (bomb) and 7 (ration)"
    for number, good in enumerate(content.consumables):
        at = _at("consumables", number, good)
        if good.effect not in CONSUMABLE_EFFECTS or good.who not in ("self", "foe"):
            yield f"{at}: effect must be one of {_list(CONSUMABLE_EFFECTS)}, who self or foe"
        if good.status not in (_statuses if good.effect == "status" else _statuses | {""}):
            yield f"{at}: status '{good.status}': one of {_list(_statuses)}, as effect status needs it"
    yield from item_checks.problems(content)


def _rooms(content: Content) -> Iterator[str]:
    themes = {t.id for t in content.themes}
    for number, hazard in enumerate(content.hazards):
        at = _at("hazards", number, hazard)
        if hazard.theme not in themes:
            yield f"{at}: theme '{hazard.theme}' is not one of {_list(themes)}"
        if hazard.status not in (_statuses | {""}):
            yield f"{at}: status '{hazard.status}' is not one of {_list(_statuses)} or empty"
        if bool(hazard.status) != (hazard.amount > 0) or not (hazard.status or hazard.damage > 0):
            yield f"{at}: a hazard has damage, or a status with an amount, or both"
    for number, place in enumerate(content.places):
        at = _at("places", number, place)
        if place.theme not in themes:
            yield f"{at}: theme '{place.theme}' is not one of {_list(themes)}"
        if place.kind not in RoomKind.__members__:
            yield f"{at}: kind '{place.kind}' is not one of {_list(RoomKind.__members__)}"
        if place.tilt not in TILTS or bool(place.tilt) != bool(place.tilt_amount):
            yield f"{at}: tilt '{place.tilt}' is one of {_list(TILTS)}; tilt_amount is 0 without a tilt only"
        if place.tilt and place.kind not in ("fight", "elite"):
            yield f"{at}: tilt counts in rooms of kind fight and elite only"
    for number, event in enumerate(content.events):
        yield from _event(_at("events", number, event), event, themes)


def _event(at: str, event: RoomEvent, themes: set[str]) -> Iterator[str]:
    if event.kind not in EVENT_KINDS:
        yield f"{at}: kind '{event.kind}' is not one of {_list(EVENT_KINDS)}"
    if event.theme not in (themes | {""}):
        yield f"{at}: theme '{event.theme}' is not one of {_list(themes)} or empty"
    yield from _trades(at, event.kind, event.cost, event.gain)
    if len(event.options) > OPTIONS_MAX:
        yield f"{at}: options has {len(event.options)} rows, the most are {OPTIONS_MAX}"
    if event.kind == "shrine" and (not event.options or event.cost[0] or event.gain[0]):
        yield f"{at}: a shrine has options, and cost and gain in these only"
    if event.kind == "trap" and not event.cost[0]:
        yield f"{at}: cost of a trap must not be empty"
    for place, option in enumerate(event.options, 1):
        inner = f"{at}: options {place}"
        yield from _trades(inner, event.kind, option.cost, option.gain)
        if not option.text.strip() or not option.text.isascii() or len(option.text) > OPTION_CHARS_MAX:
            yield f"{inner}: text must be plain and have 1 to {OPTION_CHARS_MAX} characters"
        if not option.cost[0] and not option.gain[0]:
            yield f"{inner}: an option has a cost or a gain"
        if (option.stat in EVENT_STATS) != bool(option.roll) or (not option.roll and option.stat):
            yield f"{inner}: stat is one of {_list(EVENT_STATS)} with a roll, else empty"
        if option.roll and not (2 <= option.roll <= ROLL_MAX and option.cost[0] and option.gain[0]):
            yield f"{inner}: roll is 0 or 2 to {ROLL_MAX}, and then the option has a cost and a gain"


def _trades(at: str, kind: str, cost: tuple[str, int], gain: tuple[str, int]) -> Iterator[str]:
    for field, (what, amount), known in (("cost", cost, COSTS), ("gain", gain, GAINS)):
        if what not in known:
            yield f"{at}: {field} '{what}' is not one of {_list(known)}"
        elif amount < (1 if what and (field, what) != ("gain", "item") else 0):
            yield f"{at}: {field} '{what}' needs an amount of 1 or more"
        elif kind == "travel" and what in IN_DUNGEONS:
            yield f"{at}: {field} '{what}' counts in dungeons only, so no event of travel has it"


def _regions(content: Content) -> Iterator[str]:
    themes = {t.id: t for t in content.themes}
    enemies = {e.id: e for e in content.enemies}
    expected = 1
    for number, row in enumerate(content.regions):
        at = _at("regions", number, row)
        if row.boss not in enemies or enemies[row.boss].rank != "boss":
            yield f"{at}: boss '{row.boss}' is not an enemy of rank boss"
        if row.first_level != expected or row.last_level < row.first_level:
            yield f"{at}: levels must go on from {expected} without a gap"
        expected = row.last_level + 1
        for name in row.themes:
            if name not in themes or themes[name].region != row.id:
                yield f"{at}: theme '{name}' does not exist or belongs to another region"
    regions = {r.id for r in content.regions}
    for number, theme in enumerate(content.themes):
        at = _at("themes", number, theme)
        if theme.region not in regions:
            yield f"{at}: region '{theme.region}' is not one of {_list(regions)}"
        if not 1 <= len(theme.dungeons) <= DUNGEONS_MAX:
            yield f"{at}: dungeons has {len(theme.dungeons)} names, and must have 1 to {DUNGEONS_MAX}"
        for title in theme.dungeons:
            plain = title.strip() and title.isascii() and title.isprintable()
            if not plain or len(title) > NAME_CHARS_MAX:
                yield f"{at}: dungeons: {title[:40]!r} must be plain text of 1 to {NAME_CHARS_MAX} characters"


def _ascensions(content: Content) -> Iterator[str]:
    if len(content.ascensions) > limits.ascensions_max:
        yield f"ascensions.json: at most {limits.ascensions_max} rows, one for each ascension from 1 on"
    for number, row in enumerate(content.ascensions):
        at = _at("ascensions", number, row)
        if row.key not in ascents.KEYS:
            yield f"{at}: key must be of {_list(ascents.KEYS)}"
        elif row.key in ascents.FACTORS_UP and row.amount <= 1000:
            yield f"{at}: {row.key} is a factor in permille; only above 1000 it makes a run harder"
        elif row.key in ascents.FACTORS_DOWN and not 0 < row.amount < 1000:
            yield f"{at}: {row.key} is a factor in permille; only from 1 to 999 it makes a run harder"
        elif row.key in ascents.COUNTS and row.amount <= 0:
            yield f"{at}: {row.key} is a number; only above 0 it makes a run harder"


def _gaps(content: Content) -> Iterator[str]:
    """Yield a problem for each row that the engine needs and the content lacks."""
    for theme in content.themes:
        yield from _theme_gaps(content, theme.id)
    if sum(e.kind == "travel" for e in content.events) < 3:
        yield "events.json: three travel events are needed"
    held = {(i.slot, i.weapon, i.tier) for i in content.items if not i.power}
    wanted = [("weapon", w.name) for w in Weapon] + [(s.name, "") for s in list(Slot)[1:]]
    for slot, weapon in wanted:
        for tier in range(1, TIERS + 1):
            if (slot, weapon, tier) not in held:
                yield f"items.json: no {weapon or slot} of tier {tier}"
    for kind, least in (("prefix", 3), ("suffix", 4)):
        if sum(a.kind == kind for a in content.affixes) < least:
            yield f"affixes.json: at least {least} of kind {kind} are needed"
    if len(content.talents) < 3:
        yield f"talents.json: three talents are needed, and there are {len(content.talents)}"
    if not content.regions:
        yield "regions.json: one region is needed, and there is none"


def _theme_gaps(content: Content, theme: str) -> Iterator[str]:
    if not any(e.theme == theme and e.rank == "normal" for e in content.enemies):
        yield f"enemies.json: theme {theme} has no enemy of rank normal"
    if sum(h.theme == theme for h in content.hazards) < 2:
        yield f"hazards.json: theme {theme} needs two hazards"
    for kind in RoomKind:
        if not any(p.theme == theme and p.kind == kind.name for p in content.places):
            yield f"places.json: theme {theme} has no place of kind {kind.name}"
    for event in ("shrine", "trap"):
        if not any(e.kind == event and e.theme in ("", theme) for e in content.events):
            yield f"events.json: theme {theme} needs an event of kind {event}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(name or "(empty)" for name in names))
