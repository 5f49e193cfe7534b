"""The changes that the hero's gear makes in the heuristic's reckoning of a fight.

The view shows the damage of a plain hit now, with all bonuses of gear, and names the worn items. Bonuses that
depend on the stance or on a guard are read off the names and texts of the worn items; all others are in the
shown damage.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from dungeonfighter.rules.views.observation import PlayerView

GEAR_MAX: Final = 1024
"""The greatest number of sets of worn items that the cache keeps."""
PRESENT_MIN: Final = 0.8
PRESENT_MAX: Final = 4.0
"""The bounds of the factor that the shown damage tells; beyond them the reckoning itself is off."""
_DAMAGE: Final = re.compile(r"damage \+(\d+)% (with power|after a guard|in slot 1)")
_UNIQUES: Final = {"Anvil Song": ("after a guard", 1.0)}
GUARDS: Final = {"Crown of Burrs": 0.6, "Pointing Hood": 0.4, "Coiled Greaves": 0.4}
"""The worth of a guarded attack by item, in plain hits."""


class Gear(NamedTuple):
    """Factors on the damage with power and in the first slot, and a guard's worth in plain hits."""

    power: float = 1.0
    first_slot: float = 1.0
    guard: float = 0.0


def of(p: PlayerView) -> Gear:
    return _read(tuple((item.name, *item.affixes) for item in p.worn))


def present(shown: int, reckoned: float) -> float:
    """Return the factor of the bonuses that count now, from the shown damage and the one without gear."""
    if shown <= 3 or reckoned <= 3.0:
        return 1.0
    factor = shown / reckoned
    return factor if PRESENT_MIN < factor < PRESENT_MAX else 1.0


@lru_cache(GEAR_MAX)
def _read(worn: Iterable[tuple[str, ...]]) -> Gear:
    more = {"with power": 0.0, "after a guard": 0.0, "in slot 1": 0.0}
    guard = 0.0
    for name, *texts in worn:
        guard += GUARDS.get(name, 0.0)
        if name in _UNIQUES:
            when, factor = _UNIQUES[name]
            more[when] += factor
        for text in texts:
            found = _DAMAGE.match(text)
            if found is not None:
                more[found[2]] += int(found[1]) / 100
    return Gear(1.0 + more["with power"], 1.0 + more["in slot 1"], guard + more["after a guard"])
