"""The things that the playthroughs must show together, so that a change of any of them moves a text."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import Phase, State
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import RoomKind, RoomPhase

THINGS: Final = frozenset(
    {"region 1", "region 2", "road", "roadside option", "event with a die", "spoils", "merchant", "camp"}
)
_EVENTS: Final = {
    Event.TravelEvent: "road",
    Event.RoadMet: "roadside option",
    Event.OptionRolled: "event with a die",
    Event.Camped: "camp",
}
_OFFERS: Final = {RoomKind.elite: "spoils", RoomKind.merchant: "merchant"}


def things_of(state: State) -> set[str]:
    """Return the things that the view of this state shows."""
    things = {_EVENTS[event[0]] for event in state.log[state.turn_start :] if event[0] in _EVENTS}
    dungeon = state.dungeon
    if dungeon is None:
        return things
    if state.phase in (Phase.Combat, Phase.Dungeon):
        things.add(f"region {state.world.region + 1}")
    if state.phase == Phase.Dungeon and dungeon.phase == RoomPhase.offer and dungeon.kind in _OFFERS:
        things.add(_OFFERS[RoomKind(dungeon.kind)])
    return things
