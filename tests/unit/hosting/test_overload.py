"""The bound on the requests of a process that wait: refused early, served again without help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import IllegalInput, Overloaded, UnknownBot
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Head, Outcome, Row, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore

MOST = 40


class Gated(MemoryStore):
    """A store that answers while its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        await self.gate.wait()
        return await super().commit(batch)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        await self.gate.wait()
        return await super().heads(bot_ids)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        await self.gate.wait()
        return await super().load(bot_ids)


@pytest.fixture
def store() -> Gated:
    return Gated()


@pytest.fixture
async def host(store: Gated, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotHost]:
    monkeypatch.setattr(limits, "unanswered_max", MOST)
    monkeypatch.setattr(limits, "reads_max", MOST)
    made = BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance(),
        commit_timeout_seconds=60,
    )  # fmt: skip
    yield made
    store.gate.set()
    await made.close()


async def outcomes(calls: Sequence[asyncio.Future[Any]]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def refusals(calls: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until the calls beyond the bound are refused; the others wait for the store."""
    waiting = set(calls)
    while len(waiting) > MOST:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


async def test_requests_beyond_the_bound_are_refused_at_once_and_later_ones_are_served(
    host: BotHost, store: Gated
) -> None:
    for _ in range(3):
        store.gate.clear()
        calls = [asyncio.ensure_future(host.start(f"local/b{n}", NewGame(weapon=1))) for n in range(100)]
        await refusals(calls)
        refused = [call.exception() for call in calls if call.done()]
        assert len(refused) == 100 - MOST
        pauses = set()
        for error in refused:
            assert isinstance(error, Overloaded)
            assert f"try again in {error.retry_after_seconds} s" in str(error)
            pauses.add(error.retry_after_seconds)
        assert pauses == set(range(1, limits.overloaded_retry_seconds_max + 1))
        store.gate.set()
        assert sum(isinstance(one, Overloaded) for one in await outcomes(calls)) == 100 - MOST


async def test_every_kind_of_end_makes_room(host: BotHost) -> None:
    await host.start("local/ada", NewGame(weapon=1))
    for _ in range(2 * MOST):
        with pytest.raises(IllegalInput):
            await host.play("local/ada", "99")
        with pytest.raises(UnknownBot):
            await host.play("local/nobody", "1")
    for _ in range(3):
        plays = [asyncio.ensure_future(host.play("local/ada", "1")) for _ in range(32)]
        assert not [one for one in await outcomes(plays) if isinstance(one, Exception)]


async def test_reads_have_a_bound_of_their_own(host: BotHost, store: Gated) -> None:
    await host.start("local/ada", NewGame(weapon=1))
    for _ in range(2):
        store.gate.clear()
        reads = [asyncio.ensure_future(host.read("local/ada")) for _ in range(100)]
        await refusals(reads)
        store.gate.set()
        assert sum(isinstance(one, Overloaded) for one in await outcomes(reads)) == 100 - MOST
