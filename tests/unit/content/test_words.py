"""The words of the text view: each tells its reader what it needs, and none can be misread."""

from __future__ import annotations

import re

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import IllegalInput
from dungeonfighter.rules import Phase, State, tables
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.loot import name, roll_item
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import dungeon as dungeons
from dungeonfighter.rules.journey.world import allowance_left
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Door, Rank, RoomKind, RoomPhase, Status
from dungeonfighter.rules.views.actions import figures
from dungeonfighter.rules.views.classes import CLASSES
from dungeonfighter.rules.views.sentences import sentence
from tests.unit.content.playing import RULES, states
from tests.unit.rules.position import (
    cleared,
    combat_state,
    doors,
    hub,
    play,
    roll,
    roll_event,
    room,
    teach,
    the_dungeon,
    the_fight,
)

CAT = RULES.catalogue


def view(state: State) -> str:
    return RULES.text(state, f"e1 t{state.turn}")


def line(state: State) -> str:
    """Return the inputs of the text view."""
    return view(state).rpartition("\n")[2]


def label(state: State, text: str) -> str:
    return next(c.label for c in RULES.observe(state).available_actions if c.input == text)


def words(state: State, text: str) -> str:
    """Play an input and return the events of the turn as the view words them."""
    play(state, text)
    return view(state).split("\n")[1]


def recent(state: State, text: str) -> str:
    """Play an input and return the first sentence of the turn in the snapshot."""
    play(state, text)
    seen = RULES.observe(state)
    return seen.recent_output[-seen.recent_new]


def test_the_inputs_of_a_fight_are_separated() -> None:
    state = combat_state()
    state.hero.consumables = _goods(potion=2, bomb=1, ration=1, flash_powder=1, honeycomb=2)
    assert line(state) == (
        "1 attack 75%:10-19 |2 precise 90:7-14 |3 power 60:17-33 |4 guard |5 potion x2 |6 bomb "
        "|item 6 stun 1 |item 20 +15% x2 |8 flee 65 |9 auto"
    )


def _goods(**counts: int) -> list[int]:
    return [counts.get(row.id, 0) for row in CAT.consumables]


@pytest.mark.parametrize(
    ("text", "face", "expected"),
    [
        ("1", 9, r"You roll 9: hit \d+\."),
        ("2", 19, r"You precise 19\+3: combo Slam \d+\."),
        ("3", 12, r"You power 12-3: hit \d+\."),
        ("2", 20, r"You precise 20\+3: critical Slam \d+\."),
        ("1", 3, r"You roll 3: miss\."),
        ("3", 1, r"You power 1-3: critical miss\."),
    ],
)
def test_an_attack_shows_the_die_and_the_bonus(text: str, face: int, expected: str) -> None:
    assert re.fullmatch(expected, recent(combat_state(faces=(face,)), text))


def test_a_roll_penalty_shows_beside_the_die() -> None:
    state = combat_state(faces=(9,))
    the_fight(state).hero.statuses[Status.roll_penalty] = 1
    assert recent(state, "1").startswith("You roll 9-3: hit ")


def test_other_rolls_show_the_die_and_the_bonus() -> None:
    assert sentence(CAT, [Event.FleeFailed, 2, 2]) == "Flee failed: 2+2 (5 needed)."
    assert sentence(CAT, [Event.HeroFled, 9, -1]) == "You fled: 9-1."
    assert sentence(CAT, [Event.HeroFled, 0, 0]) == "You fled."
    assert sentence(CAT, [Event.TrapAvoided, 0, 12, 1]).endswith(": roll 12+1, avoided.")
    assert sentence(CAT, [Event.TrapSprung, 0, 12, 0]).endswith(": roll 12 (13 avoids).")
    assert sentence(CAT, [Event.LockForced, 9, 3]) == "Lock forced: 9+3."
    assert sentence(CAT, [Event.LockSnapped, 2, 0, 31]) == "Lock snapped: 2 (9 opens), you lost 31 hp."


