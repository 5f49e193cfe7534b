"""Runs to look at: states a sensible player comes through, at every turn."""

from __future__ import annotations

from collections.abc import Iterator

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Mode, Rules, State, load_rules

RULES = load_rules()


def states(seed: int, turns: int, policy: str = "heuristic", *, ranked: bool = False) -> Iterator[State]:
    """The state of every turn; what is done with it changes nothing for the next one."""
    player = make_policy(policy, seed)
    mode = Mode.ironman if ranked else Mode.casual
    state = RULES.new_game(GameOptions(seed=seed, mode=mode, name="Tarn", ranked=ranked))
    for _ in range(turns):
        yield RULES.decode(RULES.encode(state))
        if state.over:
            return
        state = RULES.advance(state, choose(RULES, player, state)).state


def of_rules(rules: Rules, state: State) -> State:
    """A copy to change."""
    return rules.decode(rules.encode(state))
