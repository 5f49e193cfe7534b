"""Figures by fleet, for pages that show one fleet of several; a server for one fleet keeps none."""

from __future__ import annotations

from typing import Final

FLEETS_MAX: Final = 1000
"""The number of fleets with figures of their own; those of further fleets are unknown."""


def fleet_of(key: str) -> str:
    """Return the fleet of a key: `team-a` for `team-a/hero`."""
    return key.partition("/")[0]


class FleetTurns:
    """The committed turns of each fleet."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, key: str, turns: int) -> None:
        """Count turns of the bot with this key."""
        fleet = fleet_of(key)
        counts = self.counts
        if fleet in counts:
            counts[fleet] += turns
        elif len(counts) < FLEETS_MAX:
            counts[fleet] = turns
