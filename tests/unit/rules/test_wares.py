"""What the hub and merchants sell, and what the views and refusals say about what the hero cannot buy."""

from __future__ import annotations

import pytest

from dungeonfighter.errors import IllegalInput
from dungeonfighter.rules import State, tables
from dungeonfighter.rules.character import prices
from dungeonfighter.rules.journey import wares
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import RoomKind, Slot
from tests.unit.rules.position import hub, inputs, play, reason_in, room, rules, the_dungeon


def rich(state: State, gold: int = 10_000) -> State:
    state.hero.gold = gold
    return state


def merchant(gold: int) -> State:
    """Return the offer of a merchant to a hero with this gold."""
    state = rich(room(RoomKind.merchant), gold)
    play(state, "1")
    return state


def sold_out(state: State) -> State:
    here = state.world
    here.potions_left = here.bombs_left = here.rations_left = 0
    here.shop = []
    return state


def stock_up(state: State, text: int, count: int) -> None:
    """Give the hero so many of the consumable with this fight input."""
    place = rules().catalogue.consumable_at[text]
    state.hero.consumables = replaced(state.hero.consumables, place, count)


def why(state: State, text: str) -> str:
    with pytest.raises(IllegalInput) as refused:
        play(state, text)
    return reason_in(str(refused.value).partition("; ")[0], text)


@pytest.mark.parametrize("slot", list(Slot))
def test_other_wares_of_a_chosen_slot_cost_twice_as_much(slot: Slot) -> None:
    state = rich(hub(), 1000)
    play(state, f"wares {slot.name}")
    assert rules().catalogue.item_slot[state.world.shop[0].base] == slot
    full = prices.REROLLS[1]
    assert (state.hero.gold, state.world.rerolls) == (1000 - full * tables.WARES_CHOSEN, 1)
    play(state, f"wares {slot.name}")
    assert state.hero.gold == 1000 - 3 * full * tables.WARES_CHOSEN


def test_the_hub_lists_the_wares_of_a_slot_if_the_hero_can_pay() -> None:
    price = prices.REROLLS[1] * tables.WARES_CHOSEN
    assert "wares weapon" in inputs(rich(hub(), price))
    assert rules().text(rich(hub(), price), "e1").endswith(f"|wares slot {price} gold")
    assert "wares weapon" not in inputs(rich(hub(), price - 1))
    assert why(rich(hub(), 5), "wares head") == f"it costs {price} gold, and you have 5"


def test_wares_need_the_hub_and_a_slot() -> None:
    price = prices.REROLLS[1] * tables.WARES_CHOSEN
    assert (
        why(rich(hub()), "wares hat") == f"it needs a slot, weapon, head, chest, legs, feet, and {price} gold"
    )
    assert why(merchant(1000), "wares head") == "the hub sells wares"


def test_the_item_on_sale_is_one_rarity_better() -> None:
    rarities = {hub(seed=seed).world.shop[0].rarity for seed in range(60)}
    assert min(rarities) == tables.WARE_STEPS


@pytest.mark.parametrize("gold", range(0, 120, 3))
def test_a_ware_of_the_hub_lacks_something_exactly_if_its_input_is_not_legal(gold: int) -> None:
    for state in (rich(hub(), gold), sold_out(rich(hub(), gold))):
        legal = inputs(state)
        for number, ware in wares.at_hub(rules().catalogue, state).items():
            assert (ware.lack == "") == (str(number) in legal)


@pytest.mark.parametrize("gold", range(0, 600, 15))
def test_a_ware_of_a_merchant_lacks_something_exactly_if_its_input_is_not_legal(gold: int) -> None:
    state = merchant(gold)
    shown = wares.in_room(rules().catalogue, state, the_dungeon(state))
    assert len(shown) == 4
    for number, ware in shown.items():
        assert (ware.lack == "") == (str(number) in inputs(state))


def test_the_hub_names_the_wares_that_the_hero_cannot_pay() -> None:
    state = rich(hub(), 30)
    state.world.bombs_left = 0
    text = rules().text(state, "e1")
    assert "Too dear: Potion 33 gold, " in text
    assert "Bomb" not in text, "it is sold out, not too dear"
    assert ": Ration" not in text


def test_a_merchant_names_the_wares_that_the_hero_cannot_buy() -> None:
    state = merchant(0)
    seen = rules().observe(state).current_room
    assert seen is not None
    prices_shown = [price for item in seen.stock for price in [item.price]]
    for words in (seen.text, rules().text(state, "e1")):
        assert "Too dear: " in words
        for price in prices_shown:
            assert f" {price} gold" in words
    rest = rules().observe(merchant(100_000)).current_room
    assert rest is not None
    assert "dear" not in rest.text


def test_a_refusal_says_why_a_ware_is_not_sold() -> None:
    assert why(rich(hub(), 20), "5") == "it costs 33 gold, and you have 20"
    assert why(sold_out(rich(hub())), "8") == "it is sold out until a level is cleared for the first time"
    state = rich(hub())
    stock_up(state, 5, tables.POTIONS_MAX)
    assert why(state, "5") == "you can carry no more of it"
    assert why(merchant(0), "4").endswith(" gold, and you have 0")
