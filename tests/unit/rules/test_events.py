"""Events with options: what each costs and gives, the die, the road, and the labels that promise it."""

from __future__ import annotations

import re

import pytest

from dungeonfighter.errors import IllegalInput
from dungeonfighter.rules import State, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import road, world
from dungeonfighter.rules.state import Phase, RoomKind, RoomPhase
from dungeonfighter.rules.views.event_words import option_words
from tests.unit.rules.position import (
    happened,
    hub,
    inputs,
    play,
    reason_in,
    roll_event,
    room,
    rules,
    taken,
    teach,
    the_dungeon,
)

CAT = rules().catalogue
SHRINES = [row.id for row in CAT.events if row.kind == "shrine"]
TRAPS = [row.id for row in CAT.events if row.kind == "trap" and row.options]
GAIN_VERBS = re.compile(r"\b(get (?!\d+ scar)|heal |see |start .* with shield|(guardian|boss) -)")
COST_VERBS = re.compile(r"\b(lose |pay |give |get \d+ scar|start .* with weaken|(guardian|boss) \+)")
ROADS = [row.id for row in CAT.events if row.kind == "travel" and row.options]


def number_of(event: str) -> int:
    return next(n for n, row in enumerate(CAT.events) if row.id == event)


def rich(state: State) -> State:
    """Give the hero enough to pay for any option, and wounds and scars to heal."""
    hero = state.hero
    hero.gold, hero.xp, hero.scars = 50_000, 50, 2
    hero.level = 10
    hero.health = hero.figures.health_max * 4 // 5
    hero.consumables = [2] * len(hero.consumables)
    return state


def at_event(event: str, kind: RoomKind = RoomKind.shrine) -> State:
    """Return a rich hero's state before an event of a room."""
    state = rich(room(kind))
    dungeon = the_dungeon(state)
    dungeon.rooms = 9
    dungeon.doors = []
    dungeon.room, dungeon.kind = 1, int(kind)
    dungeon.place = CAT.places[dungeon.theme][kind][0]
    dungeon.phase = int(RoomPhase.offer)
    dungeon.offer = [number_of(event)]
    state.hero.xp = 10_000 if event == "dead_debt" else 50
    return state


def on_the_road(event: str, left: int = 0) -> State:
    """Return a rich hero's state at an event of the road, with `left` more events to come."""
    state = rich(hub())
    state.world.bosses = 1
    state.phase = int(Phase.RegionTravel)
    state.world.road = [1, left, number_of(event)]
    return state


def measures(state: State) -> dict[str, int]:
    """Return everything that an option can cost or give, by its thing."""
    hero, dungeon, world_now = state.hero, state.dungeon, state.world
    return {
        "health": hero.health,
        "gold": hero.gold,
        "xp": hero.xp,
        "stat": sum(hero.stats),
        "item": len(hero.bag),
        "scar": hero.scars,
        "potion": hero.consumables[CAT.consumable_at[5]],
        "bomb": hero.consumables[CAT.consumable_at[6]],
        "ration": hero.consumables[CAT.consumable_at[7]],
        "good": sum(hero.consumables),
        "turns": world_now.spent,
        "time": world_now.cleared_at,
        "status": dungeon.omen if dungeon else 0,
        "guardian": dungeon.kills if dungeon else 0,
        "sight": int(dungeon.informed) if dungeon else 0,
    }


RISES_AS_A_COST = {"scar", "turns"}


def changed_as(state: State, before: dict[str, int], what: str, *, cost: bool) -> bool:
    """Return True if the thing went the way that a cost or gain goes."""
    change = measures(state)[what] - before[what]
    return change > 0 if cost == (what in RISES_AS_A_COST) else change < 0


OPTIONS = [
    (kind, event, place)
    for kind, events in (("shrine", SHRINES), ("trap", TRAPS), ("travel", ROADS))
    for event in events
    for place in range(len(CAT.events[number_of(event)].options))
]


def before(kind: str, event: str) -> State:
    return on_the_road(event) if kind == "travel" else at_event(event, RoomKind[kind])


@pytest.mark.parametrize(("kind", "event", "place"), OPTIONS)
def test_an_option_costs_and_gives_what_its_row_says(kind: str, event: str, place: int) -> None:
    option = CAT.events[number_of(event)].options[place]
    for die in (1, 20) if option.roll else (0,):
        state = before(kind, event)
        state.hero.level = 10
        was = measures(state)
        if die:
            roll_event(state, die)
        play(state, str(place + 2))
        if option.cost[0] and die != 20:
            assert changed_as(state, was, option.cost[0], cost=True), option
        if option.gain[0] and die != 1:
            assert changed_as(state, was, option.gain[0], cost=False), option
        if die == 20:
            assert not changed_as(state, was, option.cost[0], cost=True), option


