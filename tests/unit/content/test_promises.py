"""The text view says what an input gives and costs, and the engine does exactly that."""

from __future__ import annotations

import re

import pytest

from dungeonfighter.rules import Phase, State, tables
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import potions_max, refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import dungeon as dungeons
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Door, Intent, RoomKind, RoomPhase
from dungeonfighter.rules.views.sentences import sentence
from tests.unit.content.playing import RULES, copy_of
from tests.unit.rules.position import (
    cleared,
    combat_state,
    doors,
    hub,
    play,
    roll_event,
    room,
    the_dungeon,
    the_fight,
)

CAT = RULES.catalogue
POTION, RATION = CAT.consumable_at[5], CAT.consumable_at[7]


def view(state: State) -> str:
    return RULES.text(state, f"e1 t{state.turn}")


def line(state: State) -> str:
    """Return the inputs of the text view."""
    return view(state).rpartition("\n")[2]


def shown(pattern: str, state: State) -> list[int]:
    """Return the numbers of the first match of a pattern in the text view."""
    found = re.search(pattern, view(state))
    assert found is not None, (pattern, view(state))
    return [int(number) for number in found.groups()]


def in_inventory(rarities: tuple[int, ...], points: int = 0) -> State:
    state = hub()
    hero = state.hero
    hero.class_points = replaced(hero.class_points, 0, points)
    hero.bag = [
        loot.roll_item(CAT, state.dice, 3 + 2 * place, rarity=rarity) for place, rarity in enumerate(rarities)
    ]
    refresh(CAT, hero)
    hero.gold = 500
    play(state, "2")
    return state


def with_goods(state: State, **counts: int) -> State:
    state.hero.consumables = [counts.get(row.id, 0) for row in CAT.consumables]
    return state


def test_the_inventory_says_what_a_drop_pays() -> None:
    state = in_inventory((0, 2, 4))
    least, most = shown(r"\|drop n: (\d+)-(\d+) gold", state)
    paid = []
    for number in (1, 2, 3):
        after = copy_of(RULES, state)
        play(after, f"drop {number}")
        paid.append(after.hero.gold - state.hero.gold)
        assert RULES.observe(state).player.bag[number - 1].drop_gold == paid[-1]
    assert (min(paid), max(paid)) == (least, most)
    labels = {choice.input: choice.label for choice in RULES.observe(state).available_actions}
    assert labels["drop 1"] == f"drop a bag item for {least}-{most} gold"
    one = in_inventory((3,))
    assert f"|drop n: {prices.dropped(one.hero, one.hero.bag[0])} gold" in line(one)
    assert "drop" not in line(in_inventory(()))


def test_the_inventory_says_what_a_trade_costs() -> None:
    state = in_inventory((0, 0, 1, 0, 0, 0))
    found = re.search(r"\|(trade [\d,]+) for (\d+) gold$", line(state))
    assert found is not None
    before = state.hero.gold
    labels = {choice.input: choice.label for choice in RULES.observe(state).available_actions}
    assert labels[found[1]] == f"five bag items of one rarity for one better, and {found[2]} gold"
    play(state, found[1])
    assert state.hero.gold == before - int(found[2])


def test_the_inventory_marks_a_set_up_and_says_what_the_mark_is() -> None:
    state = in_inventory((), points=12)
    known, rows = state.hero.figures.known, CAT.actions
    poison = next(action for action in known if CAT.action_sets_up[action])
    plain = next(action for action in known if not CAT.action_sets_up[action] and action != CAT.basic[0])
    state.hero.strip = [CAT.basic[0], plain]
    assert "+ " not in view(state).partition("Strip ")[2].partition("\n")[0]
    state.hero.strip = [poison, CAT.basic[0]]
    strip = view(state).partition("Strip ")[2]
    assert re.match(r"2/\d \(\+ set up\): ", strip)
    assert f"; 0 {rows[CAT.basic[0]].name}+ " in strip
    assert RULES.observe(state).player.strip_texts[1].startswith(f"{rows[CAT.basic[0]].name}+ ")


def test_the_inventory_names_the_input_that_lists_talents_if_there_are_any() -> None:
    state = in_inventory(())
    assert "`talents`" not in view(state)
    state.hero.talents = [0, 1]
    assert "`talents`" in view(state)
    texts = RULES.observe(state).player.talent_texts
    assert texts == [CAT.talents[0].text, CAT.talents[1].text]


@pytest.mark.parametrize("text", ["3", "6"])
def test_rest_and_preparation_cost_the_ration_that_they_name(text: str) -> None:
    state = with_goods(cleared(), ration=3)
    state.hero.health = 1
    assert "|3 rest +" in line(state)
    assert " hp (1 of 3 rations) |6 prepare shield 2 instead |" in line(state)
    play(state, text)
    assert state.hero.consumables[RATION] == 2


def test_a_camp_promises_a_potion_only_if_the_hero_can_carry_one() -> None:
    for room_for in (1, 0):
        state = hub()
        state.hero.health, state.hero.gold = 1, 1000
        state.world.potions_left = 0
        state.hero.consumables = replaced(state.hero.consumables, POTION, potions_max(state.hero) - room_for)
        assert ("shop +1 potion" in line(state)) == bool(room_for)
        play(state, "4")
        assert ("|5 potion " in line(state)) == bool(room_for)


