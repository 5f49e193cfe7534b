"""The heuristic's preferences outside fights: doors, talents, and the level it dares to enter."""

from __future__ import annotations

from typing import Final

from dungeonfighter.bots import guardians
from dungeonfighter.rules.views.observation import DoorView, Observation, OfferView

DOORS: Final = {
    # the worth at full health, and its increase down to no health
    "treasure": (6.0, 1.0),
    "shrine": (5.0, 0.0),
    "merchant": (4.5, 0.5),
    "rest": (4.0, 4.0),
    "trap": (3.0, -3.0),
    "dark": (2.0, -1.0),
    "fight": (1.5, -2.0),
    "elite": (1.0, -4.0),
}
GATHER_PRICE: Final = 0.25
"""The cost of a room without a kill, for each tenth that the guardian has grown already."""
PEACEFUL: Final = frozenset(("treasure", "shrine", "merchant", "rest", "trap"))
TALENTS: Final = (
    "Spell Breaker", "Scavenger", "Venom Craft", "Giant Slayer", "Haggler", "Hoarder", "Executioner",
    "Second Wind", "Wardstone", "Ambusher", "Riposte", "Field Medic", "Quick Hands", "Steady Hand",
    "Lingering Craft", "Last Stand", "Momentum", "Door Sense", "Gambler", "Braced Swing", "Thick Skin",
    "Serrated Edge", "Composed", "Ghost Step",
)  # fmt: skip
"""The talents, best first. Any other talent ranks last."""
HOME: Final = 10
"""The highest level of the first region."""
DARES: Final = 2
"""The levels above its own that the hero dares to enter beyond it."""
_TALENT_RANKS: Final = {name: rank for rank, name in enumerate(TALENTS)}


def best_talent(o: Observation) -> str:
    if not o.talents:
        return "1"
    best = min(o.talents, key=lambda t: (_TALENT_RANKS.get(t.name, len(TALENTS)), t.number))
    return str(best.number)


def door_appeal(o: Observation, door: DoorView, share: float) -> float:
    """Return the appeal of a door: the worth of its room, less what the guardian gains by it."""
    full, hurt = DOORS.get(door.kind, (2.0, 0.0))
    worth = full + hurt * (1.0 - share)
    if door.kind in PEACEFUL and o.current_dungeon is not None:
        worth -= GATHER_PRICE * o.current_dungeon.guardian_grown / 10
    return worth


def dungeon_appeal(o: Observation, d: OfferView) -> float:
    """Return the appeal of a dungeon: the highest level that the hero dares to enter, a new one first.

    The hero grows before it goes on, except beyond the first region: there a level of the hero adds less than
    the stirring of the dungeons takes, so it dares levels above its own, the lowest of them first.
    """
    above = d.level - o.player.level
    if (hopeless := guardians.outlook(o, d)) > guardians.HOPELESS:
        return -20.0 - hopeless
    if above > (DARES if d.level > HOME else 0):
        return -float(above) - (0.5 if d.cleared else 0.0)
    lower = d.level * 0.01
    return (2.0 if not d.cleared else 0.0) + (1.0 if d.boss else 0.0) + (lower if above <= 0 else -lower)
