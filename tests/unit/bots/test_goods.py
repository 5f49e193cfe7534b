"""The heuristic knows each consumable, and reads the gear that its figures do not show."""

from __future__ import annotations

import pytest

from dungeonfighter.bots import gear, goods
from dungeonfighter.rules.state import Intent, Rank
from tests.unit.rules.gear import wear_affixes, wear_unique
from tests.unit.rules.position import combat_state, rules

CAT = rules().catalogue
NAMES = [CAT.consumables[number].name for number in CAT.other_consumables]


@pytest.mark.parametrize("name", NAMES)
def test_each_consumable_has_a_use_against_a_heavy(name: str) -> None:
    state = combat_state(intent=Intent.heavy)
    state.hero.health //= 2
    seen = rules().observe(state)
    assert seen.combat is not None
    gain = goods.gain(name, goods.Situation(seen.player, seen.combat, 9.0, 9.0, 20.0, 20.0))
    assert gain is not None
    if name != "Armour Oil":  # this enemy has no armour
        assert gain != goods.Gain()


def test_no_consumable_escapes_from_a_boss() -> None:
    for rank in (Rank.elite, Rank.boss):
        seen = rules().observe(combat_state(rank=rank))
        assert seen.combat is not None
        gain = goods.gain("Trapdoor Dust", goods.Situation(seen.player, seen.combat, 9.0, 9.0, 20.0, 20.0))
        assert (gain is None) == (rank == Rank.boss)


def test_gear_is_read_off_names_and_texts() -> None:
    state = combat_state()
    assert gear.of(rules().observe(state).player) == gear.Gear()
    wear_affixes(state, "reckless", "leading")
    read = gear.of(rules().observe(state).player)
    assert (read.power, read.first_slot) == (1.1, 1.15)
    wear_unique(state, "crown_of_burrs")
    assert gear.of(rules().observe(state).player).guard == gear.GUARDS["Crown of Burrs"]


def test_every_item_that_the_heuristic_names_exists() -> None:
    assert set(gear.GUARDS) <= {item.name for item in CAT.items if item.power}
