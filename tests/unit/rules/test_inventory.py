"""Equip, unequip, drop, strip and trade, and the inputs that they refuse."""

from __future__ import annotations

import pytest

from dungeonfighter.errors import BadInput
from dungeonfighter.rules import State
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.loot import roll_item, starting_weapon
from dungeonfighter.rules.codec import copy
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Item, Phase, RoomKind, Slot, Weapon
from tests.unit.rules.position import cleared, combat_state, doors, hub, inputs, play, room, rules


def owning(*items: Item, phase: Phase = Phase.Inventory) -> State:
    state = hub()
    state.hero.bag = list(items)
    state.phase = int(phase)
    return state


def weapon(kind: Weapon) -> Item:
    return starting_weapon(rules().catalogue, kind)


def piece(slot: Slot, rarity: int = 0) -> Item:
    state = hub()
    return roll_item(rules().catalogue, state.dice, 5, slot=slot, rarity=rarity)


def test_equip_moves_the_item_from_the_bag_to_its_slot() -> None:
    item = piece(Slot.head)
    state = owning(item)
    play(state, "equip 1")
    assert (state.hero.worn[Slot.head], state.hero.bag) == (item, [])


def test_equip_is_legal_exactly_where_it_is_listed() -> None:
    offered = room(RoomKind.rest)
    play(offered, "1")
    at_leisure = [hub(), owning(), cleared()]
    busy = [owning(phase=Phase.DungeonSelection), combat_state(), doors(), offered]
    for state in at_leisure + busy:
        state.hero.bag = [piece(Slot.head), piece(Slot.chest)]
        listed = [text for text in inputs(state) if text.startswith("equip ")]
        assert listed == (["equip 1", "equip 2"] if state in at_leisure else [])
        for text in ("equip 0", "equip 1", "equip 2", "equip 3"):
            if text in listed:
                play(copy(state), text)
            else:
                with pytest.raises(BadInput):
                    play(copy(state), text)


def test_the_replaced_item_takes_the_place_in_the_bag() -> None:
    state = owning(piece(Slot.head), weapon(Weapon.mace))
    old = state.hero.worn[0]
    play(state, "equip 2")
    assert state.hero.bag[1] is old


def test_another_weapon_is_another_class() -> None:
    state = owning(weapon(Weapon.wand))
    play(state, "equip 1")
    assert state.hero.kind == Weapon.wand


def test_another_weapon_brings_its_basic_into_the_strip() -> None:
    state = owning(weapon(Weapon.wand))
    play(state, "equip 1")
    assert state.hero.strip == [rules().catalogue.basic[Weapon.wand]]


def test_equipped_armour_counts() -> None:
    item = piece(Slot.chest)
    state = owning(item)
    play(state, "equip 1")
    assert state.hero.figures.armour >= item.value


def test_granted_actions_are_known() -> None:
    cat = rules().catalogue
    state = owning(
        Item(base=cat.armours[1][0][0], level=1, rarity=1, value=2, actions=[cat.gear_actions[0][0]])
    )
    play(state, "equip 1")
    assert cat.gear_actions[0][0] in state.hero.figures.known


def test_unequip_takes_the_granted_action_from_the_strip() -> None:
    cat = rules().catalogue
    granted = cat.gear_actions[0][0]
    state = owning(Item(base=cat.armours[1][0][0], level=1, rarity=1, value=2, actions=[granted]))
    state.hero.class_points = replaced(state.hero.class_points, 0, 6)
    play(state, "equip 1")
    play(state, "unequip head")
    assert granted not in state.hero.strip


def test_unequip_moves_the_item_to_the_bag() -> None:
    state = owning()
    play(state, "unequip weapon")
    assert (len(state.hero.bag), state.hero.worn[0]) == (1, None)


def test_drop_gives_scrap_gold() -> None:
    state = owning(weapon(Weapon.mace))
    before = state.hero.gold
    play(state, "drop 1")
    assert (state.hero.bag, state.hero.gold > before) == ([], True)


def with_three_slots() -> State:
    state = owning()
    state.hero.class_points = replaced(state.hero.class_points, 0, 6)
    refresh(rules().catalogue, state.hero)
    return state


def test_strip_sets_the_order_of_actions() -> None:
    state = with_three_slots()
    known = state.hero.figures.known
    play(state, "strip 2,0,1")
    assert state.hero.strip == [known[2], known[0], known[1]]


@pytest.mark.parametrize(
    "text", ["strip 1,2", "strip 0,0", "strip 0,99", "strip 0,1,2,3", "strip", "strip a"]
)
def test_an_impossible_strip_is_illegal(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        play(with_three_slots(), text)
    assert caught.value.code == "illegal_input"


def test_trade_gives_one_of_the_next_rarity() -> None:
    state = owning(*[piece(Slot.head)] * 5)
    play(state, "trade 1,2,3,4,5")
    assert [item.rarity for item in state.hero.bag] == [1]


@pytest.mark.parametrize(
    "text", ["trade 1,2,3,4", "trade 1,1,2,3,4", "trade 1,2,3,4,6", "trade 2,3,4,5,9", "trade 0,1,2,3,4"]
)
def test_an_impossible_trade_is_illegal(text: str) -> None:
    state = owning(*[piece(Slot.head)] * 5, piece(Slot.head, rarity=2))
    with pytest.raises(BadInput):
        play(state, text)


def test_mythics_cannot_be_traded_up() -> None:
    with pytest.raises(BadInput):
        play(owning(*[piece(Slot.head, rarity=5)] * 5), "trade 1,2,3,4,5")


def test_equip_is_illegal_in_a_fight() -> None:
    state = combat_state()
    state.hero.bag = [piece(Slot.head)]
    with pytest.raises(BadInput):
        play(state, "equip 1")


def test_equip_is_listed_at_the_hub() -> None:
    assert "equip 1" in inputs(owning(piece(Slot.head), phase=Phase.GameLoop))


def test_equip_applies_in_a_cleared_room() -> None:
    state = cleared()
    state.hero.bag = [piece(Slot.head)]
    play(state, "equip 1")
    assert state.hero.worn[Slot.head] is not None


def test_unequip_applies_at_the_hub() -> None:
    state = hub()
    play(state, "unequip weapon")
    assert state.hero.worn[0] is None


def test_trade_needs_the_inventory() -> None:
    with pytest.raises(BadInput):
        play(owning(*[piece(Slot.head)] * 5, phase=Phase.GameLoop), "trade 1,2,3,4,5")


def test_unequip_is_illegal_with_a_full_bag() -> None:
    state = owning(*[piece(Slot.head)] * 20)
    with pytest.raises(BadInput):
        play(state, "unequip weapon")


@pytest.mark.parametrize("text", ["0", "1"])
def test_the_inventory_returns_to_the_phase_before(text: str) -> None:
    state = cleared()
    play(state, "4")
    play(state, text)
    assert state.phase == Phase.Dungeon


def test_more_health_from_gear_does_not_heal() -> None:
    state = owning(piece(Slot.chest))
    state.hero.health = 100
    play(state, "equip 1")
    assert state.hero.health == 100
