"""Copies of requests that arrive long after their answer, past a reset, a load and a new game: no effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from dungeonfighter.errors import BadInput
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, replica

Ask = Callable[[BotHost], Awaitable[object]]
OTHER = NewGame(seed=8, weapon=1)


async def _all_three(host: BotHost) -> None:
    await host.reset(KEY)
    await host.load(KEY, "main", episode=3)
    await host.start(KEY, OTHER, episode=4)


BETWEEN: dict[str, Ask] = {
    "reset": lambda host: host.reset(KEY),
    "load": lambda host: host.load(KEY, "main", episode=2),
    "new game": lambda host: host.start(KEY, OTHER, episode=2),
    "reset, load and new game": _all_three,
}
LATE: dict[str, Ask] = {
    "input": lambda host: host.play(KEY, "1", turn=2, episode=1),
    "first input": lambda host: host.play(KEY, "1", turn=0, episode=1),
    "start": lambda host: host.start(KEY, MACE, episode=1),
    "input without its run": lambda host: host.play(KEY, "2", turn=40),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("played_on", [0, 3], ids=["at once", "after some turns"])
async def test_a_late_copy_changes_no_game(between: Ask, late: Ask, played_on: int) -> None:
    store = MemoryStore()
    host, other = replica(store), replica(store)
    await host.start(KEY, MACE, episode=1)
    for turn in range(4):
        await host.play(KEY, "1", turn=turn, episode=1)
    await host.save(KEY, "main")
    await between(host)
    for _ in range(played_on):
        await host.play(KEY, "1")
    before = await store.load([KEY])
    for each in (other, host):
        with pytest.raises(BadInput):
            await late(each)
    assert await store.load([KEY]) == before


@pytest.mark.parametrize("played_on", [0, 3], ids=["at once", "after some turns"])
async def test_a_late_copy_of_the_start_of_the_present_run_is_a_repeat(played_on: int) -> None:
    store = MemoryStore()
    host, other = replica(store), replica(store)
    await host.start(KEY, MACE, episode=1)
    for _ in range(played_on):
        await host.play(KEY, "1")
    before = await store.load([KEY])
    if played_on:
        with pytest.raises(BadInput, match="has begun already"):
            await other.start(KEY, MACE, episode=1)
    else:
        assert (await other.start(KEY, MACE, episode=1)).repeated
    assert await store.load([KEY]) == before


@pytest.mark.parametrize("episode", [0, 2, 5])
async def test_the_wrong_number_of_a_first_run_is_answered_with_the_right_one(episode: int) -> None:
    store = MemoryStore()
    with pytest.raises(BadInput, match=rf"there is no run {episode}: .* send episode=1$"):
        await replica(store).start(KEY, MACE, episode=episode)
    assert await store.load([KEY]) == [None]
