"""The frozen fights: about sixty descriptions of a moment in a fight, and how they are found.

A description is a condition on the view, not a stored state, so that it outlives a change of the rules: the
seeds are played in order, and the first moment that fits is the position. The rank of the enemy and the
hero's situation make the descriptions; a few more name levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.bots import chores
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State, codec
from dungeonfighter.rules.views.observation import CombatView, Observation

Condition = Callable[[Observation, CombatView], bool]
RANKS: Final = ("normal", "elite", "guardian", "boss")
_COMBAT: Final = int(Phase.Combat)
_START: Final = 0.95
"""The least share of the enemy's health at the start of a fight."""


def _health(low: float, high: float) -> Condition:
    return lambda o, c: low <= chores.health_share(o) <= high


def _intent(intent: str) -> Condition:
    return lambda o, c: c.intent == intent


def _both(one: Condition, other: Condition) -> Condition:
    return lambda o, c: one(o, c) and other(o, c)


def _at_start(o: Observation, c: CombatView) -> bool:
    return c.health >= _START * c.health_max


def _level(low: int, high: int) -> Condition:
    return lambda o, c: low <= c.level <= high


def _deadly(o: Observation, c: CombatView) -> bool:
    return c.enemy_first and c.incoming >= o.player.health


SITUATIONS: Final[Mapping[str, Condition]] = {
    "at the start, unhurt": _both(_at_start, _health(0.9, 1.0)),
    "at the start, half health": _both(_at_start, _health(0.4, 0.6)),
    "30 % health": _health(0.25, 0.35),
    "heavy next": _both(_intent("heavy"), lambda o, c: c.enemy_first),
    "heavy later": _both(_intent("heavy"), lambda o, c: not c.enemy_first),
    "shows heal": _intent("heal"),
    "shows status": _intent("status"),
    "defends": _intent("defend"),
    "next hit kills": _deadly,
    "full bag": _both(_at_start, lambda o, c: o.player.potions >= min(3, o.player.potions_max)),
    "no potion": _both(_at_start, lambda o, c: o.player.potions == 0),
    "nearly beaten": lambda o, c: c.health <= 0.25 * c.health_max and c.rank != "normal",
    "hero hurt by statuses": lambda o, c: bool(o.player.statuses) and chores.health_share(o) < 0.7,
    "enemy marked or stunned": lambda o, c: any(s.name in {"mark", "stun"} for s in c.statuses),
}
"""The hero's situations; each is looked for with each rank of enemy."""
LEVELS: Final = ((1, 2), (4, 6), (8, 10), (11, 13))
"""The levels of further fights: from their start, with guardians."""
SEEDS_MAX: Final = 120
"""The most seeds that are played to find all positions."""


class Description(Struct, frozen=True):
    """One frozen fight: a name, the rank of the enemy, and the condition."""

    name: str
    rank: str
    condition: Condition


class Position(Struct, frozen=True):
    """A moment that was found: after `inputs` inputs of a run of this seed; `state` is encoded."""

    name: str
    seed: int
    inputs: int
    state: bytes


def descriptions() -> list[Description]:
    """Return all descriptions, each with another name."""
    found = [
        Description(f"{rank}, {words}", rank, condition)
        for rank in RANKS
        for words, condition in SITUATIONS.items()
        if not (rank == "normal" and words == "nearly beaten")
    ]
    found += [
        Description(
            f"guardian of level {low} to {high}, at the start",
            "guardian",
            _both(_at_start, _level(low, high)),
        )
        for low, high in LEVELS
    ]
    return found


class SearchJob(Struct, frozen=True):
    """One run in which moments that fit descriptions are looked for; the first of each is returned."""

    player: Player
    seed: int
    inputs_max: int = limits.ranked_turns_max

    def perform(self, rules: Rules) -> list[Position]:
        wanted = {one.name: one for one in descriptions()}
        found: list[Position] = []
        for inputs, state in _fights(rules, self):
            o = rules.observe(state)
            if o.combat is None:
                continue
            for name in [one.name for one in wanted.values() if _fits(one, o, o.combat)]:
                del wanted[name]
                found.append(Position(name, self.seed, inputs, rules.encode(codec.copy(state))))
        return found


def _fights(rules: Rules, job: SearchJob) -> Iterator[tuple[int, State]]:
    """Yield the states of a run in which the player chooses an input of a fight, with the inputs before."""
    policy = job.player.make(job.seed)
    state = rules.new_game(GameOptions(seed=job.seed, mode=int(Mode.ironman), ranked=True))
    for inputs in range(job.inputs_max):
        if state.over:
            return
        if state.phase == _COMBAT:
            yield inputs, state
        state = rules.advance(state, choose(rules, policy, state)).state


def _fits(one: Description, o: Observation, c: CombatView) -> bool:
    return c.rank == one.rank and one.condition(o, c)


def first_of_each(found: Iterable[list[Position]]) -> dict[str, Position]:
    """Return by name the position of the lowest seed, in the order of the descriptions."""
    best: dict[str, Position] = {}
    for position in (position for of_run in found for position in of_run):
        known = best.get(position.name)
        if known is None or position.seed < known.seed:
            best[position.name] = position
    return {one.name: best[one.name] for one in descriptions() if one.name in best}
