"""The names of the classes and of their stats, by weapon kind."""

from __future__ import annotations

from typing import Final

CLASSES: Final = ("Barbarian", "Warrior", "Rogue", "Wizard")
STATS: Final = ("STR", "AGI", "TEC", "INT")
