"""The whole view over played runs: every width fits, every input is listed, the words need no colours."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.rules import GameOptions
from dungeonfighter.rules.state import Rank, Status, Weapon
from dungeonfighter.rules.views.observation import Choice, Observation
from dungeonfighter.terminal import inventory, manual, view
from dungeonfighter.terminal.canvas import ASCII, DRAWN, Canvas
from dungeonfighter.terminal.facts import Facts, facts
from dungeonfighter.terminal.options import folded
from dungeonfighter.terminal.spans import Spans, plain, width
from tests.unit.rules.position import combat_state, hub, play, rules, the_dungeon, the_fight
from tests.unit.terminal.screens import LOW, WIDE, shown, shown_of

Moment = tuple[Observation, Facts]


@functools.cache
def played() -> tuple[Moment, ...]:
    """Return moments of two runs, one for each situation and number of options."""
    kept: dict[tuple[str, str, int], Moment] = {}
    for seed, name in ((7, "heuristic"), (11, "random")):
        state = rules().new_game(GameOptions(seed=seed, name="Ada \u4e16\u754c"))
        policy = make_policy(name)
        for _ in range(150):
            seen = rules().observe(state)
            room = seen.current_room.phase if seen.current_room else ""
            kept[seen.current_state, room, len(seen.available_actions)] = (
                seen,
                facts(rules().catalogue, seen),
            )
            if state.over:
                break
            state = rules().advance(state, policy.choose(seen)).state
    return tuple(kept.values())


def everything(at: Moment, canvas: Canvas) -> Iterator[Spans]:
    seen, known = at
    yield from view.view(seen, 1, canvas, known)
    yield from view.log(seen, canvas)
    yield from manual.explain(seen, canvas, known)
    yield from manual.commands("Every input is saved.", canvas)
    yield from manual.hero(seen, canvas, known)
    yield from inventory.bag(seen.player, canvas, known.actions)
    for item in seen.player.bag:
        yield from inventory.one(seen.player, item.number, canvas, known.actions)


def test_the_runs_reach_the_usual_places() -> None:
    states = {seen.current_state for seen, _ in played()}
    assert states >= {"WeaponSelection", "GameLoop", "DungeonSelection", "Dungeon", "Combat", "LevelUp"}


@pytest.mark.parametrize("columns", [20, 33, 59, 64, 80, 110])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    for at in played():
        for line in everything(at, Canvas(columns, DRAWN)):
            assert width(plain(line)) <= columns, plain(line)


def test_plain_characters_are_enough() -> None:
    for at in played():
        for line in everything(at, WIDE):
            assert plain(line).replace("\u4e16\u754c", "").isascii(), plain(line)


def test_every_legal_input_is_listed_or_folded() -> None:
    for seen, _ in played():
        given = {one.typed for one in folded(seen.available_actions)}
        for choice in seen.available_actions:
            word = choice.input.partition(" ")[0]
            assert {choice.input, choice.pattern, f"{word} N", f"{word} SLOT"} & given, choice
        text = shown(seen)
        assert all(f"{typed}  " in text for typed in given)


def test_every_explanation_of_inputs_names_them() -> None:
    for seen, _ in played():
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


def happened(count: int, canvas: Canvas = WIDE, tones: str = "=") -> str:
    texts = [f"Event {number}." for number in range(count)]
    seen = msgspec.structs.replace(
        rules().observe(combat_state()), turn=5, recent_output=texts, recent_new=count,
        recent_tones=(tones * count)[:count],
    )  # fmt: skip
    return shown(seen, canvas)


def test_many_events_are_cut_and_the_log_has_them() -> None:
    text = happened(24, tones="=+")
    assert "(17 events before: `log`)" in text
    assert "Event 16." not in text
    assert "Event 17." in text
    assert "(1 event before: `log`)" in happened(8 + 1, Canvas(80, ASCII), "=+").replace(
        "2 events", "1 event"
    )


def test_events_of_one_meaning_share_a_line_as_long_as_they_fit() -> None:
    lines = happened(12).splitlines()
    joined = [line for line in lines if "Event " in line]
    assert len(joined) == 2
    assert joined[0].startswith("   Event 0. Event 1. ")
    assert all(len(line) <= 80 for line in joined)
    assert len([line for line in happened(3, tones="+-=").splitlines() if "Event " in line]) == 3


def test_a_low_terminal_gets_fewer_events_and_the_rest_whole() -> None:
    high, low = happened(24, Canvas(80, ASCII, 60), "=+"), happened(24, LOW, "=+")
    assert high == happened(24, WIDE, "=+")
    assert len(low.splitlines()) <= 23
    assert "Event 23." in low
    assert "before: `log`)" in low
    assert low.splitlines()[-8:] == high.splitlines()[-8:]


def test_a_fight_fits_an_ordinary_terminal_with_its_prompt() -> None:
    state = combat_state(faces=(10, 10), at=1_000, rank=Rank.boss, armour=5)
    the_fight(state).enemy.statuses[Status.bleed] = 3
    play(state, "2")
    assert len(shown_of(state, LOW).splitlines()) <= 23


def long_fight(*, goods: int) -> Observation:
    """Return a fight with long statuses on both sides, an edge of classes, a habit, events and goods."""
    cat = rules().catalogue
    wizards = [n for n, row in enumerate(cat.enemies) if row.hero_class == Weapon.wand.name and row.habit]
    against = max(wizards, key=lambda n: len(cat.enemies[n].name + cat.enemies[n].habit))
    position: dict[str, Any] = {"armour": 5, "luck": 2, "hit": -1, "health": 3_000, "period": 7_600}
    state = combat_state(Weapon.sword, against=against, rank=Rank.guardian, at=1_000, **position)
    the_dungeon(state).level = the_fight(state).level
    both = the_fight(state)
    for statuses in (both.hero.statuses, both.enemy.statuses):
        statuses[Status.poison] = statuses[Status.bleed] = 2
    state.hero.consumables = [1] * goods + [0] * (len(cat.consumables) - goods)
    texts = [f"Event {number}." for number in range(8)]
    return msgspec.structs.replace(
        rules().observe(state), turn=5, recent_output=texts, recent_new=8, recent_tones="=+=+=+=+"
    )  # fmt: skip


def test_the_longest_usual_fight_fits_an_ordinary_terminal() -> None:
    seen = long_fight(goods=7)
    whole, low = shown(seen, Canvas(80, ASCII, 60)), shown(seen, LOW)
    assert len(whole.splitlines()) > 30
    assert len(low.splitlines()) <= 23
    assert "Event 7." in low
    assert "" not in low.splitlines(), "the empty line above the inputs is given up last"
    assert seen.combat is not None
    assert f": level {seen.combat.level} guardian" in whole
    assert "class wizard (it deals +" in whole
    assert ": guardian" in low
    assert ", wizard (it +" in low
    assert (f"[{'#' * 20}]" in whole, f"[{'#' * 10}]" in low) == (True, True)


def test_no_view_of_a_run_but_the_inventory_is_longer_than_24_rows() -> None:
    for at, known in played():
        lines = len(shown(at, LOW, known).splitlines())
        assert lines <= 23 or at.current_state == "Inventory", shown(at, LOW, known)


def test_a_long_fight_in_a_low_terminal_is_brief() -> None:
    state = combat_state(faces=(10, 10), at=1_000, armour=5)
    cat = rules().catalogue
    state.hero.consumables = [1] * len(cat.consumables)
    whole, brief = shown_of(state, Canvas(80, ASCII, 60)), shown_of(state, LOW)
    assert "it: then not known yet" in whole
    assert "it: then not known yet" not in brief
    effect = cat.consumables[5].text
    assert effect in whole
    assert effect not in brief
    assert len(brief.splitlines()) < len(whole.splitlines()) - 8
    name = cat.consumables[5].name.lower()
    assert any(f"item 6  {name}" in line for line in brief.splitlines())


def test_no_figure_of_the_head_is_broken() -> None:
    for at, known in played():
        seen = msgspec.structs.replace(at, mode="ironman", ascension=3, turns_left=2345)
        lines = shown(seen, WIDE, known).splitlines()
        for figure in (f"gold {seen.player.gold}", "ascension 3", "2345 turns left"):
            assert seen.combat or not seen.player.hero_class or any(figure in line for line in lines)


def test_a_harder_run_says_so_in_the_head() -> None:
    seen = msgspec.structs.replace(
        rules().observe(hub()), mode="ironman", ascension=3, hardships=["Doors lie"]
    )
    assert ", ironman, ascension 3, " in " ".join(shown(seen).split())
    assert "ascension 3: Doors lie" in "\n".join(map(plain, manual.hero(seen, WIDE)))
    assert "casual" not in shown(rules().observe(hub()))


def test_a_run_that_is_over_shows_its_score() -> None:
    seen = msgspec.structs.replace(rules().observe(hub()), is_over=True, score=12.5, available_actions=[])
    assert "The run is over, score 12.50 of 100." in shown(seen)


def test_short_options_share_a_line_only_in_a_wide_terminal() -> None:
    seen = rules().observe(combat_state())
    assert any("5  potion" in line and "6  bomb" in line for line in shown(seen).splitlines())
    narrow = shown(seen, Canvas(60, ASCII)).splitlines()
    assert "  5  potion x2" in narrow


def test_many_items_to_wear_are_one_option() -> None:
    choices = [Choice(f"equip {n}", f"wear bag item {n}") for n in range(1, 6)]
    choices += [Choice("unequip head", "take off head"), Choice("unequip feet", "take off feet")]
    given = folded([Choice("1", "done"), *choices])
    assert [one.typed for one in given] == ["1", "equip N", "unequip SLOT"]
    assert "1 to 5" in given[1].label
    assert given[2].label == "take off: head, feet"
    assert [one.typed for one in folded(choices[:2])] == ["equip 1", "equip 2"]
