"""The ticker of the watch page: one for all viewers, with bounded queues, history and cost."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from dungeonfighter.errors import Overloaded
from dungeonfighter.telemetry.totals import Totals
from dungeonfighter.web import figures
from dungeonfighter.web import watch as watching
from dungeonfighter.web.watch import Viewer
from tests.unit.web.watching import Site


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
    viewers = [site.watch.enter(None) for _ in range(watching.VIEWERS_MAX)]
    assert (await site.get("/api/events")).status == 503
    site.watch.exit(viewers[0])
    async with site.viewing() as request:
        await request.events(1)
        assert request.reply.status == 200


async def test_a_slow_viewer_keeps_only_the_newest_frames() -> None:
    viewer = Viewer(None)
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
        site.watch.enter(None)


async def test_the_list_keeps_its_bots_while_others_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "CARDS_MAX", 2)
    site = Site()
    await site.start("a", "b")
    before = {card.bot_id for card in site.watch.summary().playing}
    await site.start("c", "d")
    assert {card.bot_id for card in site.watch.summary().playing} == before


async def test_history_is_bounded() -> None:
    site = Site()
    for _ in range(watching.HISTORY_TICKS + 10):
        await site.tick()
    assert len(site.watch.history) == watching.HISTORY_TICKS


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

    def counted() -> figures.Summary:
        made.append(None)
        return summary()

    site.watch.summary = counted  # type: ignore[method-assign]
    for _ in range(50):
        assert (await site.get("/api/summary")).status == 200
    assert len(made) == 1
