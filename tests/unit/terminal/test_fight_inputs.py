"""The inputs of a fight: chance, damage and interrupt of each attack, what a guard takes, the goods."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Intent, Rank, State, Status
from dungeonfighter.rules.views.observation import CombatView
from dungeonfighter.terminal import fight_inputs
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.facts import facts
from dungeonfighter.terminal.options import options
from dungeonfighter.terminal.spans import Meaning, Spans, plain
from tests.unit.rules.position import combat_state, hub, rules, taken, the_fight

WIDE = Canvas(80, ASCII)
SOON: dict[str, Any] = {"at": 1_000, "period": 7_600}


def labels(state: State, canvas: Canvas = WIDE) -> dict[str, Spans]:
    seen = rules().observe(state)
    return dict(fight_inputs.labels(seen, facts(rules().catalogue, seen), canvas))


def row(state: State, text: str, canvas: Canvas = WIDE) -> str:
    return plain(labels(state, canvas)[text]).replace("\u00a0", " ")


def combat(state: State) -> CombatView:
    view = rules().observe(state).combat
    assert view is not None
    return view


def lines(state: State, canvas: Canvas = WIDE) -> list[str]:
    given = options(rules().observe(state).available_actions, canvas, labels(state, canvas))
    return [plain(line) for line in given]


def test_outside_of_fights_the_labels_stay() -> None:
    assert labels(hub()) == {}


@pytest.mark.parametrize("intent", [Intent.normal, Intent.charge])
def test_each_attack_has_its_chance_its_damage_and_its_interrupt(intent: Intent) -> None:
    state = combat_state(intent=intent, armour=3, luck=1)
    for one in combat(state).stances:
        text = row(state, one.input)
        assert text.startswith(f"{one.name} ")
        assert f" hits {one.hit_chance} % " in text
        assert re.search(rf" damage {one.damage_min} to {one.damage_max}\b", text)
        assert ("interrupts" in text) == (intent is Intent.charge)
        if one.interrupt_chance:
            assert text.endswith(f"interrupts {one.interrupt_chance} %")


def test_the_figures_of_the_attacks_stand_below_each_other() -> None:
    state = combat_state(intent=Intent.charge, opening=True, at=1_000)
    rows = [line for line in lines(state) if re.match(r"  [123]  ", line)]
    assert len(rows) == 3, "each attack has a line of its own"
    for word in ("hits", "damage", "interrupts"):
        assert len({line.index(word) for line in rows}) == 1
    assert all(len(line) <= 80 for line in rows)


def test_a_narrow_terminal_gets_the_same_figures_as_a_list() -> None:
    state = combat_state(intent=Intent.charge)
    first = combat(state).stances[0]
    assert row(state, "1", Canvas(40, ASCII)) == (
        f"attack: hits {first.hit_chance} %, damage {first.damage_min} to {first.damage_max}, "
        f"interrupts {first.interrupt_chance} %"
    )


def test_power_names_the_hit_that_comes_while_the_hero_is_exposed() -> None:
    state = combat_state(faces=(10, 10), **SOON)
    shown = re.search(r"exposed to (\d+)$", row(state, "3"))
    assert shown
    assert int(shown[1]) == taken(state, "3") > 0


def test_power_into_an_opening_names_the_hit_that_follows_a_miss() -> None:
    state = combat_state(opening=True, faces=(5, 10), **SOON)
    shown = re.search(r"opening x1.5 else exposed to (\d+)$", row(state, "3"))
    assert shown
    assert int(shown[1]) == taken(state, "3") > 0


def test_power_that_lets_the_enemy_kill_says_so() -> None:
    state = combat_state(**SOON)
    state.hero.health = combat(state).incoming_exposed
    assert "which kills" in row(state, "3")
    assert Meaning.harm in {span.meaning for span in labels(state)["3"]}


def test_power_before_a_harmless_action_only_exposes() -> None:
    assert row(combat_state(intent=Intent.ward, **SOON), "3").endswith(" exposed")


@pytest.mark.parametrize(
    "position",
    [
        {"opening": True},
        {},  # the enemy acts much later
        {"talents": ("power_armour",), **SOON},
    ],
)
def test_power_that_does_not_expose_does_not_say_so(position: dict[str, Any]) -> None:
    state = combat_state(**position)
    assert "exposed" not in row(state, "3")
    assert ("opening x1.5" in row(state, "3")) is ("opening" in position)


def test_a_guard_says_what_it_takes_instead() -> None:
    state = combat_state(intent=Intent.heavy, faces=(10, 10), **SOON)
    incoming = combat(state).incoming
    shown = re.search(r"takes (\d+) instead of (\d+);", row(state, "4"))
    assert shown
    assert int(shown[2]) == incoming
    assert int(shown[1]) == taken(state, "4") < incoming


def test_a_guard_against_a_feint_warns() -> None:
    state = combat_state(intent=Intent.feint, **SOON)
    now = combat(state)
    assert f"takes {now.guarded} more than {now.incoming};" in row(state, "4")
    assert Meaning.warning in {span.meaning for span in labels(state)["4"]}


def test_a_guard_against_a_status_says_that_it_blocks_it() -> None:
    state = combat_state(intent=Intent.status, **SOON)
    assert f", and no {combat(state).intent_status};" in row(state, "4")


def test_a_guard_that_is_of_no_use_or_early_says_so() -> None:
    state = combat_state(**SOON)
    the_fight(state).enemy.statuses[Status.stun] = 1
    assert "no use: it is stunned" in row(state, "4")
    assert "not needed yet" in row(combat_state(), "4")
    assert "its ward deals no damage" in row(combat_state(intent=Intent.ward, **SOON), "4")


def test_the_goods_that_are_left_are_counted() -> None:
    state = combat_state()
    cat = rules().catalogue
    for text, count in ((5, 4), (6, 1), (7, 5)):
        state.hero.consumables = replaced(state.hero.consumables, cat.consumable_at[text], count)
    shown = "\n".join(lines(state))
    assert "5  potion x4" in shown
    assert "6  bomb\n" in shown
    assert "power    hits" in shown, "the input 3 of a ration is another one in a fight"


@pytest.mark.parametrize("rank", [Rank.normal, Rank.guardian])
def test_a_flight_has_its_chance_and_fits_a_line(rank: Rank) -> None:
    state = combat_state(rank=rank, **SOON)
    line = next(line for line in lines(state) if line.startswith("  8  "))
    assert line.startswith(f"  8  flee {combat(state).flee_chance} %: it acts first; ")
    assert len(line) <= 80
    assert line.endswith(("turns", "fresh"))