@pytest.mark.parametrize(
    ("number", "amount", "expected"),
    [
        (0, 92, "Potion: +92 hp."), (1, 38, "Bomb: it lost 38."),
        (3, 5, "Smoke Vial: it has roll penalty 5."),
        (4, 3, "Armour Oil: you have pierce 3."), (5, 1, "Flash Powder: it has stun 1."),
    ],
)  # fmt: skip
def test_a_consumable_says_what_it_did(number: int, amount: int, expected: str) -> None:
    assert sentence(CAT, [Event.ItemUsed, number, amount]) == expected


def test_a_hazard_says_whom_it_struck() -> None:
    for number, row in enumerate(CAT.hazard_rows):
        for side, who in enumerate(("You", "It")):
            text = sentence(CAT, [Event.HazardStruck, number, side, 7 if row.damage else 0, row.amount])
            parts = ["lost 7"] if row.damage else []
            parts += [f"{row.status.replace('_', ' ')} {row.amount}"] if row.status else []
            assert text == f"{row.text}. {who}{' ' if row.damage else ': '}{', '.join(parts)}."
    spikes = next(n for n, row in enumerate(CAT.hazard_rows) if row.id == "bone_spikes")
    assert sentence(CAT, [Event.HazardStruck, spikes, 1, 7, 0]).endswith(". It lost 7.")


def test_a_hazard_puts_the_status_that_it_names() -> None:
    """A fighter that is immune gets none, and the sentence names none."""
    compared = 0
    for seed in range(40):
        state = room(RoomKind.fight)
        the_dungeon(state).theme = seed % len(CAT.themes)
        the_dungeon(state).roster = [seed % len(CAT.enemies)]
        roll_event(state, 13)
        for event in play(state, "1").events:
            if event[0] == Event.HazardStruck:
                fight = the_fight(state)
                fighter = fight.enemy if event[2] else fight.hero
                assert not event[4] or fighter.statuses[CAT.hazard_status[event[1]]] == event[4]
                compared += 1
    assert compared == 40


def test_leaving_mentions_its_price() -> None:
    for state in (cleared(), doors()):
        state.phase = int(Phase.Dungeon)
        if the_dungeon(state).phase == RoomPhase.doors:
            the_dungeon(state).doors = [Door(-1, 0, -1)]
        assert "9 leave 11 turns + scar" in line(state)
        assert label(state, "9") == "leave 11 turns + scar"
        teach(state, "escape_artist")
        assert line(state).endswith("9 leave 11 turns")
    fight = combat_state()
    assert label(fight, "8") == "flee: past it, 7 turns"
    the_fight(fight).enemy.next_at = 1
    assert label(fight, "8") == "flee: the enemy acts first; past it, 7 turns"
    the_fight(fight).rank = int(Rank.guardian)
    words = "flee: the enemy acts first; 11 turns + scar, the guardian is then fresh"
    assert label(fight, "8") == words
    teach(fight, "escape_artist")
    assert label(fight, "8") == "flee: 11 turns, the guardian is then fresh"


def test_no_two_doors_of_a_choice_look_alike() -> None:
    state = cleared(rooms=12)
    counts = set()
    for _ in range(1500):
        the_dungeon(state).phase = int(RoomPhase.cleared)
        the_dungeon(state).room = 1
        dungeons.go_on(CAT, state)
        shown = re.sub(r"(^|\|)\d ", r"\1", line(state)).split(" |")
        assert len(set(shown)) == len(shown), shown
        counts.add(len(shown) - 2)
    assert counts == {1, 2, 3}


def test_a_purchase_names_the_thing_and_the_price() -> None:
    state = hub()
    state.hero.gold = 500
    assert re.search(r"\nBought Potion for \d+ gold\.\n", "\n" + words(state, "5") + "\n")
    item = roll_item(CAT, state.dice, 3)
    state.world.shop = [item]
    base = CAT.items[item.base].name
    assert re.fullmatch(rf"Bought {base} \([a-z]+\) L3 for \d+ gold\.", words(state, "6"))
    assert f"\nNew, bag 1: {name(CAT, item)}, " in view(state)


