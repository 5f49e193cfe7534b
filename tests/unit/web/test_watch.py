"""The ticker: one for all viewers, bounded in every direction."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from dungeonfighter.errors import Overloaded
from dungeonfighter.telemetry.totals import Totals
from dungeonfighter.web import figures
from dungeonfighter.web import watch as watching
from dungeonfighter.web.watch import Viewer
from tests.unit.web.watching import Place


async def test_a_viewer_gets_the_history_then_a_summary_each_tick() -> None:
    place = Place()
    await place.tick()
    async with place.viewing() as page:
        await page.events(2)
        await place.tick()
        events = await page.events(3)
    assert [name for name, _ in events] == ["history", "summary", "summary"]
    assert events[0][1] == [0.0]


async def test_the_bot_being_watched_is_told_of_at_once_and_each_tick() -> None:
    place = Place()
    await place.start("ada", "bob")
    async with place.viewing("/api/events?bot=ada") as page:
        await page.events(3)
        await place.host.play("local/ada", "1")
        await place.tick()
        events = await page.events(5)
    shown = [value for name, value in events if name == "bot"]
    assert [(value["botId"], value["turn"]) for value in shown] == [("ada", 0), ("ada", 1)]


async def test_a_bot_that_is_not_there_is_told_as_trouble() -> None:
    place = Place()
    async with place.viewing("/api/events?bot=ada") as page:
        events = await page.events(3)
    assert ("trouble", "unknown_bot") in [
        (name, value.get("code")) for name, value in events if name == "trouble"
    ]


@pytest.mark.parametrize("bot", ["a+b%3C", "..%2F", "-", "a" * 129, "%0A", "%80"])
async def test_an_id_that_cannot_be_is_told_as_trouble_and_the_numbers_go_on(bot: str) -> None:
    place = Place()
    async with place.viewing(f"/api/events?bot={bot}") as page:
        await page.events(3)
        await place.tick()
        events = await page.events(4)
    assert [name for name, _ in events] == ["history", "summary", "trouble", "summary"]
    assert events[2][1]["code"] == "bad_argument"


async def test_leaving_makes_room() -> None:
    place = Place()
    viewers = [place.watch.enter(None) for _ in range(watching.VIEWERS_MAX)]
    assert (await place.get("/api/events")).status == 503
    place.watch.exit(viewers[0])
    async with place.viewing() as page:
        await page.events(1)
        assert page.reply.status == 200


async def test_a_slow_viewer_keeps_only_the_newest_frames() -> None:
    viewer = Viewer(None)
    for number in range(watching.FRAMES_WAITING_MAX + 5):
        viewer.put(b"%d " % number)
    frames = await viewer.next()
    assert frames is not None
    assert [int(frame) for frame in frames.split()] == list(range(5, watching.FRAMES_WAITING_MAX + 5))


async def test_closing_ends_every_page_and_admits_no_other() -> None:
    place = Place()
    async with place.viewing() as page:
        await page.events(2)
        await place.watch.close()
        await page.ended.wait()
    with pytest.raises(Overloaded):
        place.watch.enter(None)


async def test_the_list_stays_steady_while_its_bots_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "CARDS_MAX", 2)
    place = Place()
    await place.start("a", "b")
    before = {card.bot_id for card in place.watch.summary().playing}
    await place.start("c", "d")
    assert {card.bot_id for card in place.watch.summary().playing} == before


async def test_history_is_bounded() -> None:
    place = Place()
    for _ in range(watching.HISTORY_TICKS + 10):
        await place.tick()
    assert len(place.watch.history) == watching.HISTORY_TICKS


async def test_a_game_that_cannot_be_shown_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    await place.start("ada", "bob")
    hot = place.host._games.get("local/bob")
    assert hot is not None
    assert hot.row is not None
    monkeypatch.setattr(hot, "row", structs.replace(hot.row, rules="none such"))
    assert len(place.host.recent(10)) == 1
    assert (await place.get("/api/summary")).status == 200


async def test_a_tick_that_breaks_does_not_end_the_ticker(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    slept = asyncio.Event()
    naps = iter(range(4))

    async def nap(_seconds: float) -> None:
        if next(naps) == 3:
            slept.set()
            await asyncio.Event().wait()

    def broken() -> Totals:
        raise KeyError("defect")

    place.clock.sleep = nap  # type: ignore[method-assign, assignment]
    place.watch.totals = broken
    place.watch.start()
    await slept.wait()
    await place.watch.close()
    assert place.watch.failed_ticks == 3
    assert "a tick of the watch page broke" in caplog.text


async def test_those_who_ask_at_once_are_answered_with_one_summary() -> None:
    """It costs milliseconds: a client that asks all the time must not take them from the bots."""
    place = Place()
    made: list[None] = []
    summary = place.watch.summary

    def counted() -> figures.Summary:
        made.append(None)
        return summary()

    place.watch.summary = counted  # type: ignore[method-assign]
    for _ in range(50):
        assert (await place.get("/api/summary")).status == 200
    assert len(made) == 1
