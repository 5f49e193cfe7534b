"""The road to another region: its events one after the other; one with options waits for an answer.

Source: docs/rules.md, "World and score".
"""

from __future__ import annotations

from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import choices, hub, trades
from dungeonfighter.rules.state import State


def travel(cat: Catalogue, state: State, region: int) -> None:
    """Set out for a region; an event with options stops the hero until it is answered."""
    state.world.spent += tables.TRAVEL_TURNS
    _go_on(cat, state, region, tables.TRAVEL_EVENTS)


def event_of(state: State) -> int:
    """Return the number of the event on the road that waits for an answer; -1: the hero is not on one."""
    road = state.world.road
    return road[2] if road else -1


def answer(cat: Catalogue, state: State, choice: int) -> None:
    """Answer the event on the road: 1 passes it, 2 and up take its options. Then the journey goes on."""
    region, left, number = state.world.road
    state.world.road = []
    if choice == 1:
        _meet(cat, state, number)
    else:
        choices.take(cat, state, number, choice - 2, level_of(state))
    _go_on(cat, state, region, left)


def level_of(state: State) -> int:
    """Return the level by which the events of the road cost and give."""
    return max(1, state.hero.level)


def _go_on(cat: Catalogue, state: State, region: int, left: int) -> None:
    here = state.world
    while left:
        left -= 1
        number = cat.travels[dice.event(state.dice, len(cat.travels))]
        if cat.events[number].options:
            here.road = [region, left, number]
            state.log.append([Event.RoadMet, number])
            return
        _meet(cat, state, number)
    here.region = region
    state.log.append([Event.Travelled, region])
    hub.arrive(cat, state)


def _meet(cat: Catalogue, state: State, number: int) -> None:
    """Let the die decide what an event costs and gives a hero who takes no option."""
    row = cat.events[number]
    die = dice.d20(state.dice)
    level = level_of(state)
    state.log.append([Event.TravelEvent, die, number])
    if row.cost[0] and die < tables.TRAVEL_AVOIDS:
        trades.pay(cat, state, row.cost, level)
    if row.gain[0] and die >= tables.TRAVEL_GAINS:
        trades.give(cat, state, row.gain, level)
