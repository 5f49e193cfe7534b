"""Lanes of commits: side by side for different bots, one after the other for one bot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dungeonfighter.hosting.group_commit import Lanes, Told
from dungeonfighter.hosting.ports import Outcome, Write
from dungeonfighter.storage.memory import MemoryStore
from tests.contract.rows import after, first


def _note(told: list[Told], outcome: Told) -> None:
    told.append(outcome)


class GatedStore(MemoryStore):
    """A store whose commits wait until the gate opens."""

    lanes = 4

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.under_way: list[set[str]] = []
        self.several = asyncio.Event()

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        bots = {write.row.bot_id for write in batch}
        assert all(bots.isdisjoint(others) for others in self.under_way)
        self.under_way.append(bots)
        if len(self.under_way) > 1:
            self.several.set()
        await self.gate.wait()
        self.under_way.remove(bots)
        return await super().commit(batch)


async def test_many_bots_are_committed_side_by_side_and_one_bot_in_order() -> None:
    store = GatedStore()
    lanes = Lanes(store)
    told: list[Told] = []
    begun = [first(f"local/b{number:03}") for number in range(100)]
    for write in begun:
        lanes.add(write, _note, told)
    await store.several.wait()
    for write in begun:
        lanes.add(after(write, b"next"), _note, told)
    store.gate.set()
    await lanes.drain()
    assert len(told) == lanes.rows == 200
    assert {head.version for head in await store.heads([w.row.bot_id for w in begun]) if head} == {2}
    assert not lanes.is_busy


async def test_lanes_rest_once_when_nothing_is_left_to_write() -> None:
    store = GatedStore()
    rested: list[int] = []
    told: list[Told] = []
    lanes = Lanes(store, lambda: rested.append(len(told)))
    for number in range(100):
        lanes.add(first(f"local/b{number:03}"), _note, told)
    await store.several.wait()
    store.gate.set()
    await lanes.drain()
    await asyncio.sleep(0)
    assert set(rested) == {100}