def test_a_purchase_at_a_merchant_names_the_thing_and_the_price() -> None:
    state = room(RoomKind.merchant)
    state.hero.gold = 5000
    play(state, "1")
    stock = the_dungeon(state).stock[0]
    assert words(state, "2").startswith(f"Bought {CAT.items[stock.base].name} (")
    assert re.fullmatch(r"Bought Potion for \d+ gold\.", words(state, "4"))


def test_auto_shows_the_health_it_cost() -> None:
    for seed in range(3):
        for state in states(seed, 120):
            if state.phase != Phase.Combat:
                continue
            before = state.hero.health
            step = RULES.apply(state, "9")
            event = next(event for event in step.events if event[0] == Event.AutoFought)
            text = sentence(CAT, event)
            count, lost = event[1:]
            assert text.startswith(f"Auto: {count} attack{'s' * (count > 1)}, ")
            if not any(e[0] in (Event.LevelGained, Event.DungeonCleared) for e in step.events):
                assert lost == before - step.state.hero.health
            assert text.endswith(
                f"{lost} hp lost." if lost > 0 else f"{-lost} hp gained." if lost else "no hp lost."
            )


HEALING = {
    "camp": Event.Camped, "rest": Event.Rested, "sleep": Event.Rested, "drink": Event.ItemUsed,
}  # fmt: skip


def test_a_label_promises_the_health_that_comes() -> None:
    """No label counts health beyond the maximum."""
    kinds = set()
    for seed in range(60):
        for state in states(seed, 150, "random"):
            for choice in RULES.observe(state).available_actions:
                kind = choice.label.partition(" ")[0]
                found = re.search(r"(?:\+|for )(\d+) hp", choice.label)
                if found and kind in HEALING:
                    events = RULES.apply(state, choice.input).events
                    gains = [event[-1] for event in events if event[0] == HEALING[kind]]
                    assert gains[:1] == [int(found[1])], choice
                    kinds.add(kind)
    assert kinds == set(HEALING)


def test_buying_drinking_and_eating_have_words_of_their_own() -> None:
    state = hub()
    state.hero.gold = 500
    assert "5 potion " in line(state)
    room = cleared()
    room.hero.health = 1
    room.hero.consumables = _goods(potion=2, ration=1)
    assert "|5 potion x2 +" in line(room)
    assert re.search(r"\|3 rest \+\d+ hp \(your ration\)", line(room))
    assert label(room, "5").startswith("drink potion x2 +")


def test_a_cleared_level_is_named_as_such() -> None:
    state = hub()
    state.world.frontier = 3
    state.world.offers = [state.world.offers[0]]
    play(state, "1")
    assert "L1, 2 rooms: " in line(state)
    assert "; repeat " in line(state)


@pytest.mark.parametrize(("points", "expected"), [(0, "Strip 1/1: 0 "), (2, "Strip 1/2: 0 ")])
def test_the_inventory_says_how_many_slots_a_strip_with_free_ones_has(points: int, expected: str) -> None:
    state = hub()
    state.hero.class_points = replaced(state.hero.class_points, 0, points)
    refresh(CAT, state.hero)
    play(state, "2")
    assert expected in view(state)


def test_one_of_a_thing_is_singular() -> None:
    assert sentence(CAT, [Event.StripSet, 1]) == "Strip set: 1 action."
    assert sentence(CAT, [Event.StripSet, 2]) == "Strip set: 2 actions."
    assert sentence(CAT, [Event.AutoFought, 1, 0]) == "Auto: 1 attack, no hp lost."
    for seed in range(4):
        for state in states(seed, 200, "random"):
            assert not re.search(
                r"\b1 (slots|actions|attacks|turns|rooms|potions|rerolls|scars)\b", view(state)
            )


