"""The score of a run, in hundredths of a point, 0 to 10,000; it never falls.

3 points a first-cleared level of the thirty, 3 a boss, 1 for the last, and at most 1 for what has been
learned since the last first clear. That last part starts again at each first clear, which is worth more.

Source: game.md section 7.
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import State


def score(state: State) -> int:
    world = state.world
    levels = min(tables.SCORED_LEVELS, world.first_clears)
    points = levels * tables.LEVEL_POINTS + world.bosses * tables.BOSS_POINTS
    if world.bosses >= tables.SCORED_BOSSES:
        points += tables.LAST_POINTS
    towards = tables.PROGRESS_POINTS * world.xp_since_clear // (10 * tables.unit(world.frontier))
    return min(10_000, points + min(tables.PROGRESS_POINTS, towards))
