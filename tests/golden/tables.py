"""The content as tables for docs/rules.md; `make golden` writes each after its marker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import words
from dungeonfighter.rules.catalog import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS, Effect, EventOption, Hazard, HeroAction
from dungeonfighter.rules.character.loot import STATS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "rules.md"


def filled(document: str, cat: Catalogue) -> str:
    """Return the document with a new table after every marker."""
    kept: list[str] = []
    in_table = False
    for line in document.split("\n"):
        if in_table and line.startswith("|"):
            continue
        in_table = False
        kept.append(line)
        if line.startswith("<!-- "):
            kept.extend(_TABLES[line[5:-4]](cat))
            in_table = True
    return "\n".join(kept)


def _table(heads: str, rows: list[str]) -> list[str]:
    count = heads.count("|") + 1
    return [f"| {heads} |", "|" + "---|" * count, *(f"| {row} |" for row in rows)]


def _levels(cat: Catalogue) -> list[str]:
    return _table(
        "level | health | normal hit | burn or bleed point | fortify point | experience unit | next level",
        [
            f"{n} | {tables.ENEMY_HEALTH[n]} | {tables.ENEMY_DAMAGE[n]} | {tables.STATUS_DAMAGE[n]} | "
            f"{tables.FORTIFY[n]} | {tables.unit(n)} | {tables.xp_next(n)}"
            for n in (1, 2, 3, 5, 8, 10, 15, 20, 25, 30)
        ],
    )


def _archetypes(cat: Catalogue) -> list[str]:
    return _table(
        "archetype (permille) | health | damage | time | armour | light/normal/heavy/status/defend/heal",
        [
            f"{a.id} | {a.health} | {a.damage} | {a.time} | {a.armour} | {'/'.join(map(str, a.weights))}"
            for a in cat.archetypes
        ],
    )


def _enemies(cat: Catalogue) -> list[str]:
    return _table(
        "enemy | where | levels | archetype | class | status | habit",
        [
            f"{e.name}{' (boss)' if e.rank == 'boss' else ''}{' (undead)' if e.undead else ''} | {e.theme} | "
            f"{e.level_min} to {e.level_max} | {e.archetype} | {e.hero_class or '-'} | "
            f"{e.status.replace('_', ' ')} {e.amount} | {e.habit or '-'}"
            for e in cat.enemies
            if e.rank == "normal"
        ],
    )


def _patterns(cat: Catalogue) -> list[str]:
    return _table("archetype | pattern", [f"{a.id} | {', '.join(a.pattern)}" for a in cat.archetypes])


def _named(cat: Catalogue) -> list[str]:
    return _table(
        "enemy | where | archetype | class | status | habit | pattern | under half health",
        [
            f"{e.name} ({e.rank}){' (undead)' if e.undead else ''} | {e.theme} | {e.archetype} | "
            f"{e.hero_class or '-'} | {e.status.replace('_', ' ')} {e.amount} | {e.habit or '-'} | "
            f"{', '.join(e.pattern)} | {', '.join(e.pattern_low) or '-'}"
            for e in cat.enemies
            if e.rank != "normal"
        ],
    )


def _themes(cat: Catalogue) -> list[str]:
    rows = []
    for number, theme in enumerate(cat.themes):
        hazards = [f"{cat.hazard_rows[n].text}: {_hazard(cat.hazard_rows[n])}" for n in cat.hazards[number]]
        places = [place for place in cat.place_rows if place.theme == theme.id and place.tilt]
        tilts = [f"{place.name} ({place.kind}): {place.tilt} {place.tilt_amount:+d}" for place in places]
        region = cat.regions[cat.region_of_theme[number]].name
        rows.append(f"{theme.name} | {region} | {'; '.join(hazards)} | {'; '.join(tilts)}")
    return _table("theme | region | hazards | rooms with a tilt", rows)


def _hazard(hazard: Hazard) -> str:
    parts = [f"{hazard.damage / 10:g} % health"] if hazard.damage else []
    parts += [f"{hazard.status.replace('_', ' ')} {hazard.amount}"] if hazard.status else []
    return ", ".join(parts)


def _events(cat: Catalogue) -> list[str]:
    return _table(
        "event | kind | costs | gives | options",
        [
            f"{e.text} | {e.kind}{', ' + e.theme if e.theme else ''} | {_trade(e.cost)} | {_trade(e.gain)} | "
            f"{'; '.join(map(_option, e.options)) or '-'}"
            for e in cat.events
        ],
    )


def _option(option: EventOption) -> str:
    cost, gain = _cost(option.cost), _gain(option.gain)
    if option.roll:
        die = f"d20 + {option.stat.upper()}/4 of {option.roll}"
        return f"{option.text}: {die} for {gain}, else {cost}"
    if not option.gain[0]:
        return f"{option.text}: {cost}"
    return f"{option.text}: {cost} for {gain}" if option.cost[0] else f"{option.text}: {gain} for free"


def _cost(trade: tuple[str, int]) -> str:
    return f"weaken {trade[1]}" if trade[0] == "status" else _trade(trade)


def _gain(trade: tuple[str, int]) -> str:
    return f"shield {trade[1]}" if trade[0] == "status" else _trade(trade)


def _trade(trade: tuple[str, int]) -> str:
    what, amount = trade
    words = {
        "health": f"{amount / 10:g} % health",
        "gold": f"{amount} x level gold",
        "xp": f"{amount / 1000:g} units",
        "item": f"an item, {amount} rarity up" if amount else "an item",
        "stat": f"{amount} on the stat of the weapon",
        "good": f"{amount} random consumable{'s' if amount > 1 else ''}",
    }
    return words.get(what, f"{what} {amount}") if what else "-"


def _weapons(cat: Catalogue) -> list[str]:
    rows = []
    for kind, tiers in enumerate(cat.weapons):
        cells = [
            "; ".join(f"{cat.items[n].name} {cat.items[n].low}-{cat.items[n].high}" for n in tier)
            for tier in tiers
        ]
        rows.append(" | ".join((("mace", "sword", "dagger", "wand")[kind], *cells)))
    for slot, tiers in enumerate(cat.armours):
        if slot:
            cells = [
                "; ".join(f"{cat.items[n].name} {cat.items[n].low}-{cat.items[n].high}" for n in tier)
                for tier in tiers
            ]
            rows.append(" | ".join((("", "head", "chest", "legs", "feet")[slot], *cells)))
    return _table("base | tier 1 | tier 2 | tier 3 | tier 4 | tier 5", rows)


def _affixes(cat: Catalogue) -> list[str]:
    return _table(
        "affix | kind | raises | base | more a level",
        [
            f"{a.name} | {a.kind} | {a.stat} | {a.base} | {a.per_level_permille / 1000:g}"
            for a in cat.affixes
            if a.stat in AFFIX_STATS
        ],
    )


def _bonuses(cat: Catalogue) -> list[str]:
    return _table(
        "affix | kind | bonus",
        [
            f"{a.name} | {a.kind} | {words(*cat.bonuses[cat.affix_stat[number] - STATS], a.base)}"
            for number, a in enumerate(cat.affixes)
            if a.stat not in AFFIX_STATS
        ],
    )


def _uniques(cat: Catalogue) -> list[str]:
    return _table(
        "unique item | slot | worth | power",
        [
            f"{item.name} | {item.weapon or item.slot} | {item.worth / 1000:g} | {item.power}"
            for item in cat.items
            if item.power
        ],
    )


def _ascensions(cat: Catalogue) -> list[str]:
    return _table(
        "ascension | name | adds",
        [f"{n} | {row.name} | {row.text}" for n, row in enumerate(cat.content.ascensions, 1)],
    )


def _consumables(cat: Catalogue) -> list[str]:
    return _table(
        "consumable | input | effect | price | carried",
        [
            f"{c.name} | `{c.input or f'item {number + 1}'}` | {c.text} | "
            f"{c.price_base} + {c.price_per_level} a level | {c.carried_max}"
            for number, c in enumerate(cat.consumables)
        ],
    )


def _actions(cat: Catalogue) -> list[str]:
    return _table(
        "action | weapon | points | damage | length | effects | in words",
        [
            f"{a.name} | {a.weapon} | {a.points if a.points >= 0 else 'gear'} | {_damage(a)} | {a.length} | "
            f"{_effects(a)} | {a.text}"
            for a in cat.actions
        ],
    )


def _damage(action: HeroAction) -> str:
    times = f"{action.hits} x " if action.hits > 1 else ""
    return f"{times}{action.damage / 10:g} %"


def _effects(action: HeroAction) -> str:
    parts = [_effect(effect) for effect in action.effects]
    if action.pierce:
        parts.append(f"ignores {action.pierce / 10:g} % armour")
    if action.heal:
        parts.append(f"heals {action.heal / 10:g} %")
    parts += [word for word, on in (("opener", action.opener), ("finisher", action.finisher)) if on]
    if action.route:
        parts.append(f"route {action.route}")
    return ", ".join(parts) or "-"


def _effect(effect: Effect) -> str:
    when = {"combo": "", "critical": " on a critical", "hit": " a blow"}[effect.on]
    whom = " on you" if effect.who == "self" else ""
    return f"{effect.status.replace('_', ' ')} {effect.amount}{whom}{when}"


def _talents(cat: Catalogue) -> list[str]:
    return _table("talent | effect", [f"{t.name} | {t.text}" for t in cat.talents])


_TABLES: Final[dict[str, Callable[[Catalogue], list[str]]]] = {
    "levels": _levels,
    "archetypes": _archetypes,
    "patterns": _patterns,
    "enemies": _enemies,
    "named": _named,
    "themes": _themes,
    "events": _events,
    "weapons": _weapons,
    "affixes": _affixes,
    "bonuses": _bonuses,
    "uniques": _uniques,
    "consumables": _consumables,
    "actions": _actions,
    "talents": _talents,
    "ascensions": _ascensions,
}
