"""Policies decide equally from every view, send only legal inputs, and use each skill where it helps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgspec
import pytest
from msgspec.structs import replace

from dungeonfighter.bots import textview
from dungeonfighter.bots.attack import Attack
from dungeonfighter.bots.heuristic import SKILLS, Heuristic
from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.random import Random
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.bots.runner import choose, play_run
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, Mode, Observation, Phase, Rules, State, load_rules
from dungeonfighter.rules.views.observation import CombatView

INPUTS = 400


@cache
def rules() -> Rules:
    return load_rules()


def states(policy: str, seed: int, inputs: int = INPUTS) -> Iterator[State]:
    """Yield the states of one run of a policy, up to its end or to `inputs` inputs."""
    state = rules().new_game(GameOptions(seed=seed, mode=Mode.casual))
    player = make_policy(policy, seed)
    for _ in range(inputs):
        yield state
        if state.over:
            return
        state = rules().apply(state, choose(rules(), player, state)).state


def legal(state: State) -> list[str]:
    return [c.input for c in rules().legal_inputs(state) if not c.pattern]


@pytest.mark.parametrize("policy", ["random", "heuristic"])
def test_the_text_view_lists_exactly_the_legal_inputs(policy: str) -> None:
    for state in states(policy, seed=11):
        text = rules().text(state, f"e1 t{state.turn}")
        assert sorted(textview.inputs(text)) == sorted(legal(state)), text
        assert textview.is_over(text) == state.over
        assert textview.position(text) == (1, state.turn)


@pytest.mark.parametrize("policy", ["auto", "heuristic"])
def test_the_json_view_leads_to_the_same_decision(policy: str) -> None:
    player = make_policy(policy)
    for state in states(policy, seed=12):
        if not state.over:
            seen = rules().observe(state)
            decoded = msgspec.convert(msgspec.json.decode(msgspec.json.encode(seen)), Observation)
            assert player.choose(decoded) == player.choose(seen)


@pytest.mark.parametrize("policy", ["auto", "heuristic", "search-20"])
def test_the_brief_view_leads_to_the_same_decision(policy: str) -> None:
    player = make_policy(policy)
    for state in states(policy, seed=12):
        if not state.over:
            brief, full = rules().observe(state, briefly=True), rules().observe(state)
            assert player.choose(brief) == player.choose(full)


def test_the_brief_view_of_a_fight_names_the_worn_items() -> None:
    fights = [state for state in states("heuristic", seed=12) if state.fight is not None]
    for state in fights:
        brief, full = rules().observe(state, briefly=True), rules().observe(state)
        worn = [msgspec.structs.replace(item, granted=[]) for item in full.player.worn]
        assert brief.player.worn == worn != []


def test_random_decides_the_same_from_text_inputs_and_observation() -> None:
    three = [Random(5), Random(5), Random(5)]
    for state in states("random", seed=13):
        if not state.over:
            decisions = {
                three[0].choose_text(rules().text(state, "e1 t0")),
                three[1].choose_inputs(legal(state)),
                three[2].choose(rules().observe(state)),
            }
            assert len(decisions) == 1


@pytest.mark.parametrize("name", [*policies, *(f"heuristic-without-{skill}" for skill in SKILLS)])
def test_every_policy_sends_only_legal_inputs(name: str) -> None:
    first = play_run(rules(), make_policy(name, 3), 3, 300, mode=Mode.casual)
    assert first.inputs == 300 or first.result in {"died", "won"}
    assert play_run(rules(), make_policy(name, 3), 3, 300, mode=Mode.casual) == first


def test_an_unknown_policy_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match="heuristic"):
        make_policy("genius")
    with pytest.raises(BadInput):
        make_policy("heuristic-without-luck")


def test_attack_needs_only_its_one_input() -> None:
    assert isinstance(Attack(), InputPolicy)
    assert Attack().choose_text("anything") == "1"


@pytest.mark.parametrize("policy", ["attack", "auto", "heuristic"])
def test_after_a_casual_death_a_clone_goes_on(policy: str) -> None:
    state = next(state for state in states("attack", seed=1) if state.phase == Phase.Death)
    assert "2" in legal(state)
    state = rules().apply(state, choose(rules(), make_policy(policy), state)).state
    assert (state.phase, state.hero.clones, state.over) == (Phase.GameLoop, 1, False)


# The following tests change one fight in one respect at a time.


@cache
def a_fight() -> Observation:
    """Return an observation of a fight."""
    for state in states("attack", seed=1):
        seen = rules().observe(state)
        if seen.combat is not None:
            return seen
    raise AssertionError("no fight")


def fight(**changes: object) -> Observation:
    seen = a_fight()
    assert seen.combat is not None
    usual: dict[str, object] = {
        "health": 100, "health_max": 100, "intent": "normal", "incoming": 18, "outgoing": 12,
        "enemy_acts_in": 3000, "hero_acts_in": 7600, "enemy_period": 7600, "enemy_first": True,
        "strip_step": 0, "luck": 0, "archetype": "beast", "rank": "normal", "level": 2,
    }  # fmt: skip
    combat: CombatView = replace(seen.combat, **(usual | changes))
    player = replace(seen.player, health=seen.player.health_max, potions=1)
    actions = [choice for choice in seen.available_actions if choice.input != "6"]  # no bomb
    return replace(seen, combat=combat, player=player, available_actions=actions)


def decision(seen: Observation) -> str:
    return Heuristic().choose(seen)


def test_the_heuristic_guards_against_a_heavy_hit_before_its_next_action() -> None:
    assert decision(fight(intent="heavy", incoming=40)) == "4"


def test_the_heuristic_makes_an_opening_and_uses_it_if_the_enemy_cannot_act_first() -> None:
    assert decision(fight(enemy_acts_in=9000, enemy_first=False)) == "2"
    assert decision(fight(enemy_acts_in=9000, enemy_first=False, opening=True)) == "3"
    assert decision(fight(enemy_acts_in=1000, incoming=30, health=200, health_max=200)) != "3"


def test_the_heuristic_uses_power_against_a_defending_enemy() -> None:
    assert decision(fight(intent="defend", incoming=0, outgoing=6)) == "3"


def test_the_heuristic_ends_a_fight_with_a_precise_hit() -> None:
    assert decision(fight(health=4, incoming=30)) == "2"


def test_the_heuristic_drinks_a_potion_at_low_health() -> None:
    seen = fight(incoming=45, enemy_acts_in=6000)
    low = replace(seen, player=replace(seen.player, health=40))
    assert decision(low) == "5"


def test_the_heuristic_does_not_use_a_skill_that_is_switched_off() -> None:
    heavy = fight(intent="heavy", incoming=40)
    assert Heuristic(frozenset({"guard"})).choose(heavy) != "4"
    with pytest.raises(ValueError, match="luck"):
        Heuristic(frozenset({"luck"}))
