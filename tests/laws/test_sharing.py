"""A state and its successors share lists (`codec.copy`), and no later turn may change an earlier state."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, State
from dungeonfighter.rules.character.loot import roll_item
from dungeonfighter.rules.state import Mode, Phase
from tests.laws.runs import PICKS, begin, legal, options, walk
from tests.unit.rules.position import rules

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = ("0", "drop 1", "drop 2", "strip 0", "strip 1,0", "unequip chest", "dungeon 1")
"""Inputs that no menu lists, or only an example of them."""
LATER = 3
"""The number of inputs that are played in place after `apply`; one would not reach all shared lists."""


def descend(state: State, first: str, chance: random.Random) -> None:
    """Apply one input, then change the new state in place."""
    after = rules().apply(state, first).state
    for _ in range(LATER):
        choices = legal(after)
        if not choices:
            return
        rules().advance(after, chance.choice(choices))
        for word in (*WORDS, _trade(after)):
            _try(after, word)


def _try(state: State, text: str) -> bool:
    try:
        rules().advance(state, text)
    except BadInput:
        return False
    return True


def _trade(state: State) -> str:
    """Return a trade of up to five bag items of the most frequent rarity."""
    rarities = [item.rarity for item in state.hero.bag]
    most = max(rarities, key=rarities.count, default=0)
    places = [str(place) for place, rarity in enumerate(rarities, 1) if rarity == most]
    return f"trade {','.join(places[:5])}"


def playable(state: State) -> Iterator[str]:
    """Yield every input that is legal now, words included."""
    yield from dict.fromkeys(legal(state))
    for word in (*WORDS, _trade(state)):
        if _try(rules().decode(rules().encode(state)), word):
            yield word


@pytest.mark.long
@QUICK
@given(options(), PICKS, st.integers(0, 2**32))
def test_no_later_turn_shows_in_an_earlier_state(start: GameOptions, picks: list[int], seed: int) -> None:
    chance = random.Random(seed)
    for state, _ in walk(start, picks[:30]):
        before = rules().encode(state)
        for text in playable(state):
            descend(state, text, chance)
            assert rules().encode(state) == before, text


@pytest.mark.parametrize("seed", range(4))
def test_all_states_of_a_run_stay_as_they_were(seed: int) -> None:
    """Each state was made from the previous one; a change of the last state changes no other state."""
    kept = [
        (state, rules().encode(state))
        for state, _ in walk(GameOptions(seed=3 * seed, weapon=seed % 4), [7919 * n for n in range(1500)])
    ]
    rules().advance(kept[-1][0], legal(kept[-1][0])[0])
    changed = [place for place, (state, raw) in enumerate(kept[:-1]) if rules().encode(state) != raw]
    assert not changed


KINDS = {
    Phase.WeaponSelection: {"1"},
    Phase.GameLoop: {
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "drop",
        "equip",
        "strip",
        "unequip",
        "dungeon",
        "wares",
    },
    Phase.DungeonSelection: {"0", "1", "dungeon"},
    Phase.Dungeon: {"1", "2", "3", "4", "5", "9", "equip", "drop", "strip", "unequip"},
    Phase.Combat: {"1", "2", "3", "4", "5", "6", "8", "9", "item"},
    Phase.Inventory: {"0", "1", "equip", "unequip", "drop", "strip", "trade"},
    Phase.RegionTravel: {"0", "1"},
    Phase.LevelUp: {"1", "2", "3", "4"},
    Phase.DungeonCompletion: {"1", "2"},
    Phase.Death: {"1", "2"},
}


def test_every_kind_of_input_of_every_phase_leaves_the_state_it_is_applied_to() -> None:
    """Play runs until each kind of input has been tried in each phase that has it."""
    missing = {(phase, kind) for phase, kinds in KINDS.items() for kind in kinds}
    for seed in range(200):
        chance = random.Random(seed)
        state = begin(GameOptions(seed=seed, mode=int(Mode.casual), weapon=seed % 5 - 1))
        if seed % 2:  # the bag has enough of one rarity for a trade
            state.hero.bag = [roll_item(rules().catalogue, state.dice, 5, rarity=0) for _ in range(8)]
        for _ in range(400):
            choices = list(playable(state))
            if not choices:
                break
            before = rules().encode(state)
            for text in choices:
                kind = (Phase(state.phase), text.partition(" ")[0])
                if kind in missing:
                    descend(state, text, chance)
                    assert rules().encode(state) == before, text
                    missing.discard(kind)
            state = rules().apply(state, chance.choice(choices)).state
        if not missing:
            break
    assert not missing
