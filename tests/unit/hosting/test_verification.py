"""Checks of ranked runs that were really played: over every store that a server can have, in one process."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import StoredRun
from dungeonfighter.hosting.ranked_runs import AS_STORED, FALSE, PENDING, SET_ASIDE, RankedRun, Selection
from dungeonfighter.hosting.run_claims import Finding, Stopped, check_run
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verification import LEASE_SECONDS, Verification
from dungeonfighter.replays.attestations import signature_of
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.sqlite import SqliteStore
from tests.unit.hosting.hosts import rules
from tests.unit.hosting.ranked import host_of, play, verification_of

ADA = "local/ada"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "games.db")
    await made.open()
    yield made
    await made.close()


def by_hand(store: SqliteStore, sql: str, *values: object) -> None:
    """Write into the database as somebody does who has its file."""
    connection = apsw.Connection(str(store._path))
    connection.execute(sql, values)
    connection.close()


async def run_of(store: SqliteStore | MemoryStore, key: str = ADA, episode: int = 1) -> RankedRun:
    run = await store.ranked.ranked_run(key, episode)
    assert run is not None
    return run


async def test_a_played_run_is_as_stored_and_signed(store: SqliteStore) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=100)
    await play(host, "local/bob", inputs=5)
    await host.start("local/cid", NewGame(mode=int(Mode.ironman), seed=7))  # practice, and it lives
    verification = verification_of(store, host)
    assert await verification.check_some() == 2
    assert await verification.check_some() == 0
    assert dict(verification.counts) == {"as_stored": 2}
    run = await run_of(store)
    assert run.checked == AS_STORED
    assert signature_of(run.attestation) is not None
    assert len(run.inputs_digest) == 32
    await host.close()


FORGERIES = {
    "score": "update episodes set score = score + 1",
    "result": "update episodes set result = 'won'",
    "digest": "update episodes set digest = zeroblob(16)",
    "seed": "update episodes set seed = seed + 1",
    "nonce": "update episodes set nonce = zeroblob(16)",
    "no nonce": "update episodes set nonce = x''",
    "mode": "update episodes set mode = 'casual'",
    "daily": "update episodes set mode = 'daily'",
    "name": 'update episodes set options = \'{"name":"Other","weapon":1}\'',
    "options": "update episodes set options = 'no JSON'",
    "input": "update run_inputs set inputs = '2' || substr(inputs, 2)",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_written_by_hand_is_found_false(
    store: SqliteStore, forgery: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=5)
    by_hand(store, FORGERIES[forgery])
    verification = verification_of(store, host)
    with caplog.at_level(logging.WARNING):
        assert await verification.check_some() == 1
    assert (await run_of(store)).checked == FALSE
    assert dict(verification.counts) == {"false": 1}
    assert "run 1 of local/ada is false: " in caplog.text
    await host.close()


async def test_the_claim_of_other_rules_is_found_false(store: SqliteStore) -> None:
    """A row of one shipped release does not count under another one."""
    host = host_of(store)
    await play(host, ADA, inputs=5)
    other = _OtherRules()
    by_hand(store, "update episodes set rules = ?", other.identity)
    verification = verification_of(store, host)
    verification._book = ShippedRules([rules(), other])  # type: ignore[list-item]
    assert await verification.check_some() == 1
    assert (await run_of(store)).checked == FALSE
    await host.close()


class _OtherRules:
    """The rules of this release, with another price of experience: another identity, other states."""

    identity = "2-other"

    def __getattr__(self, name: str) -> Any:
        return getattr(rules(), name)

    def digest(self, raw: bytes) -> bytes:
        return rules().digest(b"under other rules" + raw)


async def test_a_run_whose_inputs_are_gone_is_set_aside(store: SqliteStore) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=5)
    by_hand(store, "delete from run_inputs")
    verification = verification_of(store, host)
    await verification.check_some()
    assert (await run_of(store)).checked == SET_ASIDE
    await host.close()


async def test_rules_that_nobody_ships_are_set_aside_with_a_reason(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=5)
    by_hand(store, "update episodes set rules = '0-gone'")
    patient = verification_of(store, host)
    assert await patient.check_some() == 0
    assert (await run_of(store)).checked == PENDING
    verification = verification_of(store, host, unshipped_seconds=-60)
    await verification.check_some()
    assert (await run_of(store)).checked == SET_ASIDE
    assert dict(verification.counts) == {"set_aside": 1}
    assert "run 1 of local/ada is set aside: no server has its rules 0-gone" in caplog.text
    await host.close()


async def test_a_run_that_ends_its_checks_three_times_is_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    now = [1e9]
    store = MemoryStore(wall=lambda: now[0])
    host = host_of(store)
    for bot in ("bob", "ada", "cid"):
        await play(host, f"local/{bot}", inputs=5)
    counts = Counter[str]()

    async def crash_at_ada(verification: Verification, run: RankedRun) -> Finding:
        if run.key == ADA:
            raise MemoryError
        return await Verification._find(verification, run)

    crashes = 0
    for _ in range(12):  # processes
        verification = verification_of(store, host)
        verification._find = partial(crash_at_ada, verification)  # type: ignore[method-assign]
        try:
            while await verification.check_some():
                pass
        except MemoryError:
            crashes += 1
            now[0] += LEASE_SECONDS + 1
        counts += verification.counts
    assert crashes == 3
    assert (await run_of(store)).checked == SET_ASIDE
    assert "run 1 of local/ada is set aside: its checks never ended" in caplog.text
    assert dict(counts) == {"as_stored": 2, "set_aside": 1}
    await host.close()


async def test_a_stopped_verification_gives_everything_back(store: SqliteStore) -> None:
    host = host_of(store)
    for bot in "abc":
        await play(host, f"local/{bot}", inputs=5)
    asked = iter([False])
    verification = verification_of(store, host)
    verification._is_stopped = lambda: next(asked, True)
    assert await verification.check_some() == 0
    runs = [await run_of(store, f"local/{bot}") for bot in "abc"]
    assert [(run.checked, run.tries) for run in runs] == [(PENDING, 0)] * 3
    assert len(await store.ranked.claim_runs([rules().identity], 9, 60)) == 3
    await host.close()


async def test_an_outage_of_the_store_costs_no_try() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, inputs=5)
    await play(host, "local/bob", inputs=5)
    verification = verification_of(store, host)
    put, stored_run = store.ranked.put_checks, store.stored_run

    async def away(*_: object) -> Any:
        raise StoreUnavailable("away")

    store.ranked.put_checks = away  # type: ignore[assignment, method-assign]
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await verification.check_some()
    store.ranked.put_checks = put  # type: ignore[method-assign]
    assert await verification.check_some() == 2
    await play(host, "local/cid", inputs=5)
    store.stored_run = away  # type: ignore[assignment, method-assign]
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await verification.check_some()
    store.stored_run = stored_run  # type: ignore[method-assign]
    assert await verification.check_some() == 1
    assert dict(verification.counts) == {"as_stored": 3}
    await host.close()


async def test_an_execution_is_stopped_between_turns(store: SqliteStore) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=5)
    run = await run_of(store)
    stored = await store.stored_run(ADA, 1)
    with pytest.raises(Stopped):
        check_run(run, stored, ShippedRules([rules()]), host.daily_seeds, 0, lambda: True)
    await host.close()


async def test_a_row_that_changes_during_its_check_stays_pending(store: SqliteStore) -> None:
    host = host_of(store)
    await play(host, ADA, inputs=5)
    verification = verification_of(store, host)
    find = verification._find

    async def find_and_forge(run: RankedRun) -> Finding:
        found = await find(run)
        by_hand(store, "update episodes set score = score + 1")
        return found

    verification._find = find_and_forge  # type: ignore[method-assign]
    assert await verification.check_some() == 0
    assert (await run_of(store)).checked == PENDING
    assert verification.counts.total() == 0
    await host.close()


async def test_the_first_daily_run_of_a_day_counts_and_no_other() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, Mode.daily, inputs=3)
    second = await play(host, ADA, Mode.daily, inputs=3)
    await play(host, "local/bob", Mode.daily, inputs=3)
    verification = verification_of(store, host)
    assert await verification.check_some() == 3
    runs = [(ADA, 1), (ADA, second), ("local/bob", 1)]
    states = [(await run_of(store, key, episode)).checked for key, episode in runs]
    assert states == [AS_STORED, SET_ASIDE, AS_STORED]
    await host.close()


async def test_a_daily_run_that_ended_on_another_day_does_not_count() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, Mode.daily, inputs=3)
    run = await run_of(store)
    stored = await store.stored_run(ADA, 1)
    late = replace(run, ended_at=run.ended_at + 86_400)
    book = ShippedRules([rules()])
    assert check_run(run, stored, book, host.daily_seeds, 1, bool).checked == AS_STORED
    found = check_run(late, stored, book, host.daily_seeds, 1, bool)
    assert (found.checked, found.reason) == (SET_ASIDE, "it did not end on the day of its seed")
    await host.close()


async def test_a_run_without_records_is_not_executed() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, inputs=3)
    run = await run_of(store)
    found = check_run(run, StoredRun(None, (), b""), ShippedRules([rules()]), host.daily_seeds, 0, bool)
    assert found.checked == FALSE
    await host.close()


async def test_no_run_is_pending_after_the_checks() -> None:
    store = MemoryStore()
    host = host_of(store)
    for number in range(20):
        await play(host, f"local/{number}", inputs=2)
    verification = verification_of(store, host)
    done = [await verification.check_some() for _ in range(4)]
    assert sorted(done) == [0, 0, 4, 16]
    assert await store.ranked.count_pending(Selection(), 99) == 0
    await host.close()
