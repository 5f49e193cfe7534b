"""DungeonFighter: a dungeon-crawling RPG for AI agents, served over the Model Context Protocol."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
