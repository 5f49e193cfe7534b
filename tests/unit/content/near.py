"""Near-duplicates: two rows of one mechanism with all figures within 15 % of each other.

Each function gives the rows of one kind of content as an id, the mechanism and the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final

from dungeonfighter.rules.catalog.model import Content, EventOption, HeroAction, RoomEvent

NEAR: Final = 0.15
AFFIX_LEVELS: Final = (5, 15, 30)
"""The item levels at which the amounts of affixes are compared."""

Row = tuple[str, Hashable, Sequence[float]]


def is_near(a: Sequence[float], b: Sequence[float]) -> bool:
    """Return True if no figure of one row differs from that of the other by more than 15 %."""
    return len(a) == len(b) and all(
        abs(x - y) <= NEAR * max(abs(x), abs(y)) for x, y in zip(a, b, strict=True)
    )


def near_duplicates(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Return the pairs of ids with the same mechanism and near figures."""
    return [
        (one[0], other[0])
        for one, other in combinations(rows, 2)
        if one[1] == other[1] and is_near(one[2], other[2])
    ]


def enemies(content: Content) -> Iterator[Row]:
    for row in content.enemies:
        yield row.id, (row.archetype, row.habit, row.status, row.undead, row.pattern), (row.amount,)


def archetypes(content: Content) -> Iterator[Row]:
    for row in content.archetypes:
        yield row.id, "archetype", (row.health, row.damage, row.time, row.armour, *row.weights)


def hazards(content: Content) -> Iterator[Row]:
    for row in content.hazards:
        yield row.id, row.status, (row.amount, row.damage)


def places(content: Content) -> Iterator[Row]:
    """Yield the places with a tilt; those without one differ by words alone."""
    for row in content.places:
        if row.tilt:
            yield row.id, (row.theme, row.kind, row.tilt), (row.tilt_amount,)


def events(content: Content) -> Iterator[Row]:
    for row in content.events:
        figures = [*_figures(row), *(figure for option in row.options for figure in _figures(option))]
        how = (row.kind, _trade(row), tuple(map(_trade, row.options)), "" if row.options else row.theme)
        yield row.id, how, figures


def options(content: Content) -> Iterator[Row]:
    for row in content.events:
        for option in row.options:
            yield f"{row.id}: {option.text}", (row.kind, _trade(option)), _figures(option)


def items(content: Content) -> Iterator[Row]:
    """Yield ordinary items; the power of a unique one is no other's, as `test_gear_content` checks."""
    for row in content.items:
        if not row.power:
            yield row.id, (row.slot, row.weapon, row.tier), (row.low, row.high, row.time)


def affixes(content: Content) -> Iterator[Row]:
    for row in content.affixes:
        amounts = [row.base + row.per_level_permille * level / 1000 for level in AFFIX_LEVELS]
        yield row.id, (row.stat, row.when, row.perk), amounts


def consumables(content: Content) -> Iterator[Row]:
    for row in content.consumables:
        yield row.id, (row.effect, row.status, row.who), (row.amount, row.length)


def actions(content: Content) -> Iterator[Row]:
    for row in content.actions:
        yield row.id, _way(row), (row.damage * row.hits, row.length)


def talents(content: Content) -> Iterator[Row]:
    for row in content.talents:
        yield row.id, row.key, (row.amount,)


def ascensions(content: Content) -> Iterator[Row]:
    for row in content.ascensions:
        yield row.id, row.key, (row.amount,)


ROWS: Final[dict[str, Callable[[Content], Iterator[Row]]]] = {
    "enemies": enemies, "archetypes": archetypes, "hazards": hazards, "places": places, "events": events,
    "options": options, "items": items, "affixes": affixes, "consumables": consumables, "actions": actions,
    "talents": talents, "ascensions": ascensions,
}  # fmt: skip


def _trade(row: RoomEvent | EventOption) -> Hashable:
    return row.cost[0], row.gain[0], getattr(row, "stat", "")


def _figures(row: RoomEvent | EventOption) -> list[float]:
    return [row.cost[1], row.gain[1], getattr(row, "roll", 0)]


def _way(row: HeroAction) -> Hashable:
    effects = frozenset((effect.status, effect.who) for effect in row.effects)
    return effects, row.opener, row.finisher, row.route, bool(row.heal), bool(row.pierce), row.hits > 1