def test_an_enemy_defends_for_the_shown_time() -> None:
    state = combat_state(intent=Intent.defend, at=1)
    the_fight(state).enemy.next_at = 9_400
    assert ": defends for 9" in view(state)
    fight = the_fight(state)
    least = RULES.observe(state).combat
    assert least is not None
    fight.intent = int(Intent.light)
    most = RULES.observe(state).combat
    assert most is not None
    assert [s.damage_min for s in least.stances] == [
        pytest.approx(s.damage_min * (1 if s.name == "power" else tables.DEFENDED / 1000), abs=1)
        for s in most.stances
    ]


@pytest.mark.parametrize("quick", [False, True])
def test_the_view_says_if_a_consumable_takes_no_time(quick: bool) -> None:
    state = with_goods(combat_state(talents=("quick_hands",) if quick else ()), potion=2, bomb=1)
    assert ("|5 potion x2 |6 bomb, all free |8" in line(state)) == quick
    seen = RULES.observe(state).combat
    assert seen is not None
    play(state, "5")
    fight = the_fight(state)
    assert fight.hero.next_at == seen.goods_time
    assert (fight.hero.next_at < 20) == quick
    play(state, "6")
    state = with_goods(state, potion=1)
    assert ("|5 potion free |8" in line(state)) == quick


def test_any_room_can_be_behind_a_dark_door() -> None:
    kinds = set()
    for seed in range(150):
        state = doors()
        state.dice.layout = seed
        the_dungeon(state).doors = [Door(-1, 0, -1)]
        assert line(state).startswith("1 dark: any room |")
        dungeons.take_door(CAT, state, 0)
        kinds.add(the_dungeon(state).kind)
    assert kinds == set(map(int, RoomKind))


def test_the_hub_names_no_worse_item_as_the_best_beside_a_better_new_one() -> None:
    compared = 0
    for seed in range(60):
        state = hub(seed=seed)
        state.hero.gold = 1000
        state.hero.bag = [loot.roll_item(CAT, state.dice, 1, kind=state.hero.kind, slot=2, rarity=0)]
        if "Best of the bag: 1 " not in view(state):
            continue
        play(state, "6")
        scores = [each.score_change for each in RULES.observe(state).player.bag]
        compared += scores[1] > scores[0]
        assert ("Best of the bag: 1 " in view(state)) == (scores[0] >= scores[1])
    assert compared > 5


@pytest.mark.parametrize(("text", "face", "item"), [("1", 0, 0), ("2", 20, 1), ("2", 1, -1)])
def test_each_way_of_a_treasure_gives_what_it_says(text: str, face: int, item: int) -> None:
    state = room(RoomKind.treasure)
    promised, odds = shown(r" (\d+) gold and an item: the open, the locked \((\d+)%\) or the guarded", state)
    play(state, "1")
    (gold,) = shown(r"\n(\d+) gold with each\.\n1 take ", state)
    shown_odds, lost, spilt = shown(r"\|2 lock (\d+)% \(else -(\d+) hp, \+(\d+) gold\): ", state)
    assert "|3 fight for " in line(state)
    seen = RULES.observe(state).current_room
    assert seen is not None
    assert seen.text == f"{gold} gold with each"
    assert (promised, odds) == (gold, shown_odds)
    assert odds == 5 * (21 + state.hero.stats[2] // 4 - tables.LOCK_OPENS)
    stock = list(the_dungeon(state).stock)
    purse, health, bag = state.hero.gold, state.hero.health, list(state.hero.bag)
    if face:
        roll_event(state, face)
    play(state, text)
    assert state.hero.bag == ([*bag, stock[item]] if item >= 0 else bag)
    assert state.hero.gold == purse + (gold if item >= 0 else spilt)
    assert state.hero.health == health - (0 if item >= 0 else lost)


def test_a_guarded_treasure_gives_its_gold_and_item_after_the_fight() -> None:
    state = room(RoomKind.treasure)
    play(state, "1")
    (gold,) = shown(r"\n(\d+) gold with each\.", state)
    item = the_dungeon(state).stock[2]
    play(state, "3")
    assert state.phase == Phase.Combat
    the_fight(state).health = 1
    state.hero.figures.hit = 20
    purse, killed = state.hero.gold, 0
    while state.phase == Phase.Combat:
        the_fight(state).enemy.next_at = 10**6
        events = play(state, "2").events
        killed = sum(event[3] for event in events if event[0] == Event.EnemyDied)
    assert state.hero.gold == purse + killed + gold
    assert item in state.hero.bag
    assert the_dungeon(state).phase == RoomPhase.cleared


def test_a_guard_against_what_deals_no_damage_has_the_number_0() -> None:
    for intent in (Intent.ward, Intent.defend, Intent.heal, Intent.summon):
        state = combat_state(intent=intent, at=1000)
        assert "|4 guard 0 |" in line(state)
        health = state.hero.health
        play(state, "4")
        assert state.hero.health == health
        assert the_fight(state).hero.next_at == 1001
        late = combat_state(intent=intent)
        assert "|4 guard |" in line(late)


def test_a_rest_without_a_gain_names_no_number() -> None:
    state = with_goods(cleared(), ration=1)
    step = play(state, "3")
    rested = next(event for event in step.events if event[0] == Event.Rested)
    assert sentence(CAT, rested) == "Rested."
    assert "Rested." in view(state)
    assert sentence(CAT, [Event.Rested, 12]) == "Rested: +12 hp."
    assert sentence(CAT, [Event.Camped, 0]) == "Camped."
    assert sentence(CAT, [Event.Camped, 5]) == "Camped: +5 hp."
