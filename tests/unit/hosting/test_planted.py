"""Each guard of the commit path has a test here that names it: `tests/mutants` removes the guards.

The store is a real memory store whose single commits can be held or cut off; time is virtual.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from random import Random

import pytest

from dungeonfighter.errors import BadInput, OutcomeUnknown, StoreError, StoreUnavailable
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Failed, Outcome, Row, Unsettled, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance
from dungeonfighter.limits import commit_timeout_seconds, trail_ops_max
from dungeonfighter.storage.memory import MemoryStore
from tests.simulation.chaos import Faults, FaultyStore
from tests.simulation.virtual_time import VirtualClock, run
from tests.unit.hosting.hosts import KEY, MACE, rules

OTHER = "local/other"
FOR_EVER = 10_000


class Wire(MemoryStore):
    """A memory store; `next` lists the fates of its next commits, one word each.

    * after: the commit is executed, and its answer is lost.
    * late: the answer is lost, and the commit is executed at the next `settle` or `land`.
    * before: the commit is not executed, and its answer is lost.
    * unsettled: the commit is not executed, and each row has an unknown outcome.
    * failed: each row is refused.
    * held: the commit waits until `held` is set.

    Attributes:
        batches: The bots of each commit that arrived.
        arrived: Set when a commit is held.
        settling: Set when a `settle` has arrived; the `settle` waits for `settled`.
        is_deaf: Every `settle` fails.
    """

    def __init__(self) -> None:
        super().__init__(wall=lambda: 0.0)
        self.next: list[str] = []
        self.batches: list[list[str]] = []
        self.held, self.arrived = asyncio.Event(), asyncio.Event()
        self.settled, self.settling = asyncio.Event(), asyncio.Event()
        self.settled.set()
        self.is_deaf = False
        self._late: list[Write] = []

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self.batches.append([write.row.bot_id for write in batch])
        word = self.next.pop(0) if self.next else ""
        if word == "held":
            self.arrived.set()
            await self.held.wait()
        elif word == "late":
            self._late.extend(batch)
        elif word in {"failed", "unsettled"}:
            return [Failed(word) if word == "failed" else Unsettled(word) for _ in batch]
        if word in {"late", "before"}:
            raise StoreUnavailable(word)
        outcomes = await super().commit(batch)
        if word == "after":
            raise StoreUnavailable(word)
        return outcomes

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        self.settling.set()
        if self.is_deaf:
            raise StoreUnavailable("deaf")
        await self.settled.wait()
        await self.land()
        return await super().settle(bot_ids)

    async def land(self) -> None:
        """Execute the late commits."""
        late, self._late = self._late, []
        await super().commit(late)

    def row(self) -> Row:
        row = self._rows[KEY]
        assert row is not None
        return row


def host_over(store: MemoryStore | FaultyStore, *, hot_games_max: int = 10) -> BotHost:
    return BotHost(
        store=store, rules=ShippedRules([rules()]), clock=VirtualClock(), chance=SystemChance(),
        hot_games_max=hot_games_max,
    )  # fmt: skip


async def begun(*next_: str) -> tuple[Wire, BotHost]:
    """Return a store and a host with a game at turn 0; `next_` are the outcomes of its next commits."""
    store = Wire()
    host = host_over(store)
    await host.start(KEY, MACE)
    store.batches.clear()
    store.next = list(next_)
    return store, host


# `covers`: writes by other hosts between an attempt with an unknown outcome and its settling


async def _settled_after(
    others: int, fate: str, turn: int | None
) -> tuple[Answer | OutcomeUnknown, Wire, BotHost]:
    store, host = await begun(fate)
    store.settled.clear()
    asked = asyncio.create_task(host.play(KEY, "1", turn=turn))
    await store.settling.wait()
    other = host_over(store)
    for number in range(others):
        await other.set_directive(KEY, f"note {number}")
    store.settled.set()
    try:
        return await asked, store, host
    except OutcomeUnknown as error:
        return error, store, host


@pytest.mark.parametrize("others", [0, 1, trail_ops_max - 1])
@pytest.mark.parametrize("turn", [None, 0], ids=["unnamed", "named"])
def test_an_unknown_attempt_that_had_won_is_found_behind_fewer_writes_than_the_trail_has(
    others: int, turn: int | None
) -> None:
    async def story() -> None:
        answer, store, _ = await _settled_after(others, "after", turn)
        assert isinstance(answer, Answer)
        assert (answer.game.turn, answer.repeated, store.row().turn) == (1, False, 1)

    run(story())


@pytest.mark.parametrize("others", [trail_ops_max, trail_ops_max + 1, 3 * trail_ops_max])
def test_an_unknown_attempt_behind_more_writes_than_the_trail_has_is_not_applied_twice(others: int) -> None:
    async def story() -> None:
        result, store, host = await _settled_after(others, "after", None)
        assert isinstance(result, OutcomeUnknown)
        assert (store.row().turn, trails.last_inputs(trails.decode(store.row().trail))) == (1, ["1"])
        assert (await host.play(KEY, "1", turn=0, episode=1)).repeated

    run(story())


def test_an_attempt_that_never_was_is_unknown_too_behind_more_writes_than_the_trail_has() -> None:
    async def story() -> None:
        result, store, _ = await _settled_after(trail_ops_max + 1, "before", None)
        assert isinstance(result, OutcomeUnknown)
        assert store.row().turn == 0

    run(story())


def test_a_new_run_with_an_unknown_outcome_is_not_begun_twice() -> None:
    async def story() -> None:
        store, host = await begun("after")
        store.settled.clear()
        asked = asyncio.create_task(host.start(KEY, MACE))
        await store.settling.wait()
        other = host_over(store)
        for number in range(trail_ops_max):
            await other.set_directive(KEY, f"note {number}")
        store.settled.set()
        with pytest.raises(OutcomeUnknown):
            await asked
        assert store.row().episode == 2

    run(story())


# A row is in memory after its commit


def test_a_row_is_not_in_memory_before_its_commit() -> None:
    async def story() -> None:
        store, host = await begun("held")
        asked = asyncio.create_task(host.play(KEY, "1"))
        await store.arrived.wait()
        assert [game.turn for game in host.recent(1)] == [0]
        store.held.set()
        await asked
        assert [game.turn for game in host.recent(1)] == [1]

    run(story())


def test_a_row_is_not_in_memory_before_its_commit_after_a_conflict_either() -> None:
    async def story() -> None:
        store, host = await begun()
        await host_over(store).play(KEY, "1")
        store.next = ["", "held"]
        asked = asyncio.create_task(host.play(KEY, "1"))
        await store.arrived.wait()
        assert [game.turn for game in host.recent(1)] == [1]
        store.held.set()
        assert (await asked).game.turn == 2

    run(story())


def test_a_row_that_was_refused_is_not_in_memory() -> None:
    async def story() -> None:
        _, host = await begun("failed")
        with pytest.raises(StoreError, match="could not be saved"):
            await host.play(KEY, "1")
        assert [game.turn for game in host.recent(1)] == [0]
        assert (await host.play(KEY, "1")).game.turn == 1
        assert host.metrics.conflicts.value == 0

    run(story())


# Settling is more than reading


def test_an_unknown_attempt_is_settled_and_not_tried_beside_itself() -> None:
    async def story() -> None:
        store, host = await begun("late")
        assert (await host.play(KEY, "1")).game.turn == 1
        assert store.batches == [[KEY]]

    run(story())


def test_an_attempt_on_its_way_is_never_reported_as_not_applied() -> None:
    async def story() -> None:
        store, host = await begun("late", *["before"] * FOR_EVER)
        assert (await host.play(KEY, "1")).game.turn == 1
        await store.land()
        assert store.row().turn == 1

    run(story())


async def _unknown() -> tuple[Wire, BotHost]:
    """Return a host that could not settle in time an input whose commit is late."""
    store, host = await begun("late")
    store.is_deaf = True
    with pytest.raises(OutcomeUnknown):
        await host.play(KEY, "1")
    store.is_deaf = False
    return store, host


def test_a_read_settles_what_could_not_be_settled_in_time() -> None:
    async def story() -> None:
        _, host = await _unknown()
        assert (await host.read(KEY)).turn == 1

    run(story())


def test_the_next_request_settles_what_could_not_be_settled_in_time() -> None:
    async def story() -> None:
        store, host = await _unknown()
        assert (await host.play(KEY, "1", turn=0)).repeated
        assert store.batches == [[KEY]]

    run(story())


def test_a_game_that_is_not_settled_does_not_hibernate() -> None:
    async def story() -> None:
        store = Wire()
        host = host_over(store, hot_games_max=1)
        await host.start(KEY, MACE)
        store.next, store.is_deaf = ["late"], True
        with pytest.raises(OutcomeUnknown):
            await host.play(KEY, "1")
        await host.start(OTHER, MACE)
        store.is_deaf = False
        assert (await host.read(KEY)).turn == 1

    run(story())


# One bot, one line


def test_two_requests_of_one_bot_are_never_on_their_way_together() -> None:
    async def story() -> None:
        store, host = await begun()
        answers = await asyncio.gather(*(host.play(KEY, "1") for _ in range(3)))
        assert [answer.game.turn for answer in answers] == [1, 2, 3]
        assert store.batches == [[KEY]] * 3
        assert host.metrics.conflicts.value == 0

    run(story())


def test_a_busy_game_does_not_hibernate() -> None:
    async def story() -> None:
        store = Wire()
        host = host_over(store, hot_games_max=1)
        await host.start(KEY, MACE)
        store.next = ["held"]
        first = asyncio.create_task(host.play(KEY, "1"))
        await store.arrived.wait()
        other = asyncio.create_task(host.start(OTHER, MACE))
        await asyncio.sleep(1)
        second = asyncio.create_task(host.play(KEY, "1"))
        await asyncio.sleep(1)
        store.held.set()
        assert [(await asked).game.turn for asked in (first, second, other)] == [1, 2, 0]
        assert host.metrics.conflicts.value == 0

    run(story())


# What an answer may stand on


def test_a_row_with_an_unknown_outcome_is_no_winner() -> None:
    async def story() -> None:
        store, host = await begun("unsettled")
        assert (await host.play(KEY, "1")).game.turn == 1
        assert store.row().turn == 1

    run(story())


def test_a_read_sees_that_another_lineage_has_the_same_version() -> None:
    async def story() -> None:
        store = FaultyStore(Random(1), Faults())
        host = host_over(store)
        game = (await host.start(KEY, MACE)).game
        one, two = [choice.input for choice in rules().legal_inputs(game.state)][:2]
        twin = store.inner.copy()
        await host.play(KEY, one)
        await host_over(twin).play(KEY, two)
        store.inner = twin
        (there,) = await twin.load([KEY])
        assert there is not None
        seen = await host.read(KEY)
        assert (seen.version, seen.digest) == (there.version, there.digest)

    run(story())


def test_a_repeat_is_known_by_the_input_of_its_own_turn() -> None:
    async def story() -> None:
        _, host = await begun()
        given: list[str] = []
        for turn in range(4):
            game = await host.read(KEY)
            choices = [choice.input for choice in rules().legal_inputs(game.state) if not choice.pattern]
            given.append(next(text for text in choices if text not in given[-1:]))
            await host.play(KEY, given[-1], turn=turn)
        assert all(one != next_ for one, next_ in itertools.pairwise(given))
        for turn, text in enumerate(given):
            assert (await host.play(KEY, text, turn=turn)).repeated
            with pytest.raises(BadInput, match="was not answered with this input"):
                await host.play(KEY, given[turn - 1 if turn else 1], turn=turn)

    run(story())


def test_a_store_that_cannot_write_is_reported_within_the_commit_timeout() -> None:
    async def story() -> None:
        _, host = await begun(*["before"] * FOR_EVER)
        begun_at = VirtualClock().now()
        with pytest.raises(StoreUnavailable, match="was not applied"):
            await host.play(KEY, "1")
        assert VirtualClock().now() - begun_at <= commit_timeout_seconds

    run(story())
