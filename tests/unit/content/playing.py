"""States of runs that a policy plays, one for each turn."""

from __future__ import annotations

from collections.abc import Iterator

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Mode, Rules, State, load_rules

RULES = load_rules()


def states(seed: int, turns: int, policy: str = "heuristic", *, ranked: bool = False) -> Iterator[State]:
    """Yield a copy of the state of each turn, so that a test may change it."""
    player = make_policy(policy, seed)
    mode = Mode.ironman if ranked else Mode.casual
    state = RULES.new_game(GameOptions(seed=seed, mode=mode, name="Tarn", ranked=ranked))
    for _ in range(turns):
        yield RULES.decode(RULES.encode(state))
        if state.over:
            return
        state = RULES.advance(state, choose(RULES, player, state)).state


def copy_of(rules: Rules, state: State) -> State:
    """Return a copy of a state."""
    return rules.decode(rules.encode(state))
