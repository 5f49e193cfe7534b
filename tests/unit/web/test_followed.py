"""Watched bots are sent when a notice says that they changed, and seldom otherwise, while notices arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dungeonfighter.hosting.ports import Head
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.web import followed
from tests.unit.web.watching import Request, Site

KEY = "local/ada"


class CountingStore(MemoryStore):
    """Counts the reads of heads."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def heads(self, bot_ids: Any) -> list[Head | None]:
        self.reads += 1
        return await super().heads(bot_ids)


class Page:
    """A page that watches one bot, on a server that gets notices."""

    def __init__(self, site: Site, request: Request) -> None:
        self.site = site
        self._request = request

    async def turns(self, count: int) -> list[int]:
        """Wait for so many frames of the bot; return the turns of all that have come."""
        while len(turns := await self.turns_now()) < count:
            await self._request.events(len(await self._request.events(0)) + 1)
        return turns

    async def turns_now(self) -> list[int]:
        return [value["turn"] for name, value in await self._request.events(0) if name == "bot"]

    async def play(self) -> int:
        """Play a turn; return the version of the row."""
        return (await self.site.host.play(KEY, "1")).game.version


@asynccontextmanager
async def page(site: Site) -> AsyncIterator[Page]:
    site.watch.followed.hears = lambda: True
    await site.start("ada")
    async with site.viewing("/api/events?bot=ada") as request:
        opened = Page(site, request)
        await opened.turns(1)
        yield opened
    await site.watch.close()


async def settled(site: Site) -> None:
    """Let the page become one whose bot is known to be watched, and whose notices arrive."""
    for _ in range(int(followed.NEW_SECONDS) + 2):
        await site.tick()


async def test_a_notice_sends_the_bot_without_a_tick() -> None:
    site = Site()
    async with page(site) as opened:
        site.watch.followed.note(KEY, await opened.play())
        assert await opened.turns(2) == [0, 1]


async def test_the_detail_is_as_new_as_the_notice() -> None:
    """A detail may be half a second old; after a notice the older one does not count."""
    site = Site()
    async with page(site) as opened:
        await site.watch.followed.send_due()  # keeps the detail of turn 0
        before = len(await opened.turns(2))
        site.watch.followed.note(KEY, await opened.play())
        assert (await opened.turns(before + 1))[-1] == 1


async def test_while_notices_arrive_a_tick_reads_a_quiet_bot_seldom() -> None:
    store = CountingStore()
    site = Site(store=store)
    async with page(site) as opened:
        await settled(site)
        frames, reads = len(await opened.turns_now()), store.reads
        for _ in range(int(followed.QUIET_SECONDS) * 4):
            await site.tick()
        assert 3 <= len(await opened.turns_now()) - frames <= 5
        seldom = store.reads - reads
        site.watch.followed.hears = lambda: False
        for _ in range(int(followed.QUIET_SECONDS) * 4):
            await site.tick()
        assert store.reads - reads - seldom >= seldom + 12


async def test_a_turn_whose_notice_was_lost_is_shown_after_some_seconds() -> None:
    site = Site()
    async with page(site) as opened:
        await settled(site)
        await opened.play()
        for _ in range(int(followed.QUIET_SECONDS)):
            await site.tick()
        assert (await opened.turns_now())[-1] == 1


async def test_a_turn_just_before_the_notices_began_is_shown_at_the_next_tick() -> None:
    site = Site()
    async with page(site) as opened:
        site.watch.followed.hears = lambda: False
        await settled(site)
        await opened.play()
        site.watch.followed.hears = lambda: True
        await site.tick()
        assert (await opened.turns_now())[-1] == 1


async def test_many_notices_cause_few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    waiting: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        assert seconds == followed.NEWS_SECONDS
        over = asyncio.Event()
        waiting.put_nowait(over)
        await over.wait()

    monkeypatch.setattr(site.clock, "sleep", sleep)
    async with page(site) as opened:
        site.watch.followed.note(KEY, await opened.play())
        pause = await waiting.get()
        for _ in range(5):
            site.watch.followed.note(KEY, await opened.play())
        assert await opened.turns_now() == [0, 1]
        pause.set()
        await waiting.get()
        assert await opened.turns_now() == [0, 1, 6]


async def test_a_bot_that_somebody_just_began_to_watch_is_sent_each_tick() -> None:
    site = Site()
    async with site.viewing():
        for _ in range(3):
            await site.tick()
        async with page(site) as opened:
            await site.tick()
            await opened.play()
            await site.tick()
            assert (await opened.turns_now())[-1] == 1


async def test_a_notice_that_is_old_or_about_another_bot_causes_no_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = CountingStore()
    site = Site(store=store)
    monkeypatch.setattr(site.clock, "sleep", lambda _: asyncio.sleep(0))
    async with page(site) as opened:
        version = await opened.play()
        site.watch.followed.note(KEY, version)
        await opened.turns(2)
        reads = store.reads
        site.watch.followed.note(KEY, version)
        site.watch.followed.note("local/bob", 10**19)
        site.watch.followed.note("no key", 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (store.reads, await opened.turns_now()) == (reads, [0, 1])


async def test_a_notice_of_a_version_that_never_comes_costs_two_reads() -> None:
    store = CountingStore()
    site = Site(store=store)
    async with page(site) as opened:
        reads = store.reads
        site.watch.followed.note(KEY, 10**15)
        await opened.turns(2)
        assert store.reads - reads <= 2
