"""The region with the primary is cut off, the other one is promoted, and the first one comes back.

All commands of the operator are those of docs/operations/regions.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from tests.integration.documented import blocks
from tests.integration.regions import Players, Region, in_namespace, two_regions
from tests.integration.served import Served, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

BOTS: Final = 50
DOCUMENT: Final = "operations/regions.md"
ROWS: Final = "select bot_id, episode, turn, version from games"
FOUND: Final = re.compile(r"acknowledged up to e(\d+) t(\d+), found at e(\d+) t(\d+);")


class Position(Struct, frozen=True, order=True):
    episode: int
    turn: int


def positions(region: Region, server: object) -> dict[str, Position]:
    """Return where each bot stands in a database, by its id."""
    rows = region.query(server, ROWS)  # type: ignore[arg-type]
    return {bot.partition("/")[2]: Position(episode, turn) for bot, episode, turn, _ in rows}


def plays(players: Players, turns: int) -> Callable[[], bool]:
    """Return a condition: the bots have played so many more turns."""
    goal = players.tally.turns + turns
    return lambda: players.tally.turns >= goal


def test_a_promoted_region_plays_on_and_lacks_just_what_its_database_lacks(tmp_path: Path) -> None:
    with two_regions(tmp_path) as (a, b, link):
        places = {
            "A1": a.first.words("operator"), "A2": a.second.words("operator"),
            "B1": b.first.words("operator"), "B2": b.second.words("operator"),
        }  # fmt: skip
        here, there = Players(a, "a-", BOTS), Players(b, "b-", BOTS)
        until(plays(here, 6 * BOTS), "the bots of region A do not play")
        until(plays(there, 6 * BOTS), "the bots of region B do not play")
        print("in region A: " + latencies(here), "in region B: " + latencies(there), sep="\n")

        link.cut()
        cut_at = time.monotonic()
        until(plays(here, 3 * BOTS), "region A does not play on without region B")
        a.balancer.__exit__(None, None, None)  # now its bots cannot reach it, either
        answer, is_error = in_namespace(b.namespace, lambda: Served(b.servers[0]).call("get_leaderboard"))
        assert not is_error, answer
        behind = positions(b, b.first)
        promoted_at = time.monotonic()
        how_far, promote = blocks(DOCUMENT, "Promote region B")
        assert b.run(how_far, b.first, **places)
        b.run(promote, b.first, **places)
        here.move(b)
        until(plays(here, 6 * BOTS), "the bots of region A do not play in region B")
        until(plays(there, 6 * BOTS), "the bots of region B do not play on")
        now = time.monotonic()
        print(f"bots of both regions play {now - promoted_at:.1f} s after the first command, and "
              f"{now - cut_at:.1f} s after the cut")  # fmt: skip
        had = positions(a, a.first)
        for server in a.servers:
            server.kill()
        assert link.heal() > 0

        bring_back(a, b, places)
        move_back(a, b, places)
        until(plays(here, 3 * BOTS), "the bots of region A do not play on")
        until(plays(there, 3 * BOTS), "the bots of region B do not play on")

        load, verdict = there.finish()
        assert not load.tally.errors, load.tally.examples
        assert not verdict.findings
        load, verdict = here.finish()
        lost = {bot: at for bot, at in had.items() if bot.startswith("a-") and at > behind[bot]}
        assert lost, "nothing was lost, so nothing was tried"
        print(
            f"lost: {sum(at.turn - behind[bot].turn for bot, at in lost.items())} turns of {len(lost)} bots"
        )
        found = {one.bot_id: FOUND.search(one.detail) for one in verdict.findings}
        for bot, match in found.items():
            assert match is not None, verdict.findings
            numbers = [int(number) for number in match.groups()]
            acknowledged, standing = Position(*numbers[:2]), Position(*numbers[2:])
            assert standing == behind[bot], "the bot lost more or less than the database lacks"
            assert acknowledged in {had[bot], Position(had[bot].episode, had[bot].turn - 1)}
        unanswered = {bot for bot in lost if had[bot] == Position(behind[bot].episode, behind[bot].turn + 1)}
        assert set(lost) - unanswered <= set(found) <= set(lost)
        assert set(load.tally.errors) <= {"future_turn", "stale_turn"}
        assert load.tally.errors.total() == len(found)


def latencies(players: Players) -> str:
    """Return p50 and p99 of the calls so far."""
    latency = players.tally.latency
    return f"p50 {1000 * latency.percentile(0.5):.0f} ms, p99 {1000 * latency.percentile(0.99):.0f} ms"


def bring_back(a: Region, b: Region, places: dict[str, str]) -> None:
    """Bring region A back as a standby, by the commands of the document."""
    stop, rewind, rewind_next, *_ = blocks(DOCUMENT, "Bring region A back")
    a.run(stop, a.first, **places)
    a.run(stop, a.second, **places)
    a.run(rewind, a.first, **places)
    a.start(a.first)
    a.run(rewind_next, a.second, **places)
    a.start(a.second)
    until(lambda: "a1" in standbys(b), "a1 does not follow b1")
    with a.namespace.entered():
        for server in a.servers:
            server.start()


def move_back(a: Region, b: Region, places: dict[str, str]) -> None:
    """Make region A the primary, by the commands of the document."""
    near, stop, promote, follow = blocks(DOCUMENT, "Move back to region A")
    assert "a1|" in b.run(near, b.first, **places)
    b.run(stop, b.first, **places)
    a.run(promote, a.first, **places)
    b.run(follow, b.first, **places)
    b.start(b.first)
    until(lambda: {"a2", "b1"} <= standbys(a), "a2 and b1 do not follow a1")


def standbys(region: Region) -> set[str]:
    """Return the names of the standbys that follow a region's first PostgreSQL."""
    rows = region.query(region.first, "select application_name from pg_stat_replication")
    return {name for (name,) in rows}
