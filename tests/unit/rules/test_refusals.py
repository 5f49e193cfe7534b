"""The error of a refused input says exactly what is wrong; the example of each pattern applies."""

from __future__ import annotations

import re

import msgspec
import pytest
from msgspec.structs import replace

from dungeonfighter.errors import IllegalInput
from dungeonfighter.rules import State
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.loot import affix_texts, name, roll_item
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Phase, Weapon
from dungeonfighter.rules.views.actions import listed as listed_action
from tests.unit.rules.position import cleared, combat_state, hub, inputs, play, reason_in, rules, teach


def why(state: State, text: str) -> str:
    """Return the reason in the error of a refused input."""
    before = rules().encode(state)
    with pytest.raises(IllegalInput) as caught:
        play(state, text)
    assert rules().encode(state) == before
    said, _, legal = str(caught.value).partition("; legal: ")
    assert legal == ", ".join(inputs(state))
    patterns = [c.pattern for c in rules().legal_inputs(state) if c.pattern]
    if patterns:
        said, _, shown = said.rpartition("; patterns: ")
        assert shown == ", ".join(patterns)
    return reason_in(said, text)


def in_inventory(points: int = 0, bag: int = 0) -> State:
    state = hub(Weapon.mace)
    state.hero.class_points = replaced(state.hero.class_points, 0, points)
    state.hero.bag = [roll_item(rules().catalogue, state.dice, 3, rarity=0) for _ in range(bag)]
    refresh(rules().catalogue, state.hero)
    play(state, "2")
    assert state.phase == Phase.Inventory
    return state


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("strip 1", "Slam (0), the basic action of the weapon, must stay in the strip"),
        ("strip 0,7", "7 is no action: they have the numbers 0 to 2"),
        ("strip 0,0", "0 is there twice"),
        ("strip 2,0,1", "the strip has 2 slots, and these are 3 actions"),
    ],
)
def test_a_refused_strip(text: str, reason: str) -> None:
    assert why(in_inventory(points=2), text) == reason


def test_a_refused_strip_of_one_slot() -> None:
    state = in_inventory(points=1)
    assert why(state, "strip 0,1") == "the strip has 1 slot, and these are 2 actions"


def test_a_verb_without_its_number_lists_what_it_can_take() -> None:
    cat = rules().catalogue
    state = in_inventory(points=2, bag=2)
    for text in ("equip", "equip sword", "drop 1,2"):
        for place, item in enumerate(state.hero.bag, 1):
            assert f"{place} {name(cat, item)}, " in why(state, text)
            assert all(affix in why(state, text) for affix in affix_texts(cat, item))
    for text in ("strip", "strip a,b"):
        known = "; ".join(f"{n} {listed_action(cat, a)}" for n, a in enumerate(state.hero.figures.known))
        assert why(state, text) == f"it needs action numbers: {known}"
    assert why(state, "unequip ring").startswith(
        "it needs a slot: weapon: Oak Club, Common L1 weapon, damage "
    )
    carried = [row.name for row, count in zip(cat.consumables, state.hero.consumables, strict=True) if count]
    assert carried
    assert all(f" {row} x" in why(state, "item") for row in carried)
    empty = in_inventory()
    assert why(empty, "talents") == "it only lists your talents: none"
    assert why(empty, "equip") == "it needs a bag number: the bag is empty"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("equip 3", "the bag has the numbers 1 to 2"),
        ("equip 0", "the bag has the numbers 1 to 2"),
        ("drop 3", "the bag has the numbers 1 to 2"),
        ("unequip head", "nothing is worn there"),
        ("trade 1,2", "it needs five bag numbers"),
        ("trade 1,2,3,4,5", "the bag has the numbers 1 to 2"),
        ("trade 1,1,2,2,1", "1 is there twice"),
        ("item 6", "that is for a fight"),
        ("dungeon 1", "a dungeon is entered from the hub"),
    ],
)
def test_a_refused_change_of_the_bag(text: str, reason: str) -> None:
    assert why(in_inventory(bag=2), text) == reason


def test_the_refusal_of_drop_tells_the_gold_that_each_item_pays() -> None:
    state = in_inventory(bag=3)
    state.hero.figures = replace(state.hero.figures, gold=1300)
    listed_gold = [int(gold) for gold in re.findall(r", drop: (\d+) gold, ", why(state, "drop"))]
    assert len(listed_gold) == 3
    for gold in listed_gold:
        before = state.hero.gold
        play(state, "drop 1")
        assert state.hero.gold == before + gold


@pytest.mark.parametrize("state", [combat_state(), cleared(), in_inventory()], ids=["fight", "room", "bag"])
def test_talents_are_listed_with_what_they_do_wherever_the_hero_is(state: State) -> None:
    teach(state, "counter_guard")
    teach(state, "quick_hands")
    assert why(state, "talents") == (
        "it only lists your talents: Riposte: A guarded heavy is answered with 1.5 plain hits; "
        "Quick Hands: Using a potion, bomb or other consumable takes no time"
    )


def test_an_empty_bag() -> None:
    assert why(in_inventory(), "equip 1") == "the bag is empty"


def test_a_trade_of_unlike_items() -> None:
    state = in_inventory(bag=5)
    state.hero.bag[0].rarity = 1
    assert why(state, "trade 1,2,3,4,5") == "the five items must have one rarity"


def test_a_trade_of_mythics() -> None:
    state = in_inventory(bag=5)
    for item in state.hero.bag:
        item.rarity = 5
    assert why(state, "trade 1,2,3,4,5") == "nothing is better than mythic"


