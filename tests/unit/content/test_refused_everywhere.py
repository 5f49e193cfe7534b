"""Every input of every kind of state is applied, or costs no turn and says exactly why it is refused."""

from __future__ import annotations

import pytest

from dungeonfighter.errors import BadInput, IllegalInput
from dungeonfighter.rules import State
from tests.unit.content.playing import RULES, copy_of, states
from tests.unit.rules.position import reason_in

VERBS = ("equip", "unequip", "drop", "strip", "trade", "dungeon", "item", "wares")
TAKEN = ("", " 0", " 1", " 3", " 99", " head", " 0,1", " 1,2,3,4,5", " x")
INPUTS = (*map(str, range(11)), "99", *(verb + taken for verb in VERBS for taken in TAKEN), "look", "attack")


def kind(state: State) -> tuple[object, ...]:
    """Return what decides which inputs are legal, roughly: the place, the room, the goods at hand."""
    dungeon, fight = state.dungeon, state.fight
    room = () if dungeon is None else (dungeon.phase, dungeon.kind, dungeon.searched, dungeon.rested)
    goods = tuple(count > 0 for count in state.hero.consumables[:8])
    return state.phase, room, None if fight is None else fight.rank, goods[:4], bool(state.world.road)


def trouble(state: State, text: str) -> str:
    """Return what is wrong with the answer to an input, "" if nothing."""
    after = copy_of(RULES, state)
    before = RULES.encode(after)
    try:
        RULES.advance(after, text)
    except IllegalInput as refused:
        if RULES.encode(after) != before or after.turn != state.turn:
            return "the state has changed"
        said, _, legal = str(refused).partition("; legal: ")
        enough = legal and len(reason_in(said, text.strip())) >= 8
        return "" if enough else f"no reason: {said}"
    except BadInput as refused:
        return str(refused)
    return "" if after.turn == state.turn + 1 else "no turn was counted"


def all_troubles(seeds: range, turns: int) -> tuple[list[str], int]:
    known: set[tuple[object, ...]] = set()
    found = []
    for seed in seeds:
        for state in states(seed, turns, "random" if seed % 3 else "heuristic"):
            if state.over or kind(state) in known:
                continue
            known.add(kind(state))
            found += [f"{text}: {wrong}" for text in INPUTS if (wrong := trouble(state, text))]
    return found, len(known)


def test_every_refusal_in_some_runs_says_why() -> None:
    found, kinds = all_troubles(range(3), 250)
    assert kinds > 20
    assert not found


@pytest.mark.long
def test_every_refusal_in_fifty_runs_says_why() -> None:
    found, kinds = all_troubles(range(100, 150), 400)
    assert kinds > 100
    assert not found
