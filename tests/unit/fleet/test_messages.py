"""The counts of generator processes add up to those of one process for all bots."""

from __future__ import annotations

import asyncio

from dungeonfighter.fleet.load import LoadOptions
from dungeonfighter.fleet.messages import (
    Begin,
    Go,
    Order,
    Played,
    Stop,
    Verified,
    Verify,
    line_of,
    orders,
    statuses,
)
from dungeonfighter.fleet.progress import MEASURED, WARM_UP, Progress, ProgressFormatter, sum_of
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Finding, Verdict


def counted(number: int) -> Tally:
    tally = Tally()
    for turn in range(number):
        tally.answered(0.001 * turn, turns=1)
    tally.started = 1
    tally.abandoned = number
    tally.trouble("closed")
    tally.error(f"kind{number}", "detail")
    tally.scores.append(number / 2)
    return tally


def read_by(*lines: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(lines))
    reader.feed_eof()
    return reader


async def test_tallies_and_verdicts_are_sent_and_added_up() -> None:
    verdict = Verdict(bots=3, turns=9, further=1, replayed=8, findings=[Finding("a", "lost", "detail")])
    verdict.unread["silent"] += 2
    lines = [line_of(Played(counted(n).share(), Tally().share(), 5.0, 1, 0.5)) for n in (2, 3)]
    lines += [line_of(Verified(verdict.share()))] * 2
    tally, both = Tally(), Verdict()
    async for status in statuses(read_by(*lines)):
        if isinstance(status, Played):
            tally.merge(status.tally)
        elif isinstance(status, Verified):
            both.merge(status.verdict)
    assert (tally.calls, tally.turns, tally.started, tally.abandoned) == (5, 5, 2, 5)
    assert tally.troubles == {"closed": 2}
    assert tally.errors == {"kind2": 1, "kind3": 1}
    assert set(tally.examples) == {"kind2", "kind3"}
    assert tally.scores == [1.0, 1.5]
    assert (tally.latency.count, tally.latency.max_seconds) == (5, 0.002)
    assert (both.bots, both.turns, both.further, both.replayed) == (6, 18, 2, 16)
    assert both.unread == {"silent": 4}
    assert both.counts() == {"lost": 2}


async def test_orders_arrive_as_they_were_sent() -> None:
    sent: list[Order] = [
        Begin(LoadOptions("http://h", 5, every=2.0, process=1, processes=3)),
        Go(),
        Stop(),
        Verify(),
    ]
    assert [order async for order in orders(read_by(*map(line_of, sent)))] == sent


async def test_a_last_line_that_was_cut_short_is_left_out() -> None:
    line = line_of(Verified(Verdict().share()))
    assert len([status async for status in statuses(read_by(line, line[:-5]))]) == 1


def test_every_bot_plays_in_exactly_one_process() -> None:
    shares = [LoadOptions("http://h", 11, process=process, processes=3).numbers for process in range(3)]
    assert sorted(number for share in shares for number in share) == list(range(11))


def test_the_progress_line_adds_up_several_processes() -> None:
    parts = [
        Progress(10.0, MEASURED, 5, 4, 100, 1, 0, 0, [(500, 10)]),
        Progress(9.5, WARM_UP, 6, 6, 50, 0, 2, 1, [(3, 10)]),
    ]
    line = ProgressFormatter().line(sum_of(parts))
    assert "warm-up  11 bots  10 connected  150 turns  16/s" in line
    assert line.endswith("1 run finished  2 failed attempts  1 error")


def test_the_progress_line_says_that_the_server_cannot_be_reached() -> None:
    def line(connected: int, turns: int, troubles: int) -> str:
        return ProgressFormatter().line(Progress(1.0, MEASURED, 3, connected, turns, 0, troubles, 0, []))

    assert line(0, 0, 3).endswith("0 errors  the server cannot be reached; trying again")
    for other in (line(0, 0, 0), line(1, 0, 3), line(0, 9, 3)):
        assert other.endswith("0 errors")
