"""The whole view over played runs: every width fits, every input is listed, the words need no colours."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec
import pytest

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.rules import GameOptions
from dungeonfighter.rules.state import Intent, Rank, Status
from dungeonfighter.rules.views.observation import Choice, Observation
from dungeonfighter.terminal import inventory, manual, view
from dungeonfighter.terminal.canvas import ASCII, DRAWN, Canvas
from dungeonfighter.terminal.options import folded
from dungeonfighter.terminal.spans import Meaning, Spans, plain, width
from tests.unit.rules.position import combat_state, hub, play, rules, the_fight

WIDE = Canvas(80, ASCII)


@functools.cache
def played() -> tuple[Observation, ...]:
    """Return views of two runs, one for each situation and number of options."""
    kept: dict[tuple[str, str, int], Observation] = {}
    for seed, name in ((7, "heuristic"), (11, "random")):
        state = rules().new_game(GameOptions(seed=seed, name="Ada \u4e16\u754c"))
        policy = make_policy(name)
        for _ in range(150):
            seen = rules().observe(state)
            room = seen.current_room.phase if seen.current_room else ""
            kept[seen.current_state, room, len(seen.available_actions)] = seen
            if state.over:
                break
            state = rules().advance(state, policy.choose(seen)).state
    return tuple(kept.values())


def everything(seen: Observation, canvas: Canvas) -> Iterator[Spans]:
    yield from view.view(seen, 1, canvas)
    yield from view.log(seen, canvas)
    yield from manual.explain(seen, canvas)
    yield from manual.commands("Every input is saved.", canvas)
    yield from manual.hero(seen, canvas)
    yield from inventory.bag(seen.player, canvas)
    for item in seen.player.bag:
        yield from inventory.one(seen.player, item.number, canvas)


def shown(seen: Observation, canvas: Canvas = WIDE) -> str:
    return "\n".join(map(plain, view.view(seen, 1, canvas)))


def test_the_runs_reach_the_usual_places() -> None:
    states = {seen.current_state for seen in played()}
    assert states >= {"WeaponSelection", "GameLoop", "DungeonSelection", "Dungeon", "Combat", "LevelUp"}


@pytest.mark.parametrize("columns", [20, 33, 59, 64, 80, 110])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    for seen in played():
        for line in everything(seen, Canvas(columns, DRAWN)):
            assert width(plain(line)) <= columns, plain(line)


def test_plain_characters_are_enough() -> None:
    for seen in played():
        for line in everything(seen, WIDE):
            assert plain(line).replace("\u4e16\u754c", "").isascii(), plain(line)


def test_every_legal_input_is_listed_or_folded() -> None:
    for seen in played():
        given = {one.typed for one in folded(seen.available_actions)}
        for choice in seen.available_actions:
            word = choice.input.partition(" ")[0]
            assert {choice.input, choice.pattern, f"{word} N", f"{word} SLOT"} & given, choice
        text = shown(seen)
        assert all(f"{typed}  " in text for typed in given)


def test_every_explanation_of_inputs_names_them() -> None:
    for seen in played():
        text = "\n".join(map(plain, manual.explain(seen, WIDE)))
        assert all(f"  {choice.pattern or choice.input}: " in text for choice in seen.available_actions)


def test_the_first_view_says_what_the_game_is_and_what_to_type() -> None:
    text = " ".join(shown(rules().observe(rules().new_game(GameOptions(seed=7)))).split())
    assert "Type the number of one of the inputs below, then Enter." in text
    assert "Each level that you clear for the first time brings 3 points" in text
    assert "1 mace: Barbarian" in text


def test_what_happened_has_signs_by_its_meaning() -> None:
    state = combat_state(faces=(10, 10), at=0, armour=0)
    play(state, "1")
    seen = rules().observe(state)
    happened = [plain(line) for line in view.view(seen, 1, WIDE)]
    assert any(line.startswith(" + You roll") for line in happened)
    assert any(line.startswith(" ! Its normal") for line in happened)


def test_many_events_are_cut_and_the_log_has_them() -> None:
    seen = rules().observe(hub())
    texts = [f"Event {number}." for number in range(24)]
    seen = msgspec.structs.replace(seen, turn=5, recent_output=texts, recent_new=20, recent_tones="=" * 24)
    assert "(12 events before these: `log`)" in shown(seen)
    assert "Event 15." not in shown(seen)
    assert "Event 16." in shown(seen)
    assert len(view.log(seen, WIDE)) == 24


def test_a_fight_fits_an_ordinary_terminal_with_its_prompt() -> None:
    state = combat_state(faces=(10, 10), at=0)
    play(state, "1")
    assert len(shown(rules().observe(state)).splitlines()) <= 23


def test_a_fight_shows_both_bars_and_the_three_times() -> None:
    state = combat_state(rank=Rank.guardian, intent=Intent.heavy, at=6100, period=7600)
    state.hero.health = 100
    seen = rules().observe(state)
    text = shown(seen)
    combat = seen.combat
    assert combat is not None
    assert f"100/{seen.player.health_max}" in text
    assert f"it: heavy, about {combat.incoming} " in text
    assert f"it: then {combat.intent_after}" in text
    assert " 6.1 s" in text
    assert f"{combat.intent_after_in / 1000:.1f} s" in text


def test_the_warning_says_who_acts_first_and_what_kills() -> None:
    state = combat_state(at=1_000)
    assert "! It acts before your next action." in shown(rules().observe(state))
    assert "kills you" not in shown(rules().observe(state))
    combat = rules().observe(state).combat
    assert combat is not None
    state.hero.health = combat.incoming + 1
    assert "kills you" not in shown(rules().observe(state))
    state.hero.health = combat.incoming
    assert "A plain hit of it kills you." in shown(rules().observe(state))
    assert "+ You act once more before it." in shown(rules().observe(combat_state()))


def test_a_charge_shows_the_crush_that_follows() -> None:
    assert "it: then crush" in shown(
        rules().observe(combat_state(intent=Intent.charge, at=6100, period=7600))
    )


def test_statuses_stand_beside_their_bearer_with_the_meaning_for_the_hero() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.bleed] = 2
    the_fight(state).enemy.statuses[Status.bleed] = 3
    lines = view.view(rules().observe(state), 1, WIDE)
    meanings = {span.text: span.meaning for line in lines for span in line}
    assert meanings["bleed 2"] is Meaning.harm
    assert meanings["bleed 3"] is Meaning.gain


def test_a_harder_run_says_so_in_the_head() -> None:
    seen = msgspec.structs.replace(
        rules().observe(hub()), mode="ironman", ascension=3, hardships=["Doors lie"]
    )
    assert ", ironman, ascension 3, " in " ".join(shown(seen).split())
    assert "ascension 3: Doors lie" in "\n".join(map(plain, manual.hero(seen, WIDE)))
    assert "casual" not in shown(rules().observe(hub()))


def test_an_event_on_the_road_is_shown_where_it_waits() -> None:
    seen = msgspec.structs.replace(rules().observe(hub()), road="A toll gate", current_state="RegionTravel")
    assert "On the road. A toll gate." in shown(seen)


def test_a_run_that_is_over_shows_its_score() -> None:
    seen = msgspec.structs.replace(rules().observe(hub()), is_over=True, score=12.5, available_actions=[])
    assert "The run is over, score 12.50 of 100." in shown(seen)


def test_short_options_share_a_line_only_in_a_wide_terminal() -> None:
    seen = rules().observe(combat_state())
    assert any("1  attack" in line and "2  precise" in line for line in shown(seen).splitlines())
    narrow = shown(seen, Canvas(60, ASCII)).splitlines()
    assert "  1  attack" in narrow


def test_many_items_to_wear_are_one_option() -> None:
    choices = [Choice(f"equip {n}", f"wear bag item {n}") for n in range(1, 6)]
    choices += [Choice("unequip head", "take off head"), Choice("unequip feet", "take off feet")]
    given = folded([Choice("1", "done"), *choices])
    assert [one.typed for one in given] == ["1", "equip N", "unequip SLOT"]
    assert "1 to 5" in given[1].label
    assert given[2].label == "take off: head, feet"
    assert [one.typed for one in folded(choices[:2])] == ["equip 1", "equip 2"]
