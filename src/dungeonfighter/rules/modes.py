"""Modes: the limit of turns of each, the runs that are ranked, and the categories in which they compete.

Runs compete only within their category: the mode, and from ascension 1 on the ascension behind it, for
example `ironman` or `short-3`. Stores keep the category of a run in its column `mode`.

Source: docs/rules.md, "Modes and ascensions"; docs/decisions/065-ranked-for-few-tokens.md.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter import limits
from dungeonfighter.rules.state import Mode, State

_SHORT = int(Mode.short)

RANKED: Final = frozenset((Mode.ironman, Mode.daily, Mode.short))
"""The modes whose runs are ranked when the server drew the seed."""
CATEGORIES: Final = {
    mode.name if not ascension else f"{mode.name}-{ascension}": (mode, ascension)
    for mode in Mode
    for ascension in range(limits.ascensions_max + 1)
    if mode != Mode.daily or not ascension
}
"""Mode and ascension by the name of their category. A daily run has no ascension: all bots play one game."""
RANKED_CATEGORIES: Final = frozenset(name for name, (mode, _) in CATEGORIES.items() if mode in RANKED)


def category(mode: int, ascension: int) -> str:
    """Return the name of a category."""
    name = Mode(mode).name
    return f"{name}-{ascension}" if ascension else name


def is_limited(state: State) -> bool:
    """Return True if the run has a limit of turns: ranked runs and short ones have one."""
    return state.ranked or state.mode == _SHORT


def turns_max(mode: int) -> int:
    """Return the limit of turns of a limited run of this mode."""
    return limits.short_turns_max if mode == _SHORT else limits.ranked_turns_max
