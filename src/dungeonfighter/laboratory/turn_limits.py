"""Limits of turns: the score that players have at each, and what it costs in tokens to tell them apart.

Each run is played once, in ironman; its score and its tokens are taken when it passes each limit.

Source: docs/decisions/065-ranked-for-few-tokens.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.ladder import mean
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.estimates import percentile, seeds_needed
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import GameOptions, Mode, Rules

CountTokens = Callable[[str], int]
_FAR: Final = 100_000
"""The seeds that stand for a pair whose order is wrong or not to be told."""


class Passed(Struct, frozen=True):
    """One run: at each limit its score, and the tokens of all views and arguments of calls up to there."""

    player: str
    seed: int
    scores: tuple[float, ...]
    tokens: tuple[int, ...]


class LimitJob(Struct, frozen=True):
    """One run to play. `turns` are the limits, ascending; `count` must be a function that can be pickled."""

    player: Player
    seed: int
    turns: tuple[int, ...]
    count: CountTokens

    def perform(self, rules: Rules) -> Passed:
        policy, count = self.player.make(self.seed), self.count
        state = rules.new_game(GameOptions(seed=self.seed, mode=int(Mode.ironman), ranked=True))
        spent = count(rules.text(state, "e1 t0"))
        scores: list[float] = []
        tokens: list[int] = []
        for turns in self.turns:
            while not state.over and state.turn + state.world.spent < turns:
                text = choose(rules, policy, state)
                spent += count(json.dumps({"input": text, "turn": state.turn}))
                state = rules.advance(state, text).state
                spent += count(rules.text(state, f"e1 t{state.turn}"))
            scores.append(rules.score(state) / 100)
            tokens.append(spent)
        return Passed(self.player.name, self.seed, tuple(scores), tuple(tokens))


class Limit(Struct, frozen=True):
    """One row: a limit of turns.

    Attributes:
        scores: The mean score by player.
        tokens: The median of the tokens of a run by player.
        seeds: The pairs of runs that tell each player from the one before, by the name of the better one.
        total: The tokens of all those runs together.
    """

    turns: int
    scores: dict[str, float]
    tokens: dict[str, float]
    seeds: dict[str, int]
    total: float


def limits_of(turns: Sequence[int], players: Sequence[str], found: Sequence[Passed]) -> list[Limit]:
    """Return a row for each limit; the players are in the order of the ladder, the weakest first."""
    runs: dict[str, dict[int, Passed]] = {name: {} for name in players}
    for run in found:
        runs[run.player][run.seed] = run
    return [
        _limit(number, each, {n: of for n, of in runs.items() if of}) for number, each in enumerate(turns)
    ]


def _limit(number: int, turns: int, runs: Mapping[str, Mapping[int, Passed]]) -> Limit:
    scores = {name: round(mean([run.scores[number] for run in of.values()]), 2) for name, of in runs.items()}
    tokens = {name: percentile([run.tokens[number] for run in of.values()], 50) for name, of in runs.items()}
    seeds = {}
    for weaker, stronger in pairwise(runs):
        gains = [
            run.scores[number] - runs[weaker][seed].scores[number]
            for seed, run in runs[stronger].items()
            if seed in runs[weaker]
        ]
        ahead = mean(gains) if gains else 0.0
        seeds[stronger] = min(_FAR, max(1, seeds_needed(gains, ahead))) if ahead > 0 else _FAR
    total = sum(seeds[better] * (tokens[better] + tokens[worse]) for worse, better in pairwise(runs))
    return Limit(turns, scores, tokens, seeds, total)


def table(rows: Sequence[Limit]) -> Iterator[str]:
    """Yield the lines of the table as text."""
    names = list(rows[0].scores) if rows else []
    yield f"{'turns':>5}" + "".join(f"{name + ' score, tokens':>26}" for name in names) + "  seeds; tokens"
    for row in rows:
        cells = "".join(f"{f'{row.scores[name]:.2f}, {row.tokens[name]:,.0f}':>26}" for name in names)
        apart = ", ".join("-" if count == _FAR else str(count) for count in row.seeds.values())
        yield f"{row.turns:>5}{cells}  {apart}; {row.total:,.0f}"
    yield "score: mean; tokens: median of a run, views and arguments of calls"
    yield "seeds: pairs of runs that tell each player from the one before (5 %, power 80 %), and their tokens"
