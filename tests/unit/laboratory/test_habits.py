"""Habits: a refused kind of decision is never made, the first answer takes its place, one answer stays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from dungeonfighter.bots.runner import choose
from dungeonfighter.errors import BadInput
from dungeonfighter.laboratory.habits import DRAWN, FIRST, KINDS, REFUSED, Habitual
from dungeonfighter.laboratory.options import Option, option_of
from dungeonfighter.laboratory.players import Player, checked, variants
from dungeonfighter.rules import GameOptions, Mode, Observation, Rules, load_rules
from dungeonfighter.rules.views.observation import Choice
from tests.unit.laboratory.made_up import some

INPUTS = 350
SEED = 4
"""A run in which the heuristic makes decisions of nearly every kind within `INPUTS` inputs."""


@cache
def rules() -> Rules:
    return load_rules()


def decisions(
    player: Player, seed: int = SEED, inputs: int = INPUTS
) -> Iterator[tuple[Observation, str, Option]]:
    """Yield (view, input, option) of a run; every input is legal, or the rules would refuse it."""
    state = rules().new_game(GameOptions(seed=seed, mode=int(Mode.casual)))
    policy = player.make(seed)
    for _ in range(inputs):
        if state.over:
            return
        o = rules().observe(state)
        text = choose(rules(), policy, state)
        known = {c.input: option_of(o, c) for c in o.available_actions if not c.pattern}
        yield o, text, known.get(text) or option_of(o, Choice(text, text))
        state = rules().advance(state, text).state
    assert not isinstance(policy, Habitual) or policy.forced == 0


@pytest.mark.parametrize("kind", some(REFUSED, {"guard", "trade-up", "camp"}))
def test_a_refused_kind_of_decision_is_never_made(kind: str) -> None:
    made = {str(option) for _, _, option in decisions(Player("heuristic", (kind,)))}
    assert len(made) > 8
    assert not made & REFUSED[kind]


@pytest.mark.long
def test_the_heuristic_makes_most_of_these_decisions() -> None:
    made = {str(option) for seed in (SEED, 5) for _, _, option in decisions(Player("heuristic"), seed, 900)}
    unused = [kind for kind in REFUSED if not made & REFUSED[kind]]
    assert set(unused) <= {"food", "bomb", "rest"}, unused


@pytest.mark.parametrize("kind", some(FIRST, {"doors"}))
def test_an_option_that_nobody_chose_takes_the_place_of_a_choice(kind: str) -> None:
    texts = []
    for o, text, option in decisions(Player("heuristic", (kind,)), inputs=500):
        if option.group == FIRST[kind]:
            texts.append(text)
            assert o.current_state in {"LevelUp", "DungeonSelection", "Dungeon"}
    assert len(texts) > 2
    if kind in DRAWN:
        assert len(set(texts)) > 1
        assert "0" not in texts
    else:
        assert set(texts) == {"1"}


def test_the_same_seed_draws_the_same_levels() -> None:
    def drawn() -> list[str]:
        return [text for _, text, _ in decisions(Player("heuristic", ("level",)), inputs=200)]

    assert drawn() == drawn()


def test_several_kinds_can_be_taken_away_at_once() -> None:
    player = Player("heuristic", ("guard", "power"))
    made = {str(option) for _, _, option in decisions(player)}
    assert not made & {"fight: guard", "fight: power"}
    assert "fight: precise" in made


@pytest.mark.parametrize("stance", some(["attack", "precise", "power", "guard"], {"power"}))
def test_one_stance_takes_the_place_of_all_but_other_inputs_stay(stance: str) -> None:
    player = Player("heuristic", (), (("stance", stance),))
    made = [option.name for _, _, option in decisions(player) if option.group == "fight"]
    assert set(made) & {"attack", "precise", "power", "guard"} == {stance}
    assert len(set(made)) > 1 or stance == "guard"


def test_a_door_of_the_kind_is_always_taken_and_else_the_choice_stays() -> None:
    player = Player("heuristic", (), (("door", "trap"),))
    kinds = [
        ({door.kind for door in o.current_room.doors}, option.name)
        for o, _, option in decisions(player, inputs=700)
        if option.group == "door" and o.current_room is not None
    ]
    assert any(name == "trap" for _, name in kinds)
    assert all(name == "trap" for offered, name in kinds if "trap" in offered)
    assert any(name != "trap" for _, name in kinds)


@pytest.mark.parametrize("weapon", some(["mace", "sword", "dagger", "wand"], {"dagger"}))
def test_a_weapon_is_kept_for_the_whole_run(weapon: str) -> None:
    player = Player("heuristic", (), (("weapon", weapon),))
    kinds = {o.player.weapon_kind for o, _, _ in decisions(player, inputs=500) if o.player.weapon_kind}
    assert kinds == {weapon}


def test_an_item_is_used_in_a_fight_as_long_as_there_is_one() -> None:
    player = Player("heuristic", (), (("item", "bomb"),))
    fights = [(o, option) for o, _, option in decisions(player, inputs=60) if o.combat is not None]
    assert fights[0][1] == ("fight", "bomb")
    assert all(
        option.name == "bomb" for o, option in fights if any(c.name == "Bomb" for c in o.player.consumables)
    )


class Stubborn:
    """A policy that always guards, even where it may not."""

    name = "stubborn"

    def choose(self, observation: Observation) -> str:
        return "4" if observation.combat is not None else "1"


def test_a_policy_that_insists_is_replaced_and_counted() -> None:
    habitual = Habitual(Stubborn(), frozenset({"guard"}))
    state = rules().new_game(GameOptions(seed=1, mode=int(Mode.casual)))
    fought = 0
    for _ in range(20):
        o = rules().observe(state)
        text = habitual.choose(o)
        fought += o.combat is not None
        assert text == "1"
        state = rules().advance(state, text).state
    assert habitual.forced == fought > 0


def test_variants_are_one_player_for_each_part() -> None:
    base = Player("heuristic")
    names = [player.name for player in variants(base, "guard,power+precise", "stance=power")]
    assert names == [
        "heuristic",
        "heuristic without guard",
        "heuristic without power+precise",
        "heuristic always stance=power",
    ]
    assert len(variants(base, "all")) == 1 + len(KINDS)
    assert len(variants(base, always="weapon")) == 5


@pytest.mark.parametrize(
    ("player", "words"),
    [
        (Player("genius"), "farm"),
        (Player("heuristic", ("gard",)), "guard"),
        (Player("heuristic", (), (("hat", "red"),)), "stance"),
        (Player("heuristic", (), (("stance", "sleep"),)), "power"),
    ],
)
def test_unknown_words_are_refused_with_those_there_are(player: Player, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        checked(player)