@pytest.mark.parametrize(("kind", "event", "place"), OPTIONS)
def test_the_label_of_an_option_names_both_sides(kind: str, event: str, place: int) -> None:
    state = before(kind, event)
    option = CAT.events[number_of(event)].options[place]
    label = next(c.label for c in rules().observe(state).available_actions if c.input == str(place + 2))
    assert label.startswith(f"{option.text}: ")
    words = label.removeprefix(f"{option.text}: ")
    gain, cost = GAIN_VERBS.search(words), COST_VERBS.search(words)
    assert bool(gain) == bool(option.gain[0]), label
    assert bool(cost) == bool(option.cost[0]), label
    assert ("% " in words and ", else " in words) == bool(option.roll)
    assert label in rules().text(state, "e1 t1")


def test_the_odds_of_a_label_are_those_of_the_die() -> None:
    state = at_event("idle_press")
    state.hero.figures.agility = 8
    event = number_of("idle_press")
    option = CAT.events[event].options[1]
    won, label = 0, ""
    for face in range(1, 21):
        state = at_event("idle_press")
        roll_event(state, face)
        bonus = state.hero.figures.agility // 4
        label = option_words(CAT, state, event, 1, 10)
        gold = state.hero.gold
        play(state, "3")
        won += state.hero.gold > gold
        assert (state.hero.gold > gold) == (face + bonus >= option.roll)
    assert f" {5 * won}% get " in label


def poor(state: State, what: str) -> State:
    """Take from the hero what an option costs or what it would mend."""
    hero, dungeon = state.hero, state.dungeon
    if what == "health":
        hero.health = 1
    elif what in {"gold", "xp"}:
        setattr(hero, what, 0)
    elif what == "no wound":
        hero.health = hero.figures.health_max
    elif what == "no lesson":
        hero.level += tables.STRONGER_NONE
    elif what == "scar":
        hero.scars = tables.SCARS_MAX
    elif what == "sight" and dungeon is not None:
        dungeon.room = dungeon.rooms - 1
    else:
        hero.consumables = [0] * len(hero.consumables)
    return state


@pytest.mark.parametrize(
    ("kind", "event", "place", "lack", "reason"),
    [
        ("shrine", "coin_slot", 0, "gold", "it costs 250 gold, and you have 0"),
        ("shrine", "coin_slot", 1, "sight", "no doors follow"),
        ("shrine", "blood_bowl", 0, "health", "it costs 60 hp, and you have 1"),
        ("shrine", "potion_basin", 0, "potion", "you have no potion"),
        ("shrine", "scar_mirror", 0, "scar", "nobody bears more than 6 scars"),
        ("shrine", "dead_debt", 0, "xp", "it costs 150 xp, and you have 0"),
        ("trap", "wrong_belt", 1, "bomb", "you have no bomb"),
        ("trap", "floor_plate", 0, "gold", "it costs 100 gold, and you have 0"),
        ("travel", "old_soldier", 0, "gold", "it costs 120 gold, and you have 0"),
        ("travel", "healer", 0, "no wound", "you have full health"),
        ("shrine", "great_gong", 0, "no lesson", "you are too strong to learn from it"),
    ],
)
def test_a_closed_option_says_why(kind: str, event: str, place: int, lack: str, reason: str) -> None:
    """The refusal, the text view and the json view name the option and the reason."""
    state = poor(before(kind, event), lack)
    number = str(place + 2)
    assert number not in inputs(state)
    with pytest.raises(IllegalInput) as refused:
        play(state, number)
    assert reason_in(str(refused.value).partition("; ")[0], number) == reason
    option = CAT.events[number_of(event)].options[place]
    seen = rules().observe(state)
    waiting = seen.road if kind == "travel" else seen.current_room.text if seen.current_room else ""
    for words in (waiting, rules().text(state, "e1 t1")):
        assert f"Not now: {number} {option.text}: " in words
        assert f" ({reason})" in words
    assert ".." not in waiting


@pytest.mark.parametrize(("kind", "event", "place"), OPTIONS)
def test_an_option_is_legal_exactly_if_no_view_calls_it_closed(kind: str, event: str, place: int) -> None:
    for state in (before(kind, event), hapless(before(kind, event))):
        closed = f"Not now: {place + 2} " in rules().text(state, "e1 t1")
        assert closed == (str(place + 2) not in inputs(state))


def hapless(state: State) -> State:
    for what in ("health", "gold", "xp", "sight", "goods", "no lesson"):
        poor(state, what)
    return state


