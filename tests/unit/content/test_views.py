"""The views show what holds, everything that a decision needs, and nothing that a hero cannot know."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import msgspec
import pytest

from dungeonfighter.rules import Choice, GameOptions, Mode, Phase, State
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Band, RoomPhase, Stance
from dungeonfighter.telemetry.tokens import count_tokens
from tests.unit.content.playing import RULES, copy_of, states

HEAD = "e1 t1"
NEW_LINE = "\n"

ESTIMATE = 1.03
"""The estimate counts that much more than cl100k on these texts (docs/tools.md)."""


@pytest.fixture(scope="module")
def seen() -> list[State]:
    """Return states of all kinds, from two sensible runs and two random ones."""
    return [
        state
        for policy, seed in (("heuristic", 1), ("heuristic", 2), ("random", 3), ("random", 4))
        for state in states(seed, 350, policy)
    ]


def test_the_runs_of_these_tests_have_every_common_phase(seen: list[State]) -> None:
    phases = {Phase(state.phase) for state in seen}
    assert phases >= {
        Phase.WeaponSelection, Phase.GameLoop, Phase.DungeonSelection, Phase.Dungeon, Phase.Combat,
        Phase.Inventory, Phase.LevelUp, Phase.DungeonCompletion,
    }  # fmt: skip


def test_other_dice_do_not_change_the_views(seen: list[State]) -> None:
    for state in seen:
        other = copy_of(RULES, state)
        RULES.reseed(other, 4711)
        assert RULES.text(other, HEAD) == RULES.text(state, HEAD)
        shown = msgspec.structs.replace(RULES.observe(other), digest="")
        assert shown == msgspec.structs.replace(RULES.observe(state), digest="")


def test_making_a_view_does_not_change_the_state(seen: list[State]) -> None:
    for state in seen:
        before = RULES.encode(state)
        RULES.text(state, HEAD)
        RULES.observe(state)
        assert RULES.encode(state) == before


def test_a_dark_door_hides_its_room(seen: list[State]) -> None:
    dark = 0
    for state in seen:
        if state.phase != Phase.Dungeon or state.dungeon is None or state.dungeon.phase != RoomPhase.doors:
            continue
        room = RULES.observe(state).current_room
        assert room is not None
        for door, shown in zip(state.dungeon.doors, room.doors, strict=True):
            if door.hint == 0:
                dark += 1
                assert (shown.kind, shown.hint) == ("dark", "")
                assert (door.kind, door.theme_room, door.enemy) == (-1, -1, -1)
    assert dark > 5


def test_the_seed_of_a_ranked_run_is_hidden_while_it_lives() -> None:
    live = next(iter(states(5, 1, ranked=True)))
    assert RULES.observe(live).seed is None
    live.over = True
    assert RULES.observe(live).seed == 5


def test_the_seed_of_a_practice_run_is_shown() -> None:
    assert RULES.observe(RULES.new_game(GameOptions(seed=77, mode=Mode.ironman))).seed == 77


def test_the_text_names_every_legal_input(seen: list[State]) -> None:
    for state in seen:
        if state.over:
            continue
        line = f"|{RULES.text(state, HEAD).rpartition(NEW_LINE)[2].replace('| ', '|')} "
        bag = len(state.hero.bag)
        for choice in RULES.legal_inputs(state):
            assert _named(choice, line, bag), (choice.input, line)


def _named(choice: Choice, line: str, bag: int) -> bool:
    if choice.pattern:
        return (
            f"|{choice.pattern} " in f"{line} "
            or f"|{choice.pattern}: " in line
            or f"|{choice.input} for " in line
        )
    if choice.input.startswith("equip "):
        return f"|equip {f'1-{bag}' if bag > 1 else 1}" in line
    if choice.input.startswith("unequip "):
        return choice.input[8:] in line.split("unequip ")[1] or "|unequip slot |" in line
    return f"|{choice.input} " in f"{line} "


def test_the_choices_of_the_snapshot_are_the_legal_inputs_in_their_order(seen: list[State]) -> None:
    for state in seen:
        shown = [choice.input for choice in RULES.observe(state).available_actions]
        assert shown == [choice.input for choice in RULES.legal_inputs(state)]


def test_every_label_of_a_choice_differs_from_the_others(seen: list[State]) -> None:
    for state in seen:
        labels = [choice.label for choice in RULES.observe(state).available_actions if choice.input != "0"]
        doors = state.phase == Phase.Dungeon and state.dungeon is not None and state.dungeon.doors
        if not doors and state.phase not in (Phase.GameLoop, Phase.Inventory):
            assert len(set(labels)) >= len(labels) - len(state.hero.bag), labels


def _attacks(first_seed: int) -> Iterator[tuple[State, list[list[int]]]]:
    """Yield fights of several runs: each state, and the events of a plain attack in it."""
    for seed in range(first_seed, first_seed + 6):
        for state in states(seed, 300):
            if state.phase == Phase.Combat:
                yield state, RULES.apply(state, "1").events


def test_the_shown_damage_of_an_intent_is_that_of_a_plain_hit() -> None:
    compared = 0
    for state, happened in _attacks(6):
        combat = RULES.observe(state).combat
        assert combat is not None
        kinds = [event[0] for event in happened]
        if Event.EnemyAttacked not in kinds:
            continue
        before = kinds.index(Event.EnemyAttacked)
        event = happened[before]
        undisturbed = set(kinds[:before]) <= {Event.HeroAttacked, Event.HeroMissed, Event.MissRerolled}
        undisturbed &= not any(done[0] == Event.HeroAttacked and done[3] >= Band.combo for done in happened)
        if undisturbed and event[3] == Band.hit:
            assert event[4] == combat.incoming
            compared += 1
    assert compared > 40


def test_the_shown_damage_of_the_hero_is_that_of_a_plain_hit() -> None:
    compared = 0
    for state, happened in _attacks(7):
        combat = RULES.observe(state).combat
        assert combat is not None
        attacks = [event for event in happened if event[0] == Event.HeroAttacked]
        first = happened.index(attacks[0]) if attacks else 0
        ticked = any(event[0] == Event.StatusTicked for event in happened[:first])
        if attacks and attacks[0][1] == Stance.attack and attacks[0][3] == Band.hit and not ticked:
            assert attacks[0][6] == combat.outgoing
            compared += 1
    assert compared > 40


def test_a_snapshot_has_the_thresholds_of_the_die() -> None:
    for state, happened in _attacks(8):
        player = RULES.observe(state).player
        for event in happened:
            if event[1:2] != [Stance.attack]:
                continue
            # The thresholds are for the bare die; the totals have bonuses and penalties in them.
            if event[0] == Event.HeroAttacked and event[3] == Band.combo:
                assert event[2] - event[5] >= player.combo_at
            if event[0] == Event.HeroMissed and event[3] == Band.miss:
                assert event[2] - event[4] < player.hit_at


def test_the_changes_shown_for_a_bag_item_are_those_of_equipping_it() -> None:
    compared = 0
    hubs = [state for seed in range(9, 15) for state in states(seed, 300) if state.phase == Phase.GameLoop]
    for state in hubs:
        for item in RULES.observe(state).player.bag:
            after = RULES.apply(state, f"equip {item.number}").state.hero.figures
            assert after.damage - state.hero.figures.damage == item.damage_change
            assert after.armour - state.hero.figures.armour == item.armour_change
            assert after.health_max - state.hero.figures.health_max == item.health_change
            compared += 1
    assert compared > 20


def test_a_turn_costs_a_model_at_most_120_tokens_in_the_median_and_200_mostly() -> None:
    costs = [
        count_tokens(RULES.text(state, f"e3 t{state.turn}")) / ESTIMATE
        for seed in (10, 11, 20, 21, 30, 31)
        for state in states(seed, 600)
    ]
    assert statistics.median(costs) <= 120
    assert statistics.quantiles(costs, n=20)[-1] <= 200
    assert max(costs) <= 1000, "a full bag is the longest there is"


def test_an_auto_fight_takes_few_words() -> None:
    texts = [
        RULES.text(RULES.apply(state, "9").state, HEAD)
        for state in states(12, 150)
        if state.phase == Phase.Combat
    ]
    assert texts
    grown = ("New, bag", "Grown: ")
    brief = [[line for line in text.split("\n") if not line.startswith(grown)] for text in texts]
    assert max(count_tokens("\n".join(lines)) for lines in brief) < 200, "without the lines of found items"
    assert all("Auto: " in text for text in texts)


@pytest.mark.long
def test_a_rest_room_gives_the_amounts_it_shows() -> None:
    compared = 0
    for seed in range(13, 40):
        for state in states(seed, 500):
            if state.phase != Phase.Dungeon or state.dungeon is None:
                continue
            labels = {c.input: c.label for c in RULES.observe(state).available_actions}
            if labels["1"].startswith("sleep +"):
                shown = [labels["1"].split()[1], labels["2"].split()[1]]
                slept, studied = (RULES.apply(state, text).events[0][1] for text in "12")
                assert shown == [f"+{slept}", f"+{studied}"]
                compared += 1
    assert compared > 3
