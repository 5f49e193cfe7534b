"""The ticker of the watch page: one for all viewers, with bounded queues, history and cost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from msgspec import structs

from dungeonfighter.errors import Overloaded
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import Head, Row, RunSummary
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.totals import Totals
from dungeonfighter.web import boards, details, figures
from dungeonfighter.web import watch as watching
from dungeonfighter.web.audiences import Audience
from dungeonfighter.web.watch import Viewer
from tests.unit.web.watching import WHOLE, Site


async def test_a_viewer_gets_the_history_then_a_summary_each_tick() -> None:
    site = Site()
    await site.tick()
    async with site.viewing() as request:
        await request.events(2)
        await site.tick()
        events = await request.events(3)
    assert [name for name, _ in events] == ["history", "summary", "summary"]
    assert events[0][1] == [0.0]


async def test_a_viewer_of_a_bot_gets_its_detail_at_once_and_each_tick() -> None:
    site = Site()
    await site.start("ada", "bob")
    async with site.viewing("/api/events?bot=ada") as request:
        await request.events(3)
        await site.host.play("local/ada", "1")
        await site.tick()
        events = await request.events(5)
    shown = [value for name, value in events if name == "bot"]
    assert [(value["botId"], value["turn"]) for value in shown] == [("ada", 0), ("ada", 1)]


async def test_an_unknown_bot_is_reported_as_an_event() -> None:
    site = Site()
    async with site.viewing("/api/events?bot=ada") as request:
        events = await request.events(3)
    assert ("trouble", "unknown_bot") in [
        (name, value.get("code")) for name, value in events if name == "trouble"
    ]


@pytest.mark.parametrize("bot", ["a+b%3C", "..%2F", "-", "a" * 129, "%0A", "%80"])
async def test_an_invalid_id_is_reported_as_an_event_and_summaries_go_on(bot: str) -> None:
    site = Site()
    async with site.viewing(f"/api/events?bot={bot}") as request:
        await request.events(3)
        await site.tick()
        events = await request.events(4)
    assert [name for name, _ in events] == ["history", "summary", "trouble", "summary"]
    assert events[2][1]["code"] == "bad_argument"


async def test_a_viewer_that_leaves_makes_room_for_another() -> None:
    site = Site()
    viewers = [site.watch.enter(WHOLE, None) for _ in range(watching.VIEWERS_MAX)]
    refused = await site.get("/api/events")
    assert (refused.status, refused.headers["retry-after"]) == (503, "10")
    site.watch.exit(viewers[0])
    async with site.viewing() as request:
        await request.events(1)
        assert request.reply.status == 200


async def test_a_slow_viewer_keeps_only_the_newest_frames() -> None:
    viewer = Viewer(Site().watch.board(WHOLE), None)
    for number in range(watching.FRAMES_WAITING_MAX + 5):
        viewer.put(b"%d " % number)
    frames = await viewer.next()
    assert frames is not None
    assert [int(frame) for frame in frames.split()] == list(range(5, watching.FRAMES_WAITING_MAX + 5))


async def test_closing_ends_every_stream_and_admits_no_viewer() -> None:
    site = Site()
    async with site.viewing() as request:
        await request.events(2)
        await site.watch.close()
        await request.ended.wait()
    with pytest.raises(Overloaded):
        site.watch.enter(WHOLE, None)


async def test_the_list_keeps_its_bots_while_others_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "CARDS_MAX", 2)
    site = Site()
    await site.start("a", "b")
    before = {card.bot_id for card in site.summary().playing}
    await site.start("c", "d")
    assert {card.bot_id for card in site.summary().playing} == before


async def test_history_is_bounded() -> None:
    site = Site()
    for _ in range(boards.HISTORY_TICKS + 10):
        await site.tick()
    assert len(site.watch.board(WHOLE).history) == boards.HISTORY_TICKS


async def test_a_game_that_cannot_be_shown_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    await site.start("ada", "bob")
    hot = site.host._games.get("local/bob")
    assert hot is not None
    assert hot.row is not None
    monkeypatch.setattr(hot, "row", structs.replace(hot.row, rules="none such"))
    assert len(site.host.recent(10)) == 1
    assert (await site.get("/api/summary")).status == 200


async def test_a_failing_tick_does_not_end_the_ticker(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    slept = asyncio.Event()
    naps = iter(range(4))

    async def nap(_seconds: float) -> None:
        if next(naps) == 3:
            slept.set()
            await asyncio.Event().wait()

    def broken() -> Totals:
        raise KeyError("defect")

    site.clock.sleep = nap  # type: ignore[method-assign, assignment]
    site.watch.totals = broken
    site.watch.start()
    await slept.wait()
    await site.watch.close()
    assert site.watch.failed_ticks == 3
    assert "a tick of the watch page broke" in caplog.text


async def test_requests_at_the_same_time_share_one_summary() -> None:
    """A summary takes milliseconds: a client that polls all the time must not take them from the bots."""
    site = Site()
    made: list[None] = []
    summary = site.watch.summary

    def counted(audience: Audience) -> figures.Summary:
        made.append(None)
        return summary(audience)

    site.watch.summary = counted  # type: ignore[method-assign]
    for _ in range(50):
        assert (await site.get("/api/summary")).status == 200
    assert len(made) == 1


async def test_the_summary_lists_the_best_live_runs_before_any_run_has_ended() -> None:
    site = Site()
    await site.start("ada", "bob")
    await site.tick()
    summary = site.summary()
    assert not summary.top
    assert [(run.bot_id, run.episode, run.turn, run.mode) for run in summary.live] == [
        ("bob", 1, 0, "casual"),
        ("ada", 1, 0, "casual"),
    ]


async def test_a_run_that_is_listed_as_ended_is_not_listed_as_live() -> None:
    """A worker reports its live runs once a second: the run may have ended in another one since."""
    site = Site()
    await site.start("ada")
    await site.tick()
    await site.host.reset("local/ada")
    summary = site.summary()
    assert [(run.bot_id, run.episode) for run in summary.recent] == [("ada", 1)]
    assert not summary.live
    await site.tick()
    assert [(run.bot_id, run.episode) for run in site.summary().live] == [("ada", 2)]


async def test_only_runs_of_the_fleet_are_listed_as_live() -> None:
    site = Site()
    await site.start("ada")
    await site.host.start("other/eve", NewGame(seed=1, weapon=1))
    await site.tick()
    assert [run.bot_id for run in site.summary().live] == ["ada"]


async def test_a_live_run_is_compared_with_the_store_although_nobody_watches() -> None:
    store = MemoryStore()
    site, other = Site(store=store), Site(store=store)
    await site.start("ada")
    await site.tick()
    await other.host.play("local/ada", "1")
    await site.tick(watching.BEST_SECONDS)
    assert [run.turn for run in site.summary().live] == [1]


async def test_a_bot_that_plays_at_another_server_is_followed_tick_by_tick() -> None:
    store = MemoryStore()
    site, other = Site(store=store), Site(store=store)
    await site.start("ada")
    async with site.viewing("/api/events?bot=ada") as request:
        await request.events(3)
        for turn in range(1, 4):
            await other.host.play("local/ada", "1")
            await site.tick()
            name, shown = (await request.events(3 + 2 * turn))[-1]
            assert (name, shown["turn"]) == ("bot", turn)
            assert (await site.get("/api/bots/ada")).json["turn"] == turn


async def test_the_list_of_bots_shows_what_another_server_has_played() -> None:
    store = MemoryStore()
    site, other = Site(store=store), Site(store=store)
    await site.start("ada", "bob")
    async with site.viewing() as request:
        await request.events(2)
        await site.tick()
        await other.host.play("local/ada", "1")
        await other.host.reset("local/bob")
        await site.tick()
        summary = (await request.events(4))[-1][1]
    shown = {card["botId"]: (card["episode"], card["turn"]) for card in summary["playing"]}
    assert shown == {"ada": (1, 1), "bob": (2, 0)}


class HeadsCounted(MemoryStore):
    """Counts the reads of heads."""

    reads = 0

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        self.reads += 1
        return await super().heads(bot_ids)


async def test_all_who_watch_a_bot_share_one_read_of_it() -> None:
    store = HeadsCounted()
    site = Site(store=store)
    await site.start("ada")
    await asyncio.gather(*(site.get("/api/bots/ada") for _ in range(50)))
    async with contextlib.AsyncExitStack() as pages:
        for _ in range(10):
            page = await pages.enter_async_context(site.viewing("/api/events?bot=ada"))
            assert (await page.events(3))[-1][0] == "bot"
        assert store.reads == 1
        site.clock.seconds += details.SECONDS
        assert (await site.get("/api/bots/ada")).status == 200
        assert store.reads == 2


async def test_the_details_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "KEPT_MAX", 3)
    site = Site()
    await site.start(*"abcdef")
    for bot in "abcdef":
        assert (await site.get(f"/api/bots/{bot}")).json["botId"] == bot
    assert len(site.watch._details._kept) == 3
    site.clock.seconds += details.SECONDS
    assert (await site.get("/api/bots/f")).status == 200
    assert list(site.watch._details._kept) == [("local/f", "f")]


async def test_the_start_is_one_moment_however_the_clock_of_the_day_moves() -> None:
    site = Site()
    started = site.summary().started_at
    await site.tick(3600.0)
    site.clock.wall = lambda: 5.0  # type: ignore[method-assign]
    summary = site.summary()
    assert (summary.started_at, summary.uptime_seconds) == (started, 3600) == (100, 3600)


class HangingStore(MemoryStore):
    """Answers no read while `answers` is clear; with `loses` it never answers a read of that time."""

    def __init__(self, *, loses: bool = False) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()
        self._loses = loses

    async def _hang(self) -> None:
        if self._loses and not self.answers.is_set():
            await asyncio.Event().wait()
        await self.answers.wait()

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        await self._hang()
        return await super().heads(bot_ids)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        await self._hang()
        return await super().load(bot_ids)

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        await self._hang()
        return await super().best_runs(prefix, count)


async def test_a_store_that_hangs_does_not_stop_the_summaries() -> None:
    store = HangingStore()
    site = Site(store=store)
    await site.start("ada")
    store.answers.clear()
    async with site.viewing("/api/events?bot=ada") as request:
        await request.events(2)
        for _ in range(3):
            await site.tick(watching.BEST_SECONDS)
        events = await request.events(5)
        assert [name for name, _ in events] == ["history"] + 4 * ["summary"]
        store.answers.set()
        await request.events(6)
    assert "bot" in [name for name, _ in await request.events(6)]
    await site.watch.close()


async def test_the_best_runs_are_read_anew_after_a_read_that_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BEST_SECONDS_MAX", 0.01)
    store = HangingStore(loses=True)
    site, other = Site(store=store), Site(store=store)
    await site.start("ada")
    async with site.viewing() as request:
        await request.events(2)
        store.answers.clear()
        await site.tick()
        assert site.summary().live[0].episode == 1
        store.answers.set()
        await other.host.reset("local/ada")
        await site.tick(watching.BEST_SECONDS)
        summary = site.summary()
    assert [(run.bot_id, run.episode) for run in summary.top] == [("ada", 1)]
    assert [(run.bot_id, run.episode) for run in summary.live] == [("ada", 2)]


async def test_closing_ends_what_still_asks_the_store() -> None:
    store = HangingStore()
    site = Site(store=store)
    await site.start("ada")
    await site.tick()
    store.answers.clear()
    await site.tick(watching.BEST_SECONDS)
    before = asyncio.all_tasks()
    await site.watch.close()
    assert len(asyncio.all_tasks()) < len(before)
