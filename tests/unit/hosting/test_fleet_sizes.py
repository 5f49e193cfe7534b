"""The limit on the bots of a fleet, over a host and a real memory store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dungeonfighter.errors import QuotaExceeded, StoreUnavailable
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.fleet_sizes import KEPT_SECONDS, FleetSizes
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.meter import MeterRegistry

RULES = ShippedRules([load_rules()])


class CountingStore(MemoryStore):
    """Counts the counts."""

    counts = 0

    async def count_bots(self, prefix: str, most: int) -> int:
        self.counts += 1
        await asyncio.sleep(0)
        return await super().count_bots(prefix, most)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def host_over(store: MemoryStore) -> BotHost:
    return BotHost(store=store, rules=RULES, clock=SystemClock(), chance=SystemChance(), bots_per_fleet=3)


@pytest.fixture
async def host(store: CountingStore) -> AsyncIterator[BotHost]:
    made = host_over(store)
    yield made
    await made.close()


async def begin(host: BotHost, *keys: str) -> list[str]:
    """Begin runs at the same moment; return the bots that were refused."""
    begun = await asyncio.gather(
        *(host.start(key, NewGame(weapon=1)) for key in keys), return_exceptions=True
    )
    refused = []
    for key, result in zip(keys, begun, strict=True):
        if isinstance(result, BaseException):
            assert isinstance(result, QuotaExceeded), result
            refused.append(key)
    return refused


async def test_no_more_bots_begin_than_a_fleet_may_have(host: BotHost) -> None:
    assert await begin(host, *(f"local/b{number}" for number in range(9))) == [
        f"local/b{number}" for number in range(3, 9)
    ]
    with pytest.raises(QuotaExceeded, match="the fleet local has all of its 3 bots"):
        await host.start("local/late", NewGame())
    assert await begin(host, "other/a", "other/b") == []


async def test_the_bots_of_a_full_fleet_begin_new_runs(host: BotHost, store: CountingStore) -> None:
    await begin(host, "local/a", "local/b", "local/c")
    assert await begin(host, "local/a", "local/b") == []
    later = host_over(store)  # has none of them in memory
    assert await begin(later, "local/c", "local/d") == ["local/d"]
    await later.close()


async def test_starts_at_the_same_moment_share_one_count(host: BotHost, store: CountingStore) -> None:
    await begin(host, *(f"local/b{number}" for number in range(50)))
    assert store.counts == 1


async def test_a_fleet_is_counted_seldom(host: BotHost, store: CountingStore) -> None:
    await begin(host, "local/a")
    counted = store.counts
    await begin(host, "local/b")
    await begin(host, *["local/a"] * 5)
    assert store.counts == counted == 1


async def test_a_store_without_an_answer_refuses_the_start(store: CountingStore) -> None:
    class Away(MemoryStore):
        async def count_bots(self, prefix: str, most: int) -> int:
            raise StoreUnavailable("away")

    host = BotHost(
        store=Away(), rules=RULES, clock=SystemClock(), chance=SystemChance(), bots_per_fleet=3,
        commit_timeout_seconds=0.05,
    )  # fmt: skip
    with pytest.raises(StoreUnavailable):
        await host.start("local/a", NewGame())
    await host.close()


async def test_a_count_is_good_for_a_while_and_that_of_a_full_fleet_for_less(store: CountingStore) -> None:
    class Hand(SystemClock):
        seconds = 1000.0

        def now(self) -> float:
            return self.seconds

    hand = Hand()
    sizes = FleetSizes(Patience(hand, SystemChance(), 1.0, store.probe), store, 1, hand)
    assert not sizes.is_known("local")
    await sizes.learn("local")
    hand.seconds += KEPT_SECONDS - 0.1
    assert sizes.is_known("local")
    sizes.take("local")
    assert not sizes.is_known("local")
    with pytest.raises(QuotaExceeded):
        sizes.take("local")
    await sizes.learn("local")  # the new bot was not written
    sizes.take("local")


async def test_a_fleet_near_the_limit_is_counted_until_it_has_room(store: CountingStore) -> None:
    host = BotHost(
        store=store, rules=RULES, clock=SystemClock(), chance=SystemChance(), bots_per_fleet=10,
        meter=(meter := MeterRegistry()),
    )  # fmt: skip
    keys = [f"local/b{number}" for number in range(10)]
    assert await begin(host, *keys[:8]) == []
    assert meter.collect().value("mcp_fleets_near_quota") == 0
    await begin(host, "other/a", keys[8])
    assert meter.collect().value("mcp_fleets_near_quota") == 1
    assert host.fleet_sizes is not None
    await host.fleet_sizes.recount()
    assert meter.collect().value("mcp_fleets_near_quota") == 1
    for key in keys[:2]:
        del store._rows[key]
    await host.fleet_sizes.recount()
    assert meter.collect().value("mcp_fleets_near_quota") == 0
    await host.close()


async def test_a_recount_without_the_store_keeps_the_counts() -> None:
    class Failing(MemoryStore):
        is_away = False

        async def count_bots(self, prefix: str, most: int) -> int:
            if self.is_away:
                raise StoreUnavailable("away")
            return await super().count_bots(prefix, most)

    away = Failing()
    sizes = FleetSizes(Patience(SystemClock(), SystemChance(), 0.05, away.probe), away, 1, SystemClock())
    await sizes.learn("local")
    sizes.take("local")
    away.is_away = True
    await sizes.recount()
    assert sizes.near_count() == 1
