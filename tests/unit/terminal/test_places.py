"""The screens of places: what is ahead, what is new or best in the bag, what a level brought."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.rules import GameOptions, tables
from dungeonfighter.rules.character.loot import roll_item
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Door, Item, RoomKind
from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.terminal.canvas import ASCII, Canvas
from tests.unit.rules.position import cleared, doors, hub, play, rules
from tests.unit.terminal.screens import shown, shown_of


def test_the_first_view_of_a_harder_run_lists_what_is_harder() -> None:
    seen = rules().observe(rules().new_game(GameOptions(seed=7, ascension=2, mode=1)))
    text = " ".join(shown(seen).split())
    assert "Ascension 2. This run is harder:" in text
    assert all(f" - {hardship}" in text for hardship in seen.hardships)
    assert "This run is harder" not in shown(rules().observe(rules().new_game(GameOptions(seed=7))))


def test_the_last_doors_name_the_guardian_with_its_strength() -> None:
    ahead = [Door(int(RoomKind.fight), 1, 0)]
    at_doors = doors(rooms=3, room=1, kills=0, ahead=ahead)
    assert "Behind the next room: the guardian +9 %." in shown_of(at_doors)
    assert "Behind the next room: fight." in shown_of(doors(rooms=4, room=1, ahead=ahead))
    assert "The next doors: the boss +9 %." in shown_of(cleared(rooms=2, boss=True, ahead=ahead))


def test_the_best_item_of_the_bag_and_a_new_one_are_named_where_they_can_be_worn() -> None:
    state = hub()
    state.hero.bag = [Item(0, 1, 0, 1), Item(0, 9, 2, 99)]
    assert "Best in your bag: 2 " in shown_of(state)
    assert "+ stronger, about " in shown_of(state)
    state.log.append([Event.ItemBought, 0, 2, 9, 1])
    assert "New in your bag: 2 " in shown_of(state)
    assert "Best in your bag" not in shown_of(state)
    state.hero.bag = state.hero.bag[:1]
    state.turn_start = len(state.log)
    assert "in your bag: " not in shown_of(state)


def test_a_new_level_says_what_it_brings() -> None:
    state = hub()
    state.hero.xp = tables.xp_next(state.hero.level)
    play(state, "2")
    assert " + It brings STR +3, others +1, " in shown_of(state)


def test_the_hub_has_its_region_and_what_is_too_dear() -> None:
    state = hub()
    state.hero.gold = 0
    text = " ".join(shown_of(state).split())
    assert f"{rules().catalogue.regions[0].name}. The hub: " in text
    assert "Too dear: Potion " in text


def test_the_inventory_of_a_low_terminal_only_names_the_actions() -> None:
    state = hub()
    play(state, "2")
    whole, low = shown_of(state), shown_of(state, Canvas(80, ASCII, 20))
    assert "0 Slam: A heavy plain blow" in whole
    assert "0 Slam: " not in low
    assert "0 Slam; `hero` tells what each does" in " ".join(low.split())


@pytest.mark.parametrize("change", [-10, 0, 10])
def test_the_inventory_of_a_low_terminal_says_if_it_compares_no_item(change: int) -> None:
    state = hub()
    state.hero.bag = [roll_item(rules().catalogue, state.dice, 3, rarity=0)]
    play(state, "2")
    seen = rules().observe(state)
    (item,) = seen.player.bag
    bag = [msgspec.structs.replace(item, score_change=change, health_change=5)]
    seen = msgspec.structs.replace(seen, player=msgspec.structs.replace(seen.player, bag=bag))
    text = " ".join(shown(seen, Canvas(80, ASCII, 20)).split())
    assert ("No item of your bag makes you as strong" in text) is (change < 0)
    assert ("At the left what you wear" in text) is (change >= 0)


def test_an_event_on_the_road_is_shown_where_it_waits() -> None:
    seen = msgspec.structs.replace(rules().observe(hub()), road="A toll gate", current_state="RegionTravel")
    assert "On the road. A toll gate." in shown(seen)


def with_events(seen: Observation, *texts: str) -> str:
    return shown(
        msgspec.structs.replace(
            seen, turn=5, recent_output=list(texts), recent_new=len(texts), recent_tones="=" * len(texts)
        )
    )


def test_the_name_of_an_event_on_the_road_stands_once() -> None:
    seen = msgspec.structs.replace(rules().observe(hub()), road="A toll gate", current_state="RegionTravel")
    text = with_events(seen, "Road roll 6: A fire.", "On the road: A toll gate.")
    assert text.count("A toll gate") == 1
    assert "Road roll 6: A fire." in text


def test_the_name_of_a_room_stands_once_and_what_else_happened_stays() -> None:
    seen = rules().observe(doors(rooms=4, room=2))
    room = seen.current_room
    assert room is not None
    seen = msgspec.structs.replace(seen, current_room=msgspec.structs.replace(room, name="Stilt Hut"))
    text = with_events(seen, "You lost 3 hp.", "Room 2: Stilt Hut.")
    assert text.count("Stilt Hut") == 1
    assert "You lost 3 hp." in text
    for other in ("Room 1: Stilt Hut.", "Room 2: Reed Bed.", "Rested: +3 hp."):
        assert other in with_events(seen, other)
    assert "Room 2: Stilt Hut." in with_events(
        msgspec.structs.replace(seen, current_state="LevelUp"), "Room 2: Stilt Hut."
    )
