"""Runs worked out on the rules alone: what every way in must answer, text for text."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Phase, Rules, State

INPUTS_MAX = 400


class Script(Struct, frozen=True):
    """A seed, the inputs that lead to the end of a dungeon, and the view after each of them (the first:
    before)."""

    seed: int
    inputs: tuple[str, ...]
    texts: tuple[str, ...]


@lru_cache
def a_cleared_dungeon(rules: Rules) -> Script:
    """The first seed whose run clears a dungeon within the limit, played by the heuristic."""
    for seed in range(1, 60):
        script = _play(rules, seed)
        if script is not None:
            return script
    raise AssertionError("no run cleared a dungeon")


def _play(rules: Rules, seed: int) -> Script | None:
    policy = make_policy("heuristic")
    state = rules.new_game(GameOptions(seed=seed))
    inputs: list[str] = []
    texts = [view(rules, state)]
    while len(inputs) < INPUTS_MAX and state.phase != Phase.Death:
        text = choose(rules, policy, state)
        state = rules.apply(state, text).state
        inputs.append(text)
        texts.append(view(rules, state))
        if state.phase == Phase.DungeonCompletion:
            return Script(seed, tuple(inputs), tuple(texts))
    return None


def view(rules: Rules, state: State, episode: int = 1) -> str:
    """The text view as the first run of a bot shows it."""
    return rules.text(state, f"e{episode} t{state.turn}")