def test_a_gain_of_no_use_closes_an_option() -> None:
    state = on_the_road("healer")
    assert "2" in inputs(state)
    state.hero.health = state.hero.figures.health_max
    assert "2" not in inputs(state)
    state = at_event("coin_slot")
    the_dungeon(state).room = the_dungeon(state).rooms - 1
    assert "3" not in inputs(state)


def test_an_event_can_be_declined() -> None:
    state = at_event("blood_bowl")
    was = measures(state)
    play(state, "1")
    assert the_dungeon(state).phase == RoomPhase.cleared
    assert measures(state) == was


def test_a_shrine_shows_one_event_of_its_theme_or_of_all() -> None:
    for _ in range(20):
        state = room(RoomKind.shrine)
        play(state, "1")
        assert len(the_dungeon(state).offer) == 1
        row = CAT.events[the_dungeon(state).offer[0]]
        assert row.theme in ("", CAT.themes[the_dungeon(state).theme].id)
        assert f"{row.text}." in rules().text(state, "e1 t1")


def test_going_through_a_trap_with_options_is_the_roll_of_any_trap() -> None:
    state = at_event("pit", RoomKind.trap)
    label = rules().observe(state).available_actions[0].label
    roll_event(state, 1)
    lost = taken(state, "1")
    assert lost == state.hero.figures.health_max * 80 // 1000 * tables.TRAP_WEIGHT // 1000
    assert label.endswith(f"% unharmed, else lose {lost} hp")
    assert the_dungeon(state).phase == RoomPhase.cleared
    state = at_event("pit", RoomKind.trap)
    roll_event(state, 20)
    assert taken(state, "1") == 0


def test_wardstone_spares_the_hero_the_options_of_traps_too() -> None:
    state = at_event("pit", RoomKind.trap)
    teach(state, "hazard_ward")
    roll_event(state, 1)
    assert taken(state, "3") == 0
    assert "else lose 0 hp" in option_words(CAT, at_warded("pit"), number_of("pit"), 1, 10)


def at_warded(event: str) -> State:
    state = at_event(event, RoomKind.trap)
    teach(state, "hazard_ward")
    return state


def test_the_strength_of_the_guardian_follows_its_options() -> None:
    state = at_event("great_gong")
    the_dungeon(state).room = 3
    grown = world.gathered(the_dungeon(state))
    play(state, "2")
    assert world.gathered(the_dungeon(state)) == grown + tables.GATHER
    state = at_event("great_gong")
    the_dungeon(state).room = 3
    play(state, "3")
    assert world.gathered(the_dungeon(state)) == grown - tables.GATHER


def test_a_label_counts_no_health_beyond_the_maximum() -> None:
    state = at_event("potion_basin")
    missing = state.hero.figures.health_max - state.hero.health
    assert f"give 1 potion, get {missing} hp" in rules().text(state, "e1 t1")
    assert taken(state, "2") == -missing


def test_time_lengthens_the_allowance() -> None:
    state = on_the_road("ferry")
    left = world.allowance_left(state)
    play(state, "2")
    assert world.allowance_left(state) == left + 8 - 1


def test_the_journey_goes_on_after_an_answer() -> None:
    state = on_the_road("toll", left=2)
    seen = 0
    while state.phase == Phase.RegionTravel:
        assert state.world.road
        assert rules().observe(state).road == CAT.events[road.event_of(state)].text
        assert inputs(state)[0] == "1"
        assert "0" not in inputs(state)
        play(state, "1")
        seen += 1
    assert state.world.road == []
    assert (state.world.region, state.phase) == (1, Phase.GameLoop)
    assert 1 <= seen <= 3
    assert rules().observe(state).road == ""


def test_passing_by_rolls_for_the_cost_of_the_road() -> None:
    state = on_the_road("toll")
    label = rules().observe(state).available_actions[0].label
    assert label == "pass by: 35% unharmed, else lose 5 turns"
    roll_event(state, 1)
    step = play(state, "1")
    assert happened(step, Event.TravelEvent)
    assert state.world.spent == 5
    state = on_the_road("toll")
    roll_event(state, 14)
    play(state, "1")
    assert state.world.spent == 0


def test_a_level_gained_on_the_road_comes_before_the_next_event() -> None:
    state = on_the_road("old_soldier", left=1)
    state.hero.level = 10
    state.hero.xp = tables.xp_next(10) - 1
    play(state, "2")
    assert state.phase == Phase.LevelUp
    play(state, "1")
    assert state.phase in (Phase.RegionTravel, Phase.GameLoop)
    assert (state.phase == Phase.RegionTravel) == bool(state.world.road)


def test_a_hero_who_cannot_answer_an_event_with_an_option_stays() -> None:
    state = on_the_road("toll")
    state.hero.gold = 0
    with pytest.raises(IllegalInput):
        play(state, "2")
    assert state.world.road