def test_the_inventory_says_what_the_actions_do() -> None:
    state = hub()
    state.hero.class_points = replaced(state.hero.class_points, 0, 12)
    refresh(CAT, state.hero)
    play(state, "2")
    assert "9 Last Word 220%, time x1.5, finisher; 9 more: `strip`" in view(state)
    with pytest.raises(IllegalInput) as caught:
        play(state, "strip")
    text = str(caught.value)
    for expected in (
        "0 Slam 120%", "1 Skull Ringer 125%, time x1.1, roll penalty 2", "2 Haymaker 190%, time x1.35",
        "5 Battle Roar 70%, time x0.7, opener, fortify 4 on you",
        "7 Avalanche 4 x 40%, time x1.2, finisher",
    ):  # fmt: skip
        assert expected in text, text
    assert RULES.observe(state).player.actions[2].text.endswith("(190%, time x1.35)")


def test_a_ranked_run_shows_the_turns_it_has_left() -> None:
    state = hub(ranked=True, mode=1)
    assert f"{limits.ranked_turns_max} turns" in view(state).split("\n")[0]
    assert RULES.observe(state).turns_left == limits.ranked_turns_max
    state.hero.health = 1
    play(state, "4")
    assert f"{limits.ranked_turns_max - 1 - tables.CAMP_TURNS} turns" in view(state).split("\n")[0]
    assert RULES.observe(state).turns_left == limits.ranked_turns_max - 1 - tables.CAMP_TURNS
    assert " turns" not in view(hub()).split("\n")[0]
    assert RULES.observe(hub()).turns_left is None


def test_a_fight_of_a_ranked_run_shows_the_turns_when_few_are_left() -> None:
    state = combat_state()
    state.ranked = True
    assert "turns left" not in view(state)
    state.world.spent = limits.ranked_turns_max - 150
    assert view(state).split("\n")[0].endswith(" | 150 turns left")


@pytest.mark.parametrize(
    ("state", "text"), [(hub(), "4"), (doors(), "9"), (combat_state(rank=Rank.guardian), "8")]
)
def test_the_turns_of_a_label_are_those_that_the_input_costs(state: State, text: str) -> None:
    state.hero.health -= 1
    found = re.search(r"(\d+) turns", label(state, text))
    assert found is not None
    if state.fight is not None:
        the_fight(state).hero.next_at = 0
        roll(state, 20)
    before = allowance_left(state)
    play(state, text)
    assert before - allowance_left(state) == int(found[1])


def test_what_takes_turns_says_so() -> None:
    state = hub()
    state.hero.health = 1
    state.world.bosses = 1
    assert f", {1 + tables.CAMP_TURNS} turns" in label(state, "4")
    assert "11 turns" in label(state, "3")
    play(state, "3")
    assert "11 turns" in label(state, "1")
    assert "each attack is a turn" in label(combat_state(), "9")


def test_a_room_in_a_fight_is_not_cleared() -> None:
    state = room(RoomKind.fight)
    roll_event(state, 8)
    play(state, "1")
    shown = RULES.observe(state).current_room
    assert shown is not None
    assert shown.phase == "fight"
    the_fight(state).health = 1
    roll(state, 20)
    play(state, "1")
    shown = RULES.observe(state).current_room
    assert shown is not None
    assert shown.phase == "cleared"


def test_a_status_has_one_spelling() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.roll_penalty] = 2
    seen = RULES.observe(state)
    assert [status.name for status in seen.player.statuses] == ["roll penalty"]
    assert "roll penalty 2" in view(state)


def test_a_purchase_is_shown_once() -> None:
    """The line of the new item stands for that of the bag."""
    state = hub()
    state.hero.gold = 500
    item = roll_item(CAT, state.dice, 9, slot=0, kind=0)
    state.world.shop = [item]
    play(state, "6")
    assert view(state).count(f"{name(CAT, item)}") == 1
    play(state, "1")
    play(state, "0")
    assert f"Best of the bag: 1 {name(CAT, item)}" in view(state)


