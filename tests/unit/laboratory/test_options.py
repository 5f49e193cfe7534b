"""Every legal input of a run has a group and a name that hold no numbers of the moment."""

from __future__ import annotations

import re

import pytest

from dungeonfighter.laboratory.options import door_kind, option_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules.views.observation import DoorView
from tests.unit.laboratory.test_habits import decisions


@pytest.mark.long
def test_options_have_few_names_and_no_amounts() -> None:
    names = {
        str(option_of(o, choice))
        for o, _, _ in decisions(Player("heuristic"), inputs=900)
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
    } <= names
    assert len(names) < 150


def test_a_guardian_behind_a_door_is_a_kind_of_its_own() -> None:
    assert door_kind(DoorView(1, "fight", "guardian Mud Boar; deep mud")) == "guardian"
    assert door_kind(DoorView(1, "fight", "boss Old Antler; deep mud")) == "boss"
    assert door_kind(DoorView(1, "trap", "the leaves lie a bit too evenly")) == "trap"
