"""Lanes commit different bots side by side, and the writes of one bot one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.group_commit import CommitResult, Lanes
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.ports import Outcome, Won, Write
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.storage.memory import MemoryStore
from tests.contract.rows import after, first


def host_metrics() -> HostMetrics:
    return HostMetrics(
        UncollectedMeter(), now=lambda: 0.0, hot_games=int, store_up=lambda: True, health=StoreHealth
    )


def _note(results: list[CommitResult], outcome: CommitResult) -> None:
    results.append(outcome)


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
    metrics = host_metrics()
    lanes = Lanes(store, SystemClock(), metrics)
    results: list[CommitResult] = []
    begun = [first(f"local/b{number:03}") for number in range(100)]
    for write in begun:
        lanes.add(write, _note, results)
    await store.several.wait()
    for write in begun:
        lanes.add(after(write, b"next"), _note, results)
    store.gate.set()
    await lanes.drain()
    assert len(results) == metrics.batch_rows.sum == 200
    assert {head.version for head in await store.heads([w.row.bot_id for w in begun]) if head} == {2}
    assert not lanes.is_busy


async def test_lanes_rest_once_when_no_write_is_left() -> None:
    store = GatedStore()
    rested: list[int] = []
    results: list[CommitResult] = []
    lanes = Lanes(store, SystemClock(), host_metrics(), lambda: rested.append(len(results)))
    for number in range(100):
        lanes.add(first(f"local/b{number:03}"), _note, results)
    await store.several.wait()
    store.gate.set()
    await lanes.drain()
    await asyncio.sleep(0)
    assert set(rested) == {100}


class OddStore(MemoryStore):
    """A store that breaks the contract: `odd` replaces the outcomes of each commit."""

    def __init__(self, odd: Callable[[list[Outcome]], list[Outcome]]) -> None:
        super().__init__()
        self._odd = odd

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        return self._odd(await super().commit(batch))


def _cancel(_: list[Outcome]) -> list[Outcome]:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "odd", [lambda outcomes: outcomes[:-1], lambda outcomes: [*outcomes, outcomes[0]], _cancel]
)
async def test_an_odd_answer_of_the_store_is_an_unknown_outcome_of_every_write(
    odd: Callable[[list[Outcome]], list[Outcome]],
) -> None:
    lanes = Lanes(OddStore(odd), SystemClock(), host_metrics())
    results: list[CommitResult] = []
    count = limits.batch_rows_max + 1  # a second batch waits
    for number in range(count):
        lanes.add(first(f"local/b{number:03}"), _note, results)
    await lanes.drain()
    assert [type(outcome) for outcome in results] == [StoreUnavailable] * count
    lanes.add(first("local/later"), _note, results)
    await lanes.drain()
    assert len(results) == count + 1


async def test_a_rest_that_fails_is_reported_to_the_loop_and_commits_go_on() -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def rest() -> None:
        raise OSError("no clock")

    store = MemoryStore()
    lanes = Lanes(store, SystemClock(), host_metrics(), rest)
    results: list[CommitResult] = []
    for number in range(2):
        lanes.add(first(f"local/b{number:03}"), _note, results)
        await lanes.drain()
        await asyncio.sleep(0)
    assert [type(outcome) for outcome in results] == [Won, Won]
    assert [type(failure) for failure in failures] == [OSError, OSError]