def test_a_trade_at_the_hub() -> None:
    state = in_inventory(bag=5)
    play(state, "1")
    assert why(state, "trade 1,2,3,4,5") == "a trade needs the inventory"


def test_a_trade_that_the_hero_cannot_pay() -> None:
    state = in_inventory(bag=5)
    state.hero.gold = 0
    assert why(state, "trade 1,2,3,4,5") == "it costs 25 gold, and you have 0"


@pytest.mark.parametrize("text", ["3", "6"])
def test_a_ration_that_the_hero_does_not_have(text: str) -> None:
    state = cleared()
    assert text in inputs(state)
    state.hero.consumables = [0] * len(state.hero.consumables)
    assert why(state, text) == "you have no ration"


@pytest.mark.parametrize("text", ["3", "6"])
def test_a_second_ration_in_a_room(text: str) -> None:
    assert why(cleared(rested=True), text) == "you have eaten a ration in this room"


@pytest.mark.parametrize("omen", [2, -3])
def test_a_second_preparation_for_a_fight(omen: int) -> None:
    state = cleared(omen=omen)
    assert "3" in inputs(state)
    assert why(state, "6") == "a shield or weakness waits for the next fight already"


def test_unequip_with_a_full_bag() -> None:
    assert why(in_inventory(bag=20), "unequip weapon") == "the bag is full"


@pytest.mark.parametrize("text", ["equip 1", "strip 0", "drop 1", "unequip weapon", "trade 1,2,3,4,5"])
def test_no_change_of_gear_in_a_fight(text: str) -> None:
    reason = "gear changes at the hub, in the inventory and in a cleared room"
    assert why(combat_state(), text) == reason


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("equip", "it needs a bag number: the bag is empty"),
        ("drop", "it needs a bag number: the bag is empty"),
        ("unequip", "it needs a slot: weapon: Oak Club"),
        ("strip", "it needs action numbers: 0 Slam"),
    ],
)
def test_a_verb_alone_lists_gear_even_in_a_fight(text: str, listed: str) -> None:
    said = why(combat_state(), text)
    assert said.startswith(listed)
    assert said.endswith("; gear changes at the hub, in the inventory and in a cleared room")


def test_a_consumable_that_the_hero_does_not_have() -> None:
    state = combat_state()
    state.hero.consumables = [0] * len(state.hero.consumables)
    assert why(state, "item 6") == "you have no Flash Powder"
    assert why(state, "5") == "you have no Potion"
    assert why(state, "item 99") == "there is no consumable of this number"


def test_a_dungeon_that_is_not_offered() -> None:
    state = hub()
    assert why(state, "dungeon 9") == f"the hub offers 1 to {len(state.world.offers)}"
    assert why(state, "dungeon x") == "it needs the number of a dungeon, for example dungeon 1"
    assert why(cleared(), "dungeon 1") == "a dungeon is entered from the hub"


def test_an_unknown_input() -> None:
    with pytest.raises(
        IllegalInput, match=r"'fly' is not legal now: an input is a number, or one of equip, .*; legal: 1, 2"
    ):
        play(hub(), "fly")


def listed(state: State) -> dict[str, str]:
    return {c.input: c.pattern for c in rules().legal_inputs(state) if c.pattern}


def test_a_strip_that_cannot_change_is_not_listed() -> None:
    """With one slot only the basic action fits."""
    for points in (0, 1):
        state = in_inventory(points=points)
        assert listed(state) == {}
        assert "strip" not in rules().text(state, "e1").rpartition("\n")[2]


@pytest.mark.parametrize(
    ("strip", "example"), [([0, 1], "strip 1,0"), ([0], "strip 0,1"), ([2, 0], "strip 0,2")]
)
def test_a_strip_that_can_change_is_listed_with_an_example(strip: list[int], example: str) -> None:
    state = in_inventory(points=2)
    known = state.hero.figures.known
    state.hero.strip = [known[place] for place in strip]
    assert listed(state) == {example: "strip a,b"}
    before = state.hero.strip
    play(state, example)
    assert state.hero.strip != before


def test_the_example_of_a_trade_is_a_trade() -> None:
    state = in_inventory(bag=7)
    for item, rarity in zip(state.hero.bag, (1, 0, 0, 2, 0, 0, 0), strict=True):
        item.rarity = rarity
    assert listed(state)["trade 2,3,5,6,7"] == "trade a,b,c,d,e"
    state.hero.bag[6].rarity = 1
    assert not any(text.startswith("trade") for text in listed(state))


def test_the_text_tells_a_pattern_from_an_input() -> None:
    state = in_inventory(points=2, bag=2)
    state.hero.strip = state.hero.figures.known[:2]
    line = rules().text(state, "e1").rpartition("\n")[2]
    assert line == "1 done |equip 1-2 |unequip weapon |drop n: 8 gold |strip a,b"


def test_an_input_has_no_pattern_in_the_json_view() -> None:
    state = in_inventory(points=2, bag=1)
    seen = msgspec.to_builtins(rules().observe(state))["availableActions"]
    assert {frozenset(choice) for choice in seen} == {
        frozenset({"input", "label"}), frozenset({"input", "label", "pattern"})
    }  # fmt: skip


@pytest.mark.parametrize("text", ["0", "1"])
def test_the_inventory_lists_one_way_back_and_takes_both(text: str) -> None:
    state = in_inventory()
    assert inputs(state)[0] == "1"
    assert "0" not in inputs(state)
    play(state, text)
    assert state.phase == Phase.GameLoop
