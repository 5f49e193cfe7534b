"""A refused request leaves no object behind: neither its error nor what the error's frames held."""

from __future__ import annotations

import ast
import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from dungeonfighter.errors import DungeonFighterError, NotAllowed
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.game_errors import without_frames
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, replica
from tests.unit.house.sources import MODULES, parsed

REFUSED: dict[str, Callable[[BotHost], Awaitable[object]]] = {
    "an illegal input": lambda host: host.play(KEY, "drop 77", turn=1, episode=1),
    "a future turn": lambda host: host.play(KEY, "1", turn=7, episode=1),
    "a stale turn": lambda host: host.play(KEY, "2", turn=0, episode=1),
    "a run that has not begun": lambda host: host.play(KEY, "1", turn=1, episode=5),
    "a start of a run that has begun": lambda host: host.start(KEY, NewGame(seed=8), episode=1),
    "a save that is not there": lambda host: host.load(KEY, "never", episode=2),
    "an unknown bot": lambda host: host.play("local/nobody", "1"),
    "inputs of a future turn": lambda host: host.play_many(KEY, ["1", "1"], turn=9, episode=1),
}


def errors_in_memory() -> list[DungeonFighterError]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, DungeonFighterError)]


@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED)
async def test_a_refusal_leaves_no_error_in_memory(ask: Callable[[BotHost], Awaitable[object]]) -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE, episode=1)
    await host.play(KEY, "1", turn=0, episode=1)
    before = len(errors_in_memory())
    for _ in range(10):
        with pytest.raises(DungeonFighterError):
            await ask(host)
    await asyncio.sleep(0)  # the loop holds what it runs now
    assert len(errors_in_memory()) <= before


@pytest.mark.parametrize(("error", "is_kept"), [(ValueError("a fault"), True), (NotAllowed("no"), False)])
def test_a_fault_keeps_its_frames_for_the_log(error: Exception, is_kept: bool) -> None:
    with pytest.raises(type(error)):
        raise error
    assert (without_frames(error).__traceback__ is not None) is is_kept


def test_no_object_that_the_collector_ignores_holds_an_error() -> None:
    """A raised error holds its frames, and they hold the object: a cycle that is never collected."""
    wrong = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ClassDef) or not any(
                word.arg == "gc" and ast.unparse(word.value) == "False" for word in node.keywords
            ):
                continue
            wrong += [
                f"{path.name}: {node.name}.{ast.unparse(field.target)}"
                for field in node.body
                if isinstance(field, ast.AnnAssign) and "Exception" in ast.unparse(field.annotation)
            ]
    assert wrong == []
