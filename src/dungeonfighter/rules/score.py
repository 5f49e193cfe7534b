"""The score of a run, in hundredths of a point, 0 to 10,000. It never falls.

A first clear of one of the thirty levels scores 3 points, a boss 3, the last boss 1 more. Experience since
the last first clear scores at most 1 point; a first clear resets this part, but scores more itself.

Source: docs/rules.md, "World and score".
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import State, World


def score(state: State) -> int:
    world = state.world
    return _score(world.xp_since_clear, world.first_clears, world.bosses, world.frontier)


def gained(world: World, xp: int, first_clears: int, bosses: int, frontier: int) -> int:
    now = _score(world.xp_since_clear, world.first_clears, world.bosses, world.frontier)
    return now - _score(xp, first_clears, bosses, frontier)


def _score(xp: int, first_clears: int, bosses: int, frontier: int) -> int:
    levels = first_clears if first_clears < tables.SCORED_LEVELS else tables.SCORED_LEVELS
    points = levels * tables.LEVEL_POINTS + bosses * tables.BOSS_POINTS
    if bosses >= tables.SCORED_BOSSES:
        points += tables.LAST_POINTS
    towards = tables.PROGRESS_POINTS * xp // (10 * tables.unit(frontier))
    points += towards if towards < tables.PROGRESS_POINTS else tables.PROGRESS_POINTS
    return points if points < 10_000 else 10_000
