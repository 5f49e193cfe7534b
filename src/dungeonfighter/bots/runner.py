"""One run played directly on the rules: no server, and the same decisions as over MCP."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.bots.policy import InputPolicy, Policy
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State
from dungeonfighter.rules.state import Ending, Rank, RoomKind


class RunResult(Struct, frozen=True):
    """How one run went.

    Attributes:
        score: 0 to 100.
        inputs: How many the policy gave.
        turns: Inputs plus the game time spent in other ways (camping, leaving, `auto`).
        result: died | won | turns (the run's own limit) | inputs (the runner's).
        level: The hero's; `weapon` its kind.
        cause: For a death: what killed it, for example `elite`; else "".
        dungeon_level: Of the dungeon it ended in, 0 at the hub.
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
    """Play until the run is over or `inputs_max` inputs are given.

    Args:
        rules: The rules to play under.
        policy: A fresh policy (what it drew before would show in the result).
        seed: Of the run.
        inputs_max: Ends runs that do not end by themselves.
        mode: In `ironman`, the default, a death ends the run; it is then ranked, with the ranked turn limit.
        weapon: -1 lets the policy choose.
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
    """The policy's input for a live state; makes an observation only for policies that look at one."""
    if isinstance(policy, InputPolicy):
        return policy.choose_inputs([c.input for c in rules.legal_inputs(state) if not c.pattern])
    return policy.choose(rules.observe(state))


def _killer(state: State) -> str:
    """The rank of the enemy in the room the hero died in."""
    dungeon = state.dungeon
    if dungeon is None:
        return "journey"
    if dungeon.room >= dungeon.rooms:
        return (Rank.boss if dungeon.boss else Rank.guardian).name
    return (Rank.elite if dungeon.kind == RoomKind.elite else Rank.normal).name
