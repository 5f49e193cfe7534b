"""Fills a store with as many bots as a full machine has; the rows are those of real runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from dungeonfighter import limits
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.hosting import trail
from dungeonfighter.hosting.ports import Store, Won, Write
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.rules import GameOptions, Rules

_RUNS: Final = 10
_TURNS: Final = 200


def key_of(number: int) -> str:
    return f"local/bench-{number:06}"


async def fill(store: Store, rules: Rules, bots: int) -> None:
    """Write a row for each bot, in the largest batches."""
    kinds = list(_kinds(rules))
    for first in range(0, bots, limits.batch_rows_max):
        numbers = range(first, min(bots, first + limits.batch_rows_max))
        batch = [_write(number, rules, *kinds[number % len(kinds)]) for number in numbers]
        outcomes = await store.commit(batch)
        if not all(isinstance(outcome, Won) for outcome in outcomes):
            raise RuntimeError(f"a row could not be written: {outcomes}")


def _kinds(rules: Rules) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield turn, state and trail of casual runs of the heuristic, from the turn that fills the trail."""
    for seed in range(_RUNS):
        policy = make_policy("heuristic", seed)
        state = rules.new_game(GameOptions(seed=seed))
        run = trail.Trail(trail.ORIGIN_NEW, f'{{"seed":{seed}}}', 0, 0, b"", "")
        for _ in range(_TURNS):
            if state.over:
                break
            text = choose(rules, policy, state)
            state = rules.advance(state, text).state
            run = trail.appended(run, text, bytes(limits.op_bytes))
            if state.turn > limits.trail_inputs_max and not state.over:
                yield state.turn, rules.encode(state), trail.encode(run)


def _write(number: int, rules: Rules, turn: int, state: bytes, run: bytes) -> Write:
    row = sealed_row(key_of(number), 1, rules.digest(state), 1, turn, rules.identity, state, run, "", 0)
    return Write(row, 0, b"")


def some_of(bots: int, count: int, start: int) -> list[str]:
    """Return the `count` keys from position `start` of a fixed permutation of all keys, which repeats."""
    step = 7919  # prime, so every bot comes once before the first comes again
    return [key_of(number * step % bots) for number in itertools.islice(itertools.count(start), count)]
