"""A store in trouble: every request ends, no unknown outcome is reported as known, play resumes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from dungeonfighter.errors import BadInput, NotWritten, OutcomeUnknown, StoreError, StoreUnavailable
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Outcome, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from tests.simulation.chaos import Faults, FaultyStore
from tests.simulation.virtual_time import VirtualClock, run
from tests.unit.hosting.hosts import KEY, MACE, rules

ALWAYS = 1000


def patient_host(store: FaultyStore | MemoryStore) -> BotHost:
    return BotHost(
        store=store,
        rules=ShippedRules([rules()]),
        clock=VirtualClock(),
        chance=SystemChance(),
        hot_games_max=10,
    )


class Hiccup(MemoryStore):
    """Raises the given errors at the next commits."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__(wall=lambda: 0.0)
        self.failures = list(failures)
        self.commits = 0

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self.commits += 1
        if self.failures:
            raise self.failures.pop(0)
        return await super().commit(batch)


def test_one_failed_commit_is_only_latency() -> None:
    async def story() -> int:
        host = patient_host(Hiccup(StoreUnavailable("gone"), StoreUnavailable("gone")))
        await host.start(KEY, MACE)
        return (await host.play(KEY, "1")).game.turn

    assert run(story()) == 1


def test_a_write_that_did_not_happen_is_resent_without_being_settled() -> None:
    async def story() -> tuple[int, int]:
        host = patient_host(Hiccup(NotWritten("locked"), NotWritten("locked")))
        await host.start(KEY, MACE)
        return (await host.play(KEY, "1")).game.turn, host.metrics.settled.value

    assert run(story()) == (1, 0)


@pytest.mark.parametrize("named", [True, False])
def test_a_store_that_refuses_all_writes_leaves_no_outcome_unknown(named: bool) -> None:
    """The store guarantees that it wrote nothing, so the host must not answer `outcome_unknown`."""

    async def story() -> tuple[str, str, int]:
        store = Hiccup()
        host = patient_host(store)
        await host.start(KEY, MACE)
        store.failures = [NotWritten("locked by another program")] * 1000
        with pytest.raises(StoreUnavailable) as play:
            await host.play(KEY, "1", turn=0 if named else None)
        with pytest.raises(StoreUnavailable) as start:
            await host.start(KEY, MACE)
        store.failures = []
        return play.value.code, start.value.code, (await host.play(KEY, "1", turn=0)).game.turn

    assert run(story()) == ("store_unavailable", "store_unavailable", 1)


def test_a_recovered_store_is_noticed_without_a_request() -> None:
    """A server that is not ready gets no requests from its balancer."""

    async def story() -> None:
        store = FaultyStore(Random(1), Faults())
        host = patient_host(store)
        await host.start(KEY, MACE)
        store.faults = Faults(error_before=ALWAYS, read_error=ALWAYS)
        with pytest.raises(StoreError):
            await host.play(KEY, "1", turn=0)
        assert not host.is_store_up()
        store.faults = Faults()
        while not host.is_store_up():
            await VirtualClock().sleep(0.1)
        await host.close()

    run(story())


def test_a_failure_no_driver_should_raise_holds_nobody() -> None:
    async def story() -> list[int]:
        host = patient_host(Hiccup(OSError("no locks available")))
        answers = await asyncio.gather(*(host.start(f"local/b{number}", MACE) for number in range(20)))
        return [answer.game.turn for answer in answers]

    assert run(story()) == [0] * 20


def test_a_store_that_reads_but_cannot_write_is_reported_as_such_and_not_hammered() -> None:
    async def story() -> tuple[int, StoreError, bool]:
        store = Hiccup()
        host = patient_host(store)
        await host.start(KEY, MACE)
        store.failures = [StoreUnavailable("disk full")] * 1000
        before = store.commits
        with pytest.raises(StoreError) as caught:
            await host.play(KEY, "1", turn=0)
        return store.commits - before, caught.value, host.is_store_up()

    commits, error, store_up = run(story())
    assert not store_up
    assert error.code == "store_unavailable"
    assert commits < 100


def test_a_store_that_is_gone_for_good_leaves_the_outcome_unknown_and_the_bot_plays_on_after_it() -> None:
    async def story() -> int:
        store = FaultyStore(Random(1), Faults())
        host = patient_host(store)
        await host.start(KEY, MACE)
        store.faults = Faults(error_after=ALWAYS, read_error=ALWAYS)
        with pytest.raises(OutcomeUnknown):
            await host.play(KEY, "1", turn=0)
        store.faults = Faults()
        return (await host.play(KEY, "1", turn=0)).game.turn

    assert run(story()) == 1


def test_a_reset_beside_a_new_mode_draws_the_seed_of_the_mode_it_gets() -> None:
    async def story() -> bool:
        host = patient_host(MemoryStore())
        daily = (await host.start(KEY, NewGame(mode=Mode.daily))).game.state.seed
        _, reset = await asyncio.gather(host.start(KEY, NewGame(mode=Mode.ironman)), host.reset(KEY))
        return reset.game.state.mode == Mode.ironman and reset.game.state.seed != daily

    assert run(story())


def test_a_repeated_start_on_a_second_replica_while_the_first_is_under_way_is_the_same_answer() -> None:
    async def story() -> list[int]:
        store = FaultyStore(Random(2), Faults(delay_seconds=0.2))
        one, other = patient_host(store), patient_host(store)
        await one.start(KEY, MACE)
        await other.read(KEY)
        answers = await asyncio.gather(
            one.start(KEY, MACE, episode=2), other.start(KEY, MACE, episode=2), return_exceptions=True
        )
        assert not any(isinstance(answer, BadInput) for answer in answers), answers
        return [answer.game.episode for answer in answers if not isinstance(answer, BaseException)]

    assert run(story()) == [2, 2]


def test_a_crowd_larger_than_the_memory_is_played_and_hibernates() -> None:
    async def story() -> float:
        host = patient_host(FaultyStore(Random(3), Faults(delay_seconds=0.1)))
        await asyncio.gather(*(host.start(f"local/b{number}", MACE) for number in range(300)))
        await host.play("local/b0", "1")
        for number in range(100):
            await host.play(f"local/b{number}", "1")
        return host.metrics.hot_games.value

    assert run(story()) <= 10
