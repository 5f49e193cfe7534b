"""The tokens of a bot and day: counted with the next commit, refused beyond the limit, never given twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dungeonfighter.errors import NotWritten, QuotaExceeded, UnknownBot
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.daily_tokens import LATE_SECONDS_MAX
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Outcome, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.meter import MeterRegistry

ADA = "local/ada"
DAY = 86_400
NOON = 20_000 * DAY + DAY / 2
MOST = 1000


class Hand:
    """A clock that the test sets; nobody sleeps."""

    def __init__(self) -> None:
        self.seconds, self.at = 1000.0, NOON

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


class Flaky(MemoryStore):
    """A store whose next commits fail."""

    failures = 0

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        if self.failures:
            self.failures -= 1
            raise NotWritten("not now")
        return await super().commit(batch)


class Desk:
    """A host over a store, both at the same time of day."""

    def __init__(self) -> None:
        self.hand, self.store = Hand(), Flaky()
        self.meter = MeterRegistry()
        self.host = self.another_host(meter=self.meter)

    def another_host(self, most: int = MOST, meter: MeterRegistry | None = None) -> BotHost:
        return BotHost(
            store=self.store, rules=ShippedRules([load_rules()]), clock=self.hand, chance=SystemChance(),
            tokens_per_bot_per_day=most, meter=meter,
        )  # fmt: skip

    def count(self, tokens: int, key: str = ADA, host: BotHost | None = None) -> None:
        daily = (host or self.host).daily_tokens
        assert daily is not None
        daily.count(key, tokens)

    async def stored(self, key: str = ADA) -> tuple[int, int]:
        """Return the day and the tokens of a row."""
        (row,) = await self.store.load([key])
        assert row is not None
        return row.tokens_today >> 32, row.tokens_today & 0xFFFFFFFF


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.host.start(ADA, NewGame(weapon=1))
    return made


async def test_tokens_are_written_with_the_next_turn(desk: Desk) -> None:
    desk.count(70)
    desk.count(30)
    assert await desk.stored() == (0, 0)
    await desk.host.play(ADA, "1")
    assert await desk.stored() == (20_000, 100)
    await desk.host.play(ADA, "1")
    assert await desk.stored() == (20_000, 100)
    desk.count(5)
    await desk.host.play_many(ADA, ["1"])
    await desk.host.set_directive(ADA, "be brave")
    assert await desk.stored() == (20_000, 105)
    desk.count(5)
    await desk.host.start(ADA, NewGame(weapon=1))
    assert await desk.stored() == (20_000, 110)


async def test_tokens_that_are_written_with_a_load_leave_its_first_state(desk: Desk) -> None:
    await desk.host.save(ADA, "main")
    desk.count(70)
    loaded = (await desk.host.load(ADA, "main")).game
    assert await desk.stored() == (20_000, 70)
    assert loaded.rules.digest((await desk.store.stored_run(ADA, 2)).base) == loaded.digest


async def test_a_bot_without_tokens_is_refused_until_the_day_is_over(desk: Desk) -> None:
    desk.count(MOST)
    for call in (
        lambda: desk.host.play(ADA, "1"), lambda: desk.host.read(ADA),
        lambda: desk.host.start(ADA, NewGame()), lambda: desk.host.set_directive(ADA, "x"),
    ):  # fmt: skip
        with pytest.raises(
            QuotaExceeded, match="try again at 2024-10-05 00:00 UTC, in 12 h 0 min"
        ) as refused:
            await call()
        assert "the bot ada has used up its 1000 tokens of this day" in str(refused.value)
    await desk.host.start("local/other", NewGame(weapon=1))
    desk.hand.at += DAY / 2
    await desk.host.play(ADA, "1")
    desk.count(7)
    await desk.host.play(ADA, "1")
    assert await desk.stored() == (20_001, 7)


async def test_a_clock_that_steps_back_gives_no_second_quota(desk: Desk) -> None:
    desk.count(MOST)
    await desk.host.write_tokens(all_of_them=True)
    desk.hand.at -= DAY
    for host in (desk.host, desk.another_host()):  # the second one knows the row alone
        with pytest.raises(QuotaExceeded, match="2024-10-05 00:00 UTC, in 36 h"):
            await host.play(ADA, "1")
    desk.hand.at += 3 * DAY
    await desk.host.play(ADA, "1")


async def test_a_clock_that_was_far_ahead_locks_nobody_out(desk: Desk) -> None:
    desk.hand.at += 1000 * DAY
    desk.count(MOST)
    await desk.host.write_tokens(all_of_them=True)
    desk.hand.at -= 1000 * DAY
    with pytest.raises(QuotaExceeded, match="2024-10-05 00:00 UTC, in 12 h"):
        await desk.host.play(ADA, "1")


async def test_reads_are_written_after_a_minute_and_when_the_host_closes(desk: Desk) -> None:
    desk.count(40)
    await desk.host.write_tokens()
    assert await desk.stored() == (0, 0)
    desk.hand.seconds += LATE_SECONDS_MAX
    before = await desk.host.read(ADA)
    await desk.host.write_tokens()
    assert await desk.stored() == (20_000, 40)
    after = await desk.host.read(ADA)
    assert (before.turn, before.digest, before.version + 1) == (after.turn, after.digest, after.version)
    desk.hand.seconds += 10 * LATE_SECONDS_MAX
    await desk.host.write_tokens()
    assert (await desk.host.read(ADA)).version == after.version
    desk.count(2)
    await desk.host.close()
    assert await desk.stored() == (20_000, 42)


async def test_the_tokens_that_exceed_the_limit_are_written_too(desk: Desk) -> None:
    desk.count(3 * MOST)
    await desk.host.write_tokens(all_of_them=True)
    assert await desk.stored() == (20_000, 3 * MOST)
    with pytest.raises(QuotaExceeded):
        await desk.another_host().play(ADA, "1")


async def test_several_servers_add_up(desk: Desk) -> None:
    other = desk.another_host()
    for _ in range(4):
        desk.count(10)
        desk.count(100, host=other)
        await desk.host.play(ADA, "1")
        await other.play(ADA, "1")
    assert await desk.stored() == (20_000, 440)


async def test_tokens_of_a_commit_that_failed_are_written_with_the_next(desk: Desk) -> None:
    desk.count(60)
    desk.store.failures = 2
    await desk.host.play(ADA, "1")
    assert await desk.stored() == (20_000, 60)
    await desk.host.play(ADA, "1")
    assert await desk.stored() == (20_000, 60)


async def test_bots_that_do_not_exist_leave_no_memory(desk: Desk) -> None:
    daily = desk.host.daily_tokens
    assert daily is not None
    for number in range(100):
        with pytest.raises(UnknownBot):
            await desk.host.read(f"local/x{number}")
        desk.count(9, f"local/x{number}")
    assert len(daily) == 100
    await desk.host.write_tokens(all_of_them=True)
    assert len(daily) == 0


async def test_without_a_limit_rows_stay_as_they_are() -> None:
    desk = Desk()
    free = desk.another_host(most=0)
    assert free.daily_tokens is None
    await free.start(ADA, NewGame(weapon=1))
    await free.play(ADA, "1")
    assert await desk.stored() == (0, 0)


async def test_bots_are_near_their_quota_until_the_day_is_over(desk: Desk) -> None:
    def near() -> float:
        return desk.meter.collect().value("mcp_bots_near_quota")

    desk.count(MOST * 9 // 10 - 1)
    await desk.host.play(ADA, "1")
    assert near() == 0
    desk.count(1)
    for _ in range(2):
        await desk.host.play(ADA, "1")
    assert near() == 1
    desk.hand.at += DAY
    assert near() == 0
    await desk.host.play(ADA, "1")
    assert near() == 0