def test_a_reward_is_called_so() -> None:
    state = hub()
    play(state, "1")
    assert " gold, item L1 |" in line(state)


def test_a_level_tells_what_has_grown_and_what_the_hero_is() -> None:
    before = None
    named = 0
    for state in states(3, 300):
        if state.phase == Phase.LevelUp and before is not None:
            grown, own = view(state).split("\n")[-3:-1]
            was, now = before.hero, state.hero
            assert f"{CLASSES[now.kind]}; strip " in own
            assert all(CAT.talents[number].name in own for number in now.talents)
            if now.level == was.level + 1 and now.worn == was.worn:
                for place, stat in enumerate(("STR", "AGI", "TEC", "INT")):
                    by = now.stats[place] - was.stats[place]
                    assert (f" {stat} +{by}" in grown) == (place == now.kind)
                    assert by == (3 if place == now.kind else 1)
                assert f"max hp +{tables.HEALTH_PER_LEVEL}" in grown
                for action in set(now.figures.known) - set(was.figures.known):
                    assert f"learned {CAT.actions[action].name} " in grown
                named += 1
        before = state
    assert named > 2


def test_the_status_line_tells_the_dungeons_level_from_the_heros() -> None:
    assert " | L10 room 1/5" in view(cleared(rooms=5))


def test_the_hub_shows_scars() -> None:
    state = hub()
    assert "scar" not in view(state)
    state.hero.scars = 1
    assert ", 1 scar\n" in view(state)
    state.hero.scars = 2
    assert ", 2 scars\n" in view(state)


def test_in_a_dungeon_the_view_shows_level_experience_purse_and_both_clocks() -> None:
    for state in (room(RoomKind.merchant), room(RoomKind.shrine), cleared()):
        state.hero.gold, state.hero.xp, state.hero.level, state.ranked = 1234, 77, 4, True
        status = view(state).split("\n")[0]
        assert f" L4 {state.hero.health}/" in status
        assert f" xp 77/{tables.xp_next(4)} gold 1234 | " in status
        assert " turns, stirs in " in status


def test_before_the_last_room_no_one_learns_what_is_behind_the_next_doors() -> None:
    state = room(RoomKind.fight)
    the_dungeon(state).room = the_dungeon(state).rooms - 1
    roll_event(state, 11)
    step = play(state, "1")
    assert Event.Learned not in [event[0] for event in step.events]
    assert not the_dungeon(state).informed


def test_gold_and_drops_of_an_item_are_changes() -> None:
    state = hub()
    item = roll_item(CAT, state.dice, 5, slot=1, rarity=0)
    for affix, words_of in (("Gilded", "gold +10%"), ("of Fortune", "drops +4%")):
        item.affixes = [n for n, row in enumerate(CAT.affixes) if row.name == affix]
        state.hero.bag = [item]
        assert words_of in RULES.observe(state).player.bag[0].change
        item = roll_item(CAT, state.dice, 5, slot=1, rarity=0)


def test_an_item_says_which_action_it_grants() -> None:
    state = hub()
    number = next(n for n, row in enumerate(CAT.actions) if row.name == "Leech")
    item = roll_item(CAT, state.dice, 5, slot=1, rarity=1)
    item.actions = [number]
    state.hero.gold = 5000
    state.world.shop = [item]
    assert "; grants Leech |" in line(state)
    play(state, "6")
    assert f"; grants Leech {figures(CAT.actions[number])}" in view(state).split("\n")[2]
    play(state, "2")
    assert "; grants Leech\n" in view(state)
    play(state, "equip 1")
    assert "grants" not in view(state)


def test_a_finished_search_and_a_second_rest_are_refused_with_the_reason() -> None:
    state = cleared(searched=True, rested=True)
    for text, reason in (("2", "this room is searched"), ("3", "you have eaten a ration in this room")):
        with pytest.raises(IllegalInput, match=f"'{text}' is not legal now: {reason}; legal: "):
            play(state, text)
