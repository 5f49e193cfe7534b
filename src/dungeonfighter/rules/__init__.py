"""The rules of DungeonFighter: pure functions, deterministic, integers only.

No function in this room waits, does I/O or reads a clock.
"""

from __future__ import annotations

from dungeonfighter.rules.engine import GameOptions, Rules, Step, load_rules
from dungeonfighter.rules.inputs import canonical
from dungeonfighter.rules.modes import CATEGORIES, RANKED, RANKED_CATEGORIES, category
from dungeonfighter.rules.state import Mode, Phase, State, Weapon
from dungeonfighter.rules.views.observation import Choice, Observation

__all__ = [
    "CATEGORIES",
    "RANKED",
    "RANKED_CATEGORIES",
    "Choice",
    "GameOptions",
    "Mode",
    "Observation",
    "Phase",
    "Rules",
    "State",
    "Step",
    "Weapon",
    "canonical",
    "category",
    "load_rules",
]
