"""The reports of a worker over its channel, and their moments."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.instruments import Family, Snapshot
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.worker_channel import Ask, Channel, Go, Opened, Parent, Report, Sum, Tick
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.totals import Ledger, Reporter, Share


def counting_host() -> BotHost:
    return BotHost(
        store=MemoryStore(), rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance(),
        meter=MeterRegistry(),
    )  # fmt: skip


async def test_a_worker_reports_before_it_may_listen_then_what_is_new_after_each_tick_and_at_its_end() -> (
    None
):
    ours, theirs = socket.socketpair()
    channel, worker = await Channel.over(ours), Parent(await Channel.over(theirs))
    host, ledger, turns = counting_host(), Ledger(0.0), list[float]()
    worker.reporter = Reporter(host, SystemClock())
    await host.start("local/ada", NewGame(seed=1, weapon=1))
    async with worker.receiving(on_drain=lambda: None, on_parent_gone=lambda: None):
        listening = asyncio.create_task(worker.may_listen())
        messages = channel.from_worker()
        assert isinstance(await anext(messages), Opened)
        for _ in range(3):
            report = await anext(messages)
            assert isinstance(report, Report)
            ledger.note(0, report.share)
            turns.append(report.share.counted.value("mcp_turns_total"))
            await host.play("local/ada", "1")
            channel.send(Tick(ledger.totals(0.0)))
            channel.send(Go())
        assert await listening
        assert isinstance(await anext(messages), Report)
        assert worker.totals().turns == 3
    assert turns == [1, 1, 1]
    assert isinstance(await anext(messages), Report)
    channel.close()


class Asked(Reporter):
    """A reporter that counts the calls of `share`."""

    asked = 0

    def share(self) -> Share:
        self.asked += 1
        return super().share()


async def test_no_share_is_taken_while_the_channel_is_busy_for_it_would_be_lost() -> None:
    ours, theirs = socket.socketpair()
    parent, end = await Channel.over(ours), await Channel.over(theirs)
    worker, reporter = Parent(end), Asked(counting_host(), SystemClock())
    worker.reporter = reporter
    before, after = Ledger(0.0).totals(1.0), Ledger(0.0).totals(2.0)
    async with worker.receiving(on_drain=lambda: None, on_parent_gone=lambda: None):
        while end.is_idle:  # until the kernel takes no more: nobody reads the other end
            end.send(Tick(before))
        parent.send(Tick(after))
        while worker.totals() != after:  # noqa: ASYNC110 - the other end of a socket cannot set an event
            await asyncio.sleep(0)
        assert reporter.asked == 0
    assert reporter.asked == 1  # the last message waits behind the other messages
    parent.close()


def counted(turns: int) -> Snapshot:
    return Snapshot({"turns_total": Family("counter", "Turns.", {"": turns})})


@asynccontextmanager
async def receiving(scrape_seconds_max: float = 60.0) -> AsyncIterator[tuple[Channel, Parent]]:
    ours, theirs = socket.socketpair()
    parent, worker = await Channel.over(ours), Parent(await Channel.over(theirs), scrape_seconds_max)
    async with worker.receiving(on_drain=lambda: None, on_parent_gone=lambda: None):
        yield parent, worker
    parent.close()


async def test_a_scrape_gets_a_sum_that_the_parent_made_after_it_began() -> None:
    async with receiving() as (parent, worker):
        asked = parent.from_worker()
        scrape = asyncio.create_task(worker.scrape())
        parent.send(Tick(Ledger(0.0).totals(1.0)))  # it was on its way before the scrape began
        assert isinstance(await anext(asked), Ask)
        while worker._totals is None:  # noqa: ASYNC110 - the other end of a socket cannot set an event
            await asyncio.sleep(0)
        assert not scrape.done()
        parent.send(Sum(counted(5)))
        assert (await scrape).value("turns_total") == 5


async def test_scrapes_that_come_while_the_parent_is_asked_share_the_next_question() -> None:
    async with receiving() as (parent, worker):
        asked = parent.from_worker()
        first = asyncio.create_task(worker.scrape())
        assert isinstance(await anext(asked), Ask)
        others = [asyncio.create_task(worker.scrape()) for _ in range(20)]
        await asyncio.sleep(0)
        parent.send(Sum(counted(1)))
        assert (await first).value("turns_total") == 1
        assert isinstance(await anext(asked), Ask)
        assert not any(other.done() for other in others)
        parent.send(Sum(counted(2)))
        assert {(await other).value("turns_total") for other in others} == {2}


async def test_a_scrape_gives_up_when_the_parent_does_not_answer_and_a_later_one_is_served() -> None:
    async with receiving(0.01) as (parent, worker):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await worker.scrape()
        worker._scrape_seconds_max = 60
        later = asyncio.create_task(worker.scrape())
        await asyncio.sleep(0)
        parent.send(Sum(counted(1)))  # the answer to the first question
        parent.send(Sum(counted(2)))
        assert (await later).value("turns_total") == 2
