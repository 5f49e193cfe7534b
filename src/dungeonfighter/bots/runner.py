"""Runs played directly on the rules, without a server; the decisions are the same as over MCP."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.bots.policy import InputPolicy, Policy
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State
from dungeonfighter.rules.state import Ending, Rank, RoomKind


class RunResult(Struct, frozen=True):
    """The result of one run.

    Attributes:
        score: 0 to 100.
        inputs: The number of the policy's inputs.
        turns: Inputs plus the game time spent in other ways (camping, leaving, `auto`).
        result: died | won | turns (the limit of the run) | inputs (the limit of the runner).
        level: The level of the hero; `weapon` is the kind of its weapon.
        cause: The cause of a death, for example `elite`; else "".
        dungeon_level: The level of the dungeon in which the run ended, 0 at the hub.
    """

    policy: str
    seed: int
    score: float
    inputs: int
    turns: int
    result: str
    level: int
    weapon: str
    cause: str = ""
    dungeon_level: int = 0


def play_run(
    rules: Rules,
    policy: Policy,
    seed: int,
    inputs_max: int = 3000,
    *,
    mode: Mode = Mode.ironman,
    weapon: int = -1,
) -> RunResult:
    """Play until the run is over or the policy has chosen `inputs_max` inputs.

    Args:
        rules: The rules of the run.
        policy: A new policy (a used one may decide differently).
        seed: The seed of the run.
        inputs_max: The limit for runs that do not end by themselves.
        mode: In `ironman`, the default, a death ends the run, and the run is ranked with its limit of turns.
        weapon: The kind of the first weapon; -1 lets the policy choose.
    """
    state = rules.new_game(GameOptions(seed=seed, mode=mode, weapon=weapon, ranked=mode == Mode.ironman))
    inputs = 0
    while not state.over and inputs < inputs_max:
        state = rules.advance(state, choose(rules, policy, state)).state
        inputs += 1
    died = state.ending == Ending.died or state.phase == Phase.Death
    return RunResult(
        policy=policy.name,
        seed=seed,
        score=rules.score(state) / 100,
        inputs=inputs,
        turns=state.turn + state.world.spent,
        result="died" if died else Ending(state.ending).name if state.over else "inputs",
        level=state.hero.level,
        weapon=("none", "mace", "sword", "dagger", "wand")[state.hero.kind + 1],
        cause=_killer(state) if died else "",
        dungeon_level=state.dungeon.level if state.dungeon else 0,
    )


def choose(rules: Rules, policy: Policy, state: State) -> str:
    """Return the policy's input for a live state; only a policy that needs an observation gets one."""
    if isinstance(policy, InputPolicy):
        return policy.choose_inputs([c.input for c in rules.legal_inputs(state) if not c.pattern])
    return policy.choose(rules.observe(state, briefly=True))


def _killer(state: State) -> str:
    """Return the rank of the enemy in the room in which the hero died."""
    dungeon = state.dungeon
    if dungeon is None:
        return "journey"
    if dungeon.room >= dungeon.rooms:
        return (Rank.boss if dungeon.boss else Rank.guardian).name
    return (Rank.elite if dungeon.kind == RoomKind.elite else Rank.normal).name
