"""The bag beside the worn items: columns, changes with their signs, worse items in one line."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.state import Item, State
from dungeonfighter.terminal import inventory
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.spans import Meaning, Spans, plain
from tests.unit.rules.position import hub, rules


def base(slot: str, weapon: str = "") -> int:
    rows = rules().catalogue.items
    return next(n for n, row in enumerate(rows) if row.slot == slot and row.weapon == weapon)


def owner() -> State:
    """Return a hero with a mace and a better one, a worse one, and a hat in the bag."""
    state = hub()
    mace = base("weapon", "mace")
    state.hero.worn = [Item(mace, 1, 0, 5), None, None, None, None]
    state.hero.bag = [Item(mace, 9, 2, 30), Item(mace, 1, 0, 1), Item(base("head"), 3, 0, 4)]
    refresh(rules().catalogue, state.hero)
    return state


def bag(state: State, columns: int = 80) -> list[Spans]:
    return inventory.bag(rules().observe(state).player, Canvas(columns, ASCII))


def test_the_better_item_stands_beside_the_worn_one() -> None:
    lines = [plain(line) for line in bag(owner())]
    line = next(line for line in lines if "worn: " in line and "bag 1: " in line)
    assert line.index("worn: ") == 2
    assert line.index("bag 1: ") > 38
    assert any("damage 5" in line and "damage 30" in line for line in lines)


def test_the_change_says_by_a_sign_if_the_hero_gets_stronger() -> None:
    lines = bag(owner())
    spans = {span.text.strip(): span.meaning for line in lines for span in line}
    stronger = [text for text in spans if text.startswith("+ stronger, about ")]
    assert len(stronger) == 2
    assert spans[stronger[0]] is Meaning.gain
    assert any(text.startswith("damage ") and meaning is Meaning.gain for text, meaning in spans.items())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("damage 31->38", Meaning.gain),
        ("damage 38->31", Meaning.harm),
        ("speed -4 %", Meaning.harm),
        ("damage +22 % to undead", Meaning.gain),
        ("damage taken -17 % from undead", Meaning.gain),
        ("loses protection from elites", Meaning.harm),
        ("changes class", Meaning.neutral),
    ],
)
def test_each_change_has_the_meaning_for_the_hero(change: str, expected: Meaning) -> None:
    player = rules().observe(owner()).player
    item = msgspec.structs.replace(player.bag[0], change=change)
    player = msgspec.structs.replace(player, bag=[item])
    lines = inventory.one(player, 1, Canvas(80, ASCII))
    assert expected in {span.meaning for line in lines for span in line if span.text == change}


def test_an_item_worse_in_everything_is_only_named() -> None:
    text = "\n".join(map(plain, bag(owner())))
    assert "weaker (`bag N` compares one): 2 " in text
    assert "bag 2: " not in text


@pytest.mark.parametrize(("score", "is_shown"), [(-99, True), (-100, False)])
def test_an_item_much_weaker_is_only_named_whatever_it_adds(score: int, is_shown: bool) -> None:
    player = rules().observe(owner()).player
    item = msgspec.structs.replace(player.bag[0], score_change=score, health_change=5)
    player = msgspec.structs.replace(player, bag=[item])
    text = "\n".join(map(plain, inventory.bag(player, Canvas(80, ASCII))))
    assert ("bag 1: " in text) is is_shown
    assert ("weaker (`bag N` compares one): 1 " in text) is not is_shown


def test_one_item_is_shown_whole_even_if_it_is_worse() -> None:
    player = rules().observe(owner()).player
    text = "\n".join(map(plain, inventory.one(player, 2, Canvas(80, ASCII))))
    assert "bag 2: " in text
    assert "- weaker, about " in text
    assert inventory.one(player, 4, Canvas(80, ASCII)) == []


def test_an_empty_slot_has_a_place_at_the_left() -> None:
    lines = [plain(line) for line in bag(owner())]
    assert any(line.startswith("  worn: -") and "bag 3: " in line for line in lines)
    assert " feet: -" in lines


def test_a_narrow_terminal_has_them_one_below_the_other() -> None:
    lines = [plain(line) for line in bag(owner(), 40)]
    worn = next(n for n, line in enumerate(lines) if line.startswith("  worn: "))
    rival = next(n for n, line in enumerate(lines) if line.startswith("  bag 1: "))
    assert worn < rival


def test_an_empty_bag_is_said() -> None:
    state = owner()
    state.hero.bag = []
    assert " Your bag is empty." in [plain(line) for line in bag(state)]


def with_change(change: str, affixes: list[str], actions: list[str]) -> str:
    player = rules().observe(owner()).player
    item = msgspec.structs.replace(player.bag[0], change=change, affixes=affixes, actions=actions)
    player = msgspec.structs.replace(player, bag=[item])
    lines = inventory.one(player, 1, Canvas(110, ASCII), {"Cinder": "60%, burn 3"})
    return "\n".join(map(plain, lines))


def test_a_granted_action_has_its_figures_and_is_named_once() -> None:
    text = with_change("damage 31->38; grants Cinder; loses War Cry", [], ["Cinder"])
    assert "grants Cinder (60%, burn 3)" in text
    assert text.count("Cinder") == 1
    assert "damage 31->38; loses War Cry" in " ".join(text.split())


def test_what_the_change_says_is_not_repeated_as_a_property() -> None:
    text = with_change(
        "damage 31->38, damage +28% after a guard", ["damage +28% after a guard", "speed +1%"], []
    )
    assert text.count("after a guard") == 1
    assert "speed +1%" in text


def test_a_worn_item_without_a_rival_has_all_its_properties() -> None:
    player = rules().observe(owner()).player
    worn = msgspec.structs.replace(player.worn[0], affixes=["speed +1%"], actions=["Cinder"])
    player = msgspec.structs.replace(player, worn=[worn], bag=[])
    lines = inventory.bag(player, Canvas(110, ASCII), {"Cinder": "60%, burn 3"})
    assert plain(lines[0]).endswith("damage 5, speed +1%, grants Cinder (60%, burn 3)")


def test_of_many_items_for_a_slot_the_strongest_are_compared_and_the_others_named() -> None:
    player = rules().observe(owner()).player
    first = player.bag[0]
    bag = [msgspec.structs.replace(first, number=n, score_change=n, name=f"Mace {n}") for n in range(1, 6)]
    player = msgspec.structs.replace(player, bag=bag)
    text = "\n".join(map(plain, inventory.bag(player, Canvas(80, ASCII))))
    assert text.index("bag 5: ") < text.index("bag 4: ")
    assert "bag 3: " not in text
    assert " also there (`bag N` compares one): 3 Mace 3, 2 Mace 2, 1 Mace 1" in text
    brief = "\n".join(map(plain, inventory.bag(player, Canvas(80, ASCII), briefly=True)))
    assert "bag 5: " in brief
    assert "bag 4: " not in brief
    weak = [msgspec.structs.replace(first, score_change=-10, health_change=5)]
    for briefly in (False, True):
        lines = inventory.bag(msgspec.structs.replace(player, bag=weak), Canvas(80, ASCII), briefly=briefly)
        assert any("bag 1: " in plain(line) for line in lines) is not briefly


def test_briefly_a_worn_item_without_a_rival_is_only_named() -> None:
    player = rules().observe(owner()).player
    lines = [plain(line) for line in inventory.bag(player, Canvas(80, ASCII), briefly=True)]
    assert "  worn: -                                bag 3: " in "\n".join(lines)
    assert not any("worn (" in line or "feet" in line for line in lines)
    alone = msgspec.structs.replace(player, bag=player.bag[2:])
    (line,) = [plain(line) for line in inventory.bag(alone, Canvas(80, ASCII), briefly=True)][-1:]
    assert line == f" worn (`bag` shows all): weapon {player.worn[0].name}"


def test_in_the_inventory_wearing_is_named_without_the_changes_above() -> None:
    seen = rules().observe(owner())
    assert inventory.labels(seen) == {}
    seen = msgspec.structs.replace(seen, current_state="Inventory")
    assert plain(inventory.labels(seen)["equip 2"]) == f"wear {seen.player.bag[1].name}"
