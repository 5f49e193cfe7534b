"""Regret by fair forks: the value of the best input less that of the chosen one, in points of the score.

A decision of a run is forked: every option is played on to the end of the run (or to a horizon) many times,
each time with fresh dice, which are the same for all options. The best option of this batch is chosen; its
claimed gain is too large, because it is the largest of several noisy means. So a second batch with other dice
plays the best and the taken option once more: only this verified gain is evidence.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.bots.ladder import mean
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.estimates import Estimate, estimate
from dungeonfighter.laboratory.options import option_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import GameOptions, Mode, Observation, Rules, State, codec

GROUPS: Final = ("level", "door", "talent", "offer", "room", "hub", "fight")
"""The groups of decisions that are forked; see `options`."""
OPTIONS_MAX: Final = 6
"""The most options of one decision; more are left out by chance, never the taken one."""
SKIPPED: Final = frozenset(("fight: auto", "hub: inventory", "room: inventory", "level: back"))
"""Options that are no decision of their own."""


class Fork(Struct, frozen=True):
    """One forked decision.

    Attributes:
        taken, best: The option that the player took, and the best one of the first batch.
        claimed: The gain of the best over the taken one in the first batch; 0 if they are the same.
        verified: The same in the second batch.
    """

    player: str
    seed: int
    inputs: int
    group: str
    taken: str
    best: str
    claimed: float
    verified: float


class ForkJob(Struct, frozen=True):
    """One run of which one decision of each group is forked.

    Attributes:
        simulations: Games an option and batch.
        horizon: The most inputs of a game; 0 plays to the end of the run.
        least_gain: The best option counts as another one only if its gain is larger than this.
    """

    player: Player
    seed: int
    simulations: int = 16
    horizon: int = 0
    groups: tuple[str, ...] = GROUPS
    least_gain: float = 0.0
    inputs_max: int = limits.ranked_turns_max

    def perform(self, rules: Rules) -> list[Fork]:
        dice = random.Random(self.seed)
        found: list[Fork] = []
        for place in _places(rules, self, dice):
            fork = _forked(rules, self, place, dice)
            if fork is not None:
                found.append(fork)
        return found


class Place(Struct, frozen=True):
    """One decision of a run: its state and the options by name, each with its input."""

    state: State
    inputs: int
    group: str
    taken: str
    options: dict[str, str]


def _places(rules: Rules, job: ForkJob, dice: random.Random) -> list[Place]:
    """Return one decision of each group, drawn evenly from all of the run (reservoir sampling)."""
    policy = job.player.make(job.seed)
    state = rules.new_game(GameOptions(seed=job.seed, mode=int(Mode.ironman), ranked=True))
    kept: dict[str, Place] = {}
    seen: dict[str, int] = {}
    for inputs in range(job.inputs_max):
        if state.over:
            break
        o = rules.observe(state)
        text = choose(rules, policy, state)
        group, taken, options = _options(o, text)
        if group in job.groups and len(options) > 1:
            seen[group] = seen.get(group, 0) + 1
            if dice.random() * seen[group] < 1:
                kept[group] = Place(codec.copy(state), inputs, group, taken, options)
        state = rules.advance(state, text).state
    return list(kept.values())


def _options(o: Observation, text: str) -> tuple[str, str, dict[str, str]]:
    """Return the group of a decision, the taken option, and an input for each option of the group."""
    named = {
        c.input: option
        for c in o.available_actions
        if not c.pattern and str(option := option_of(o, c)) not in SKIPPED
    }
    if text not in named:
        return "", "", {}
    group = named[text].group
    options: dict[str, str] = {}
    for one, option in named.items():
        if option.group == group:
            options.setdefault(option.name, one)
    options[named[text].name] = text
    return group, named[text].name, options


def _forked(rules: Rules, job: ForkJob, place: Place, dice: random.Random) -> Fork | None:
    others = [name for name in place.options if name != place.taken]
    dice.shuffle(others)
    names = [place.taken, *others[: OPTIONS_MAX - 1]]
    first = {name: _value(rules, job, place, name, 0) for name in names}
    best = max(names, key=lambda name: (first[name], name == place.taken))
    claimed = first[best] - first[place.taken]
    if claimed <= job.least_gain:
        best, claimed = place.taken, 0.0
    verified = 0.0
    if best != place.taken:
        verified = _value(rules, job, place, best, 1) - _value(rules, job, place, place.taken, 1)
    return Fork(
        job.player.name, job.seed, place.inputs, place.group, place.taken, best,
        round(claimed, 3), round(verified, 3),
    )  # fmt: skip


def _value(rules: Rules, job: ForkJob, place: Place, name: str, batch: int) -> float:
    """Return the mean score of the games that begin with one option."""
    begin = (job.seed * 2 + batch) * 1_000_003 + place.inputs * 1009
    return mean(
        [
            _played(rules, job, place.state, place.options[name], (begin + number) % limits.seed_max)
            for number in range(job.simulations)
        ]
    )


def _played(rules: Rules, job: ForkJob, state: State, text: str, seed: int) -> float:
    policy = job.player.make(seed)
    twin = codec.copy(state)
    rules.reseed(twin, seed)
    twin = rules.advance(twin, text).state
    for _ in range(job.horizon or job.inputs_max):
        if twin.over:
            break
        twin = rules.advance(twin, choose(rules, policy, twin)).state
    return rules.score(twin) / 100


class Regret(Struct, frozen=True):
    """The forks of one group: the share in which another option seemed better, and both gains a decision."""

    group: str
    decisions: int
    deviates: float
    claimed: Estimate
    verified: Estimate


def regrets_of(forks: Sequence[Fork]) -> list[Regret]:
    groups = [group for group in GROUPS if any(fork.group == group for fork in forks)]
    return [_regret(group, [fork for fork in forks if fork.group == group]) for group in groups]


def _regret(group: str, forks: Sequence[Fork]) -> Regret:
    return Regret(
        group=group,
        decisions=len(forks),
        deviates=round(sum(fork.best != fork.taken for fork in forks) / len(forks), 3),
        claimed=estimate([fork.claimed for fork in forks]),
        verified=estimate([fork.verified for fork in forks]),
    )


def table(regrets: Sequence[Regret]) -> Iterator[str]:
    """Yield the lines of the table as text."""
    yield f"{'decision':<10}{'forked':>8}{'deviates':>10}{'claimed gain':>18}{'verified gain':>18}"
    for one in regrets:
        yield (
            f"{one.group:<10}{one.decisions:>8}{one.deviates:>10.0%}{one.claimed!s:>18}{one.verified!s:>18}"
        )
    yield "gains: points a decision; only the verified one, with other dice than the choice, is evidence"
