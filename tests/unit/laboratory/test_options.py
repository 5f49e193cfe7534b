"""Every legal input of a run has a group and a name that hold no numbers of the moment."""

from __future__ import annotations

import re

import pytest

from dungeonfighter.laboratory.options import door_kind, option_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import State
from dungeonfighter.rules.state import RoomKind
from dungeonfighter.rules.views.observation import Choice, DoorView
from tests.unit.laboratory.test_habits import decisions
from tests.unit.rules.position import combat_state, play, room, rules, the_dungeon
from tests.unit.rules.test_events import at_event, on_the_road, rich

SEED = 3
"""A run in which a merchant has potions, among all else that the test of the names wants."""


@pytest.mark.long
def test_options_have_few_names_and_no_amounts() -> None:
    names = {
        str(option_of(o, choice))
        for o, _, _ in decisions(Player("heuristic"), seed=SEED, inputs=900)
        for choice in o.available_actions
    }
    assert not [
        name for name in names if re.search(r"\d", name) and not name.startswith(("level: hero", "other: "))
    ]
    assert {
        "fight: guard",
        "door: treasure",
        "room: search",
        "hub: camp",
        "level: hero +1",
        "bag: strip",
        "offer: merchant potion",
    } <= names
    assert len(names) < 150


def test_a_consumable_of_a_fight_has_its_name() -> None:
    seen = rules().observe(combat_state())
    label = "pitch flask: Sets the enemy alight: burn 7"
    assert str(option_of(seen, Choice("item 9", label))) == "fight: pitch flask"


@pytest.mark.parametrize(
    ("state", "text", "option"),
    [
        (at_event("blood_bowl"), "1", "offer: shrine go on"),
        (at_event("blood_bowl"), "2", "offer: shrine fill it"),
        (at_event("blood_bowl"), "3", "offer: shrine add a few drops"),
        (at_event("pit", RoomKind.trap), "1", "offer: trap go through"),
        (at_event("pit", RoomKind.trap), "3", "offer: trap search it"),
        (on_the_road("toll"), "1", "offer: road pass by"),
        (on_the_road("toll"), "3", "offer: road wade across"),
    ],
)
def test_each_option_of_an_event_has_a_name_without_amounts(state: State, text: str, option: str) -> None:
    seen = rules().observe(state)
    choice = next(choice for choice in seen.available_actions if choice.input == text)
    assert str(option_of(seen, choice)) == option


@pytest.mark.parametrize(
    ("text", "option"),
    [("1", "go on"), ("2", "item"), ("3", "item"), ("4", "potion"), ("5", "other consumable")],
)
def test_the_wares_of_a_merchant_are_items_and_consumables(text: str, option: str) -> None:
    state = rich(room(RoomKind.merchant))
    play(state, "1")
    the_dungeon(state).offer = [rules().catalogue.consumable_at[5], rules().catalogue.other_consumables[0]]
    state.hero.consumables = [0] * len(state.hero.consumables)
    seen = rules().observe(state)
    choice = next(choice for choice in seen.available_actions if choice.input == text)
    assert str(option_of(seen, choice)) == f"offer: merchant {option}"


def test_a_guardian_behind_a_door_is_a_kind_of_its_own() -> None:
    assert door_kind(DoorView(1, "fight", "guardian Mud Boar; deep mud")) == "guardian"
    assert door_kind(DoorView(1, "fight", "boss Old Antler; deep mud")) == "boss"
    assert door_kind(DoorView(1, "trap", "the leaves lie a bit too evenly")) == "trap"
