"""The result of a run."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import Phase, State
from dungeonfighter.rules.state import Ending

LIVE: Final = "live"
"""Stands for the result of a run that goes on."""
_BOSSES: Final = 3


def run_result(state: State) -> str:
    """Return the result of a run that is over or that a new run replaces: won, died, turns or abandoned."""
    if state.ending == Ending.turns:
        return "turns"
    if state.phase == Phase.Victory or state.world.bosses >= _BOSSES:
        return "won"
    return "died" if state.over or state.phase == Phase.Death else "abandoned"
