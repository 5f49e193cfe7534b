"""Saved games that stand in each kind of place and fight, for pictures of `play`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from dungeonfighter import limits
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import GameOptions, load_rules
from dungeonfighter.rules.views.observation import CombatView, Observation
from dungeonfighter.storage.sqlite import SqliteStore

KEY: Final = "local/hero"
RUNS: Final = ((7, "heuristic", 700), (21, "random", 200))
"""Seed, policy and turns of the runs that are searched."""


def _fight(holds: Callable[[CombatView], bool]) -> Callable[[Observation], bool]:
    return lambda seen: seen.combat is not None and holds(seen.combat)


def _room(phase: str, kind: str = "") -> Callable[[Observation], bool]:
    def is_there(seen: Observation) -> bool:
        room = seen.current_room
        return seen.current_state == "Dungeon" and room is not None and room.phase == phase and (
            not kind or room.kind == kind
        )  # fmt: skip

    return is_there


def _state(name: str, least: int = 0) -> Callable[[Observation], bool]:
    return lambda seen: seen.current_state == name and not seen.is_over and len(seen.player.bag) >= least


SITUATIONS: Final[Mapping[str, Callable[[Observation], bool]]] = {
    "weapon": _state("WeaponSelection"),
    "hub": _state("GameLoop", 2),
    "dungeons": _state("DungeonSelection"),
    "inventory": _state("Inventory", 3),
    "inventory-long": _state("Inventory", 6),
    "level-up": _state("LevelUp", 1),
    "cleared-dungeon": _state("DungeonCompletion"),
    "death": _state("Death"),
    "doors": _room("doors"),
    "cleared": _room("cleared"),
    "merchant": _room("offer", "merchant"),
    "treasure": _room("offer", "treasure"),
    "elite-reward": _room("offer", "elite"),
    "rest": _room("offer", "rest"),
    "event": _room("offer", "shrine"),
    "trap": _room("offer", "trap"),
    "fight-normal": _fight(lambda combat: combat.rank == "normal" and combat.level > 1),
    "fight-elite": _fight(lambda combat: combat.rank == "elite"),
    "fight-guardian": _fight(lambda combat: combat.rank == "guardian"),
    "fight-boss": _fight(lambda combat: combat.rank == "boss"),
    "fight-opening": _fight(lambda combat: combat.opening and combat.level > 2),
    "fight-interrupt": _fight(lambda combat: combat.stances[0].interrupt_chance > 0),
    "fight-exposed": _fight(lambda combat: combat.incoming_exposed > 0 and combat.enemy_first),
    "fight-twice": _fight(lambda combat: bool(combat.follow_up)),
    "fight-stunned": _fight(lambda combat: combat.guard == "useless"),
}


def found() -> Iterator[tuple[str, int, list[str]]]:
    """Yield the name, the seed and the inputs of each situation that the runs reach, once."""
    rules = load_rules()
    missing = dict(SITUATIONS)
    for seed, name, turns in RUNS:
        policy = make_policy(name)
        state = rules.new_game(GameOptions(seed=seed, name="Tarn"))
        played: list[str] = []
        for _ in range(turns):
            seen = rules.observe(state)
            for reached in [each for each, is_there in missing.items() if is_there(seen)]:
                del missing[reached]
                yield reached, seed, list(played)
            if state.over:
                break
            played.append(policy.choose(seen))
            state = rules.advance(state, played[-1]).state


def save(database: Path, seed: int, played: list[str]) -> None:
    """Write a database in which the run of this seed stands after these inputs."""
    asyncio.run(_save(database, seed, played))


async def _save(database: Path, seed: int, played: list[str]) -> None:
    store = SqliteStore(database)
    await store.open()
    rules = ShippedRules([load_rules()])
    host = BotHost(store=store, rules=rules, clock=SystemClock(), chance=SystemChance())
    try:
        await host.start(KEY, NewGame(name="Tarn", seed=seed))
        most = limits.inputs_at_once_max
        for begin in range(0, len(played), most):
            await host.play_many(KEY, played[begin : begin + most])
    finally:
        await host.close()
        await store.close()
