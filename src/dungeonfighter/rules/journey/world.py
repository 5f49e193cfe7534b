"""Progress over the run: cleared levels, bosses, regions, and the dungeons that the hub offers next.

Source: docs/rules.md, "Dungeons" and "World and score".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dungeonfighter.rules import dice, modes, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Dungeon, Offer, RoomPhase, State, World

_DOORS = int(RoomPhase.doors)
_DRAWS_EACH: Final = 2 + tables.ROSTER
"""The greatest number of outputs that one offer takes from the layout stream."""


def turns_left(state: State) -> int | None:
    """Return the turns until the limit of the run; None for a run without a limit."""
    if not modes.is_limited(state):
        return None
    left = modes.turns_max(state.mode) - state.turn - state.world.spent
    return left if left > 0 else 0


def allowance_left(state: State) -> int:
    """Return the turns until the dungeons stir; below 0 they have stirred for so long.

    The next first clear gives a new allowance, by the rooms of the lowest uncleared level.
    """
    world = state.world
    allowance = tables.STALE_BASE + tables.STALE_ROOM * tables.rooms_of(world.frontier)
    return allowance + world.cleared_at - state.turn - world.spent


def stirring(state: State) -> int:
    """Return the permille of health and damage by which the enemies of new fights have grown."""
    left = allowance_left(state)
    return 0 if left >= 0 else min(tables.STALE_MOST, -left // tables.STALE_EVERY * tables.STALE_STEP)


def gathered(dungeon: Dungeon) -> int:
    """Return the permille by which the guardian has grown, for the rooms entered so far without a kill.

    The room of the guardian itself does not count.
    """
    entered = dungeon.room if dungeon.room < dungeon.rooms else dungeon.rooms - 1
    quiet = entered - dungeon.kills
    return min(tables.GATHER_MOST, tables.GATHER * quiet) if quiet > 0 else 0


def leads_to_last(dungeon: Dungeon, *, ahead: bool = False) -> bool:
    """Return True if the next doors lead to the guardian's room; `ahead`: those behind the doors of now."""
    return dungeon.room + 1 + (ahead and dungeon.phase == _DOORS) >= dungeon.rooms


def is_cleared(world: World, level: int) -> bool:
    return level < world.frontier or level in world.cleared


def counts(world: World, level: int, boss: bool) -> bool:
    """Return True if clearing a dungeon of this level, or the region's boss, would be the first time."""
    return world.bosses == world.region if boss else not is_cleared(world, level)


def has_repeated(state: State) -> bool:
    """Return True if this turn has cleared a dungeon that did not count."""
    if not state.reward or state.reward[5]:
        return False
    return any(event[0] == Event.DungeonCleared for event in state.log[state.turn_start :])


def boss_due(cat: Catalogue, world: World) -> bool:
    return world.frontier > cat.regions[world.region].last_level and world.bosses == world.region


def open_regions(cat: Catalogue, world: World) -> list[int]:
    return [r for r in range(min(world.bosses + 1, len(cat.regions))) if r != world.region]


def last_level(cat: Catalogue, world: World) -> int:
    """Return the highest level of the present region; the last one is endless once all bosses are beaten."""
    if world.bosses >= len(cat.regions) and world.region == len(cat.regions) - 1:
        return tables.LEVEL_MAX
    return cat.regions[world.region].last_level


def draw_offers(cat: Catalogue, state: State) -> list[Offer]:
    """Draw the offers: the boss if it is due, then the levels f, f - 1 and f + 1.

    f is the lowest uncleared level of the region. The themes of its three levels differ, as far as the
    region has as many.
    """
    world = state.world
    last = last_level(cat, world)
    lowest = world.frontier if world.frontier < last else last
    first = cat.regions[world.region].first_level
    if lowest < first:
        lowest = first
    levels = [level for level in (lowest, lowest - 1, lowest + 1) if 1 <= level <= last]
    boss = boss_due(cat, world)
    most = _DRAWS_EACH * (len(levels) + boss)
    stream = state.dice
    outputs = dice.peek(stream.layout, most)
    themes: list[int] = []
    offers = [_offer(cat, world.region, level, themes, outputs) for level in levels]
    if boss:
        offers.insert(0, _boss_offer(cat, world.region, last, outputs))
    stream.layout = dice.advance_past(stream.layout, most, outputs)
    held = world.held
    if held is not None:
        for place, offer in enumerate(offers):
            if (offer.level, offer.boss) == (held.level, held.boss):
                offers[place] = Offer(held.level, held.theme, held.name, held.boss, held.roster)
    return offers


def resumed(world: World, offer: Offer) -> Dungeon | None:
    """Return the dungeon that the hero left, if the offer is of its level; else None."""
    held = world.held
    return held if held is not None and (held.level, held.boss) == (offer.level, offer.boss) else None


def clear(cat: Catalogue, state: State, level: int, boss: bool) -> bool:
    """Record a completed dungeon; return True for a first clear, of its level or of the region's boss."""
    world = state.world
    world.completions += 1
    if boss:
        if world.bosses != world.region:
            return False
        world.bosses += 1
        state.log.append([Event.BossBeaten, world.region])
        if world.bosses == len(cat.regions):
            state.log.append([Event.GameWon])
        return True
    if is_cleared(world, level):
        return False
    cleared = [*world.cleared, level]
    world.first_clears += 1
    while world.frontier in cleared:
        cleared.remove(world.frontier)
        world.frontier += 1
    world.cleared = cleared
    return True


def first_clear(cat: Catalogue, state: State) -> None:
    state.world.xp_since_clear = 0
    state.world.restocks = True
    restart_clock(cat, state)
    if state.hero.scars:
        state.hero.scars = 0
        refresh(cat, state.hero)


def restart_clock(cat: Catalogue, state: State) -> None:
    """Begin a new allowance of turns, which an ascension makes shorter."""
    state.world.cleared_at = state.turn + state.world.spent - cat.ascents[state.ascension].allowance


def _offer(cat: Catalogue, region: int, level: int, themes: list[int], outputs: Iterator[int]) -> Offer:
    """Make an offer of this level from two outputs of the stream and one for each enemy of its roster.

    Args:
        themes: The themes of the region that no offer of the list has yet; empty, it begins anew.
    """
    if not themes:
        themes.extend(cat.themes_of_region[region])
    theme = themes.pop(next(outputs) * len(themes) >> 64)
    return _drawn(cat, theme, level, False, outputs)


def _boss_offer(cat: Catalogue, region: int, level: int, outputs: Iterator[int]) -> Offer:
    """Make the offer of the region's boss, in the theme of the boss."""
    return _drawn(cat, cat.enemy_theme[cat.boss_of_region[region]], level, True, outputs)


def _drawn(cat: Catalogue, theme: int, level: int, boss: bool, outputs: Iterator[int]) -> Offer:
    name = next(outputs) * len(cat.themes[theme].dungeons) >> 64
    pool = list(cat.enemies_at[theme][level])
    size = len(pool)
    fewest = size - tables.ROSTER if size > tables.ROSTER else 0
    enemies = [pool.pop(next(outputs) * left >> 64) for left in range(size, fewest, -1)]
    return Offer(level, theme, name, boss, enemies)
