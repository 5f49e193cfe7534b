"""Each path of the API shows a caller the bots of its fleet and pattern, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dungeonfighter.access.principals import Principal, Scope
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.web.audiences import Audience
from dungeonfighter.web.watch import BEST_SECONDS, WANTED_SECONDS
from tests.doors import NOT_ALLOWED, CountedStore, Doorkeeper
from tests.unit.web.watching import Reply, Site, filled

PLAYER: frozenset[Scope] = frozenset({"read", "play"})
ADMIN: frozenset[Scope] = frozenset({"read", "admin"})
CALLERS = {
    "red": Principal("red", scopes=PLAYER),
    "blue": Principal("blue", scopes=PLAYER),
    "some": Principal("red", "ro*", PLAYER),
    "one": Principal("red", "ruby", PLAYER),
    "all": Principal("green", scopes=ADMIN),
}
RED, BLUE = ("rose", "ruby", "rubyx"), ("bell", "bird")


class Fleets(Site):
    """Two fleets; the runs of some of their bots have ended."""

    def __init__(self) -> None:
        self.keeper, self.store = Doorkeeper(), CountedStore()
        super().__init__(self.keeper, self.store, fleet=None)
        self.keeper.callers = {f"Bearer {name}".encode(): one for name, one in CALLERS.items()}

    async def begin(self) -> None:
        for fleet, bots in (("red", RED), ("blue", BLUE)):
            for bot in bots:
                await self.host.start(f"{fleet}/{bot}", NewGame(seed=1, weapon=1, name=f"{fleet} {bot}"))
                await self.host.reset(f"{fleet}/{bot}")
        await self.tick()

    async def ask(self, caller: str, target: str) -> Reply:
        return await asyncio.wait_for(self.get(target, authorization=f"Bearer {caller}"), 10)

    async def events(self, caller: str, target: str = "/api/events") -> list[tuple[str, Any]]:
        """Return the first events of a stream, and those of the next tick."""
        async with self.viewing(target, authorization=f"Bearer {caller}") as page:
            await page.events(2)
            await self.tick(BEST_SECONDS)
            await page.events(3)
            return await page.events(4) if "bot=" in target else await page.events(3)


@pytest.fixture
async def fleets() -> Fleets:
    site = Fleets()
    await site.begin()
    return site


def names(value: Any) -> set[str]:
    """Return all bot ids in a JSON value."""
    if isinstance(value, dict):
        own = {value["botId"]} if isinstance(value.get("botId"), str) else set()
        return own.union(*map(names, value.values()))
    return set().union(*map(names, value)) if isinstance(value, list) else set()


async def test_no_path_shows_a_bot_of_another_fleet(fleets: Fleets) -> None:
    for caller, own, others in (("red", RED, BLUE), ("blue", BLUE, RED)):
        shown: set[str] = set()
        for route in fleets.app.api:
            for target in {filled(route, bot) for bot in own}:
                if route == "/api/events":
                    found = await fleets.events(caller)
                    text = repr(found)
                    shown |= names([value for _, value in found])
                else:
                    reply = await fleets.ask(caller, target)
                    assert reply.status == 200
                    text = reply.body.decode()
                    shown |= names(reply.json)
                for other in others:
                    assert f'"{other}"' not in text
                    assert f"'{other}'" not in text
        assert shown == set(own)


async def test_every_list_of_the_summary_is_of_the_fleet(fleets: Fleets) -> None:
    await fleets.events("blue")
    summary = (await fleets.ask("blue", "/api/summary")).json
    for name in ("playing", "live", "top", "recent"):
        assert sorted(run["botId"] for run in summary[name]) == sorted(BLUE), name
    assert summary["sampled"] == len(BLUE)
    assert sum(summary["scores"]) == len(BLUE)


async def test_counts_are_those_of_the_fleet(fleets: Fleets) -> None:
    await fleets.ask("blue", "/api/summary")
    await fleets.tick()
    for _ in range(6):
        await fleets.host.play("blue/bird", "1")
    for _ in range(3):
        await fleets.host.play("red/rose", "1")
    await fleets.tick(2.0)
    summary = (await fleets.ask("blue", "/api/summary")).json
    assert summary["turns"] == 2 * len(BLUE) + 6
    assert summary["turnsPerSecond"] == 3.0
    assert (summary["runsEnded"], summary["results"]) == (len(BLUE), {"abandoned": len(BLUE)})
    assert [summary[name] for name in ("hotGames", "conflicts", "rowsPerBatch")] == [None, None, None]
    whole = (await fleets.ask("all", "/api/summary")).json
    assert whole["turns"] == 2 * len(RED + BLUE) + 9
    assert whole["hotGames"] == len(RED + BLUE)


async def test_a_fleet_without_a_bot_sees_zeros(fleets: Fleets) -> None:
    fleets.keeper.callers[b"Bearer new"] = Principal("new", scopes=PLAYER)
    assert (await fleets.ask("new", "/api/bots")).json == {"bots": [], "next": None}
    summary = (await fleets.ask("new", "/api/summary")).json
    assert (summary["turns"], summary["runsEnded"], summary["playing"]) == (0, 0, [])


@pytest.mark.parametrize(("caller", "own"), [("some", {"rose"}), ("one", {"ruby"})])
async def test_a_pattern_limits_every_list(fleets: Fleets, caller: str, own: set[str]) -> None:
    found = await fleets.events(caller)
    assert names([value for _, value in found]) == own
    summary = found[-1][1]
    for name in ("playing", "live", "top", "recent"):
        assert names(summary[name]) == own, name
    for name in ("turns", "turnsPerSecond", "runsEnded", "hotGames"):
        assert summary[name] is None
    assert names((await fleets.ask(caller, "/api/bots")).json) == own
    assert names((await fleets.ask(caller, "/api/summary")).json) == own


@pytest.mark.parametrize(
    "route", ["/api/bots/{}", "/api/bots/{}/runs", "/api/bots/{}/runs/1", "/api/events?bot={}"]
)
async def test_a_bot_outside_the_pattern_is_refused_alike_whether_it_exists_or_not(
    fleets: Fleets, route: str
) -> None:
    answers = {}
    for bot in ("ruby", "nobd"):
        fleets.store.calls.clear()
        if "events" in route:
            async with fleets.viewing(route.format(bot), authorization="Bearer some") as page:
                found = (await page.events(3))[2]
            answers[bot] = repr(found)
        else:
            reply = await fleets.ask("some", route.format(bot))
            assert reply.status == 403
            answers[bot] = repr((reply.status, reply.headers, reply.body))
        assert fleets.store.calls == []
    assert answers["ruby"].replace("ruby", "nobd") == answers["nobd"]
    assert "may not act for the bot nobd" in answers["nobd"]


async def test_a_bot_of_another_fleet_is_unknown_like_one_that_does_not_exist(fleets: Fleets) -> None:
    assert (await fleets.ask("blue", "/api/bots/bird/runs/1")).status == 200
    for route in ("/api/bots/{}", "/api/bots/{}/runs", "/api/bots/{}/runs/1"):
        there, absent = [await fleets.ask("red", route.format(bot)) for bot in ("bird", "bart")]
        assert (there.status, there.headers) == (absent.status, absent.headers) == (404, there.headers)
        assert there.body.replace(b"bird", b"bart") == absent.body


async def test_the_scope_admin_sees_all_fleets_by_their_names(fleets: Fleets) -> None:
    everybody = {f"red/{bot}" for bot in RED} | {f"blue/{bot}" for bot in BLUE}
    summary = (await fleets.events("all"))[-1][1]
    for name in ("playing", "live", "top", "recent"):
        assert names(summary[name]) == everybody, name
    first = (await fleets.ask("all", "/api/bots?count=3")).json
    rest = (await fleets.ask("all", f"/api/bots?after={first['next']}")).json
    assert [bot["botId"] for bot in first["bots"] + rest["bots"]] == sorted(everybody)
    assert (await fleets.ask("all", "/api/bots/blue/bird")).json["botId"] == "blue/bird"
    assert (await fleets.ask("all", "/api/bots/bird")).status == 400
    assert (await fleets.ask("all", "/api/bots/blue/bird/runs/1")).json["botId"] == "blue/bird"
    assert len((await fleets.ask("all", "/api/bots/blue%2Fbird/runs")).json["runs"]) == 2
    assert (await fleets.ask("all", "/api/bots/bird/runs")).status == 404
    found = await fleets.events("all", "/api/events?bot=blue/bird")
    assert ("bot", "blue/bird") in [(name, value.get("botId")) for name, value in found if name == "bot"]


async def test_a_refused_caller_of_all_fleets_sees_none(fleets: Fleets) -> None:
    fleets.keeper.refusal = NOT_ALLOWED
    for route in fleets.app.api:
        assert (await fleets.ask("all", filled(route, "red/rose"))).status == 403


async def test_two_audiences_that_watch_at_once_get_their_own_frames(fleets: Fleets) -> None:
    async with (
        fleets.viewing("/api/events?bot=rose", authorization="Bearer red") as red,
        fleets.viewing("/api/events?bot=bird", authorization="Bearer blue") as blue,
        fleets.viewing("/api/events?bot=red/rose", authorization="Bearer all") as everything,
    ):
        for page in (red, blue, everything):
            await page.events(3)
        await fleets.tick()
        shown = [names([value for _, value in await page.events(5)]) for page in (red, blue, everything)]
    assert shown[0] == set(RED)
    assert shown[1] == set(BLUE)
    assert shown[2] == {f"red/{bot}" for bot in RED} | {f"blue/{bot}" for bot in BLUE}


async def test_boards_that_nobody_wants_are_dropped(fleets: Fleets) -> None:
    assert (await fleets.ask("red", "/api/summary")).status == 200
    async with fleets.viewing(authorization="Bearer blue") as page:
        await page.events(2)
        assert fleets.watch.wanted_fleets() == ["blue", "red"]
        await fleets.tick(WANTED_SECONDS)
        assert fleets.watch.wanted_fleets() == ["blue"]


async def test_the_boards_are_bounded(fleets: Fleets) -> None:
    for number in range(1000):
        fleets.watch.board(Audience("red", f"bot-{number}"))
    assert len(fleets.watch._boards) <= 128


async def test_one_fleet_leaves_places_for_the_viewers_of_others() -> None:
    site = Fleets()
    site.watch._viewers_of_fleet_max = 3
    for _ in range(3):
        site.watch.enter(Audience("red"), None)
    assert (await site.ask("red", "/api/events")).status == 503
    async with site.viewing(authorization="Bearer blue") as page:
        await page.events(2)
