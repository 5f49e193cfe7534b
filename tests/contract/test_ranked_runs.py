"""The ranked runs of every store: leases, results, lists, and the names of fleets."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ranked_runs import (
    AS_STORED,
    FALSE,
    SET_ASIDE,
    TRIES_MAX,
    Check,
    RankedRun,
    RankingStore,
    Selection,
)
from dungeonfighter.storage.postgres import PostgresStore
from tests.contract.ranked_rows import IRONMAN, LEASE, RULES, pass_all, put, ranked_end
from tests.contract.rows import after, end, first


@pytest.fixture
async def ranking(store: RankingStore) -> RankingStore:
    return store


async def claim_one(store: RankingStore, *, lease: float = LEASE, retried: bool = False) -> RankedRun:
    (run,) = await store.ranked.claim_runs(RULES, 1, lease, retried=retried)
    return run


async def test_only_ranked_runs_are_claimed_each_by_one_caller(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(1), end(2), ranked_end(3))
    both = await asyncio.gather(*(ranking.ranked.claim_runs(RULES, 9, LEASE) for _ in range(2)))
    claimed = [run for runs in both for run in runs]
    assert sorted((run.key, run.ended.episode, run.tries) for run in claimed) == [
        ("local/a", 1, 1),
        ("local/a", 3, 1),
    ]
    assert {run.ended for run in claimed} == {ranked_end(1), ranked_end(3)}
    assert await ranking.ranked.claim_runs(RULES, 9, LEASE, retried=True) == []


async def test_a_run_is_claimed_anew_after_its_lease_and_then_set_aside(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    tries = [(await claim_one(ranking, lease=0)).tries]
    for _ in range(TRIES_MAX - 1):
        assert await ranking.ranked.set_runs_aside(RULES, LEASE) == []
        assert await ranking.ranked.claim_runs(RULES, 1, 0) == []
        tries.append((await claim_one(ranking, lease=0, retried=True)).tries)
    assert tries == [1, 2, 3]
    assert await ranking.ranked.claim_runs(RULES, 1, 0, retried=True) == []
    (aside,) = await ranking.ranked.set_runs_aside(RULES, LEASE)
    assert (aside.key, aside.checked) == ("local/a", SET_ASIDE)
    assert await ranking.ranked.count_pending(Selection(), 9) == 0


async def test_a_claim_in_force_is_not_set_aside(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    for number in range(TRIES_MAX):
        await claim_one(ranking, lease=LEASE if number == TRIES_MAX - 1 else 0, retried=number > 0)
    assert await ranking.ranked.set_runs_aside(RULES, LEASE) == []


async def test_runs_of_other_rules_are_claimed_by_nobody_and_set_aside_in_the_end(
    ranking: RankingStore,
) -> None:
    await put(ranking, "local/a", ranked_end())
    assert await ranking.ranked.claim_runs(["2-other"], 9, LEASE) == []
    assert await ranking.ranked.set_runs_aside(["2-other"], LEASE) == []
    (aside,) = await ranking.ranked.set_runs_aside(["2-other"], -60)
    assert aside.ended.rules == "1-abc"


async def test_a_released_run_did_not_count_as_a_try(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    await ranking.ranked.release_runs([await claim_one(ranking)])
    assert (await claim_one(ranking)).tries == 1


async def test_a_result_is_written_once_for_the_claimed_run(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    run = await claim_one(ranking)
    check = Check(run, AS_STORED, b"fits", b"inputs")
    assert await ranking.ranked.put_checks([check, check]) == [True, False]
    stored = await ranking.ranked.ranked_run("local/a", 1)
    assert stored is not None
    assert (stored.checked, stored.attestation, stored.inputs_digest) == (AS_STORED, b"fits", b"inputs")
    assert stored.ended == ranked_end()


async def test_a_result_of_a_lapsed_claim_is_not_written(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    late = await claim_one(ranking, lease=0)
    now = await claim_one(ranking, retried=True)
    assert await ranking.ranked.put_checks([Check(late, FALSE), Check(now, AS_STORED)]) == [False, True]


CHANGES: tuple[dict[str, object], ...] = (
    {"score": 1}, {"seed": 1}, {"rules": "2-x"}, {"mode": "daily"}, {"digest": b"x" * 16}, {"last_turn": 1},
    {"result": "won"}, {"nonce": b"m" * 16}, {"origin": "reset"}, {"options": "{} "}, {"first_turn": 1},
)  # fmt: skip


async def test_a_result_is_not_written_for_a_row_that_says_something_else(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    run = await claim_one(ranking)
    others = [msgspec.structs.replace(run.ended, **change) for change in CHANGES]
    checks = [Check(msgspec.structs.replace(run, ended=other), AS_STORED) for other in others]
    assert not any(await ranking.ranked.put_checks(checks))
    assert await ranking.ranked.put_checks([Check(run, AS_STORED)]) == [True]


async def test_a_run_that_is_written_anew_is_pending(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(), ranked_end(score=99))
    await pass_all(ranking)
    write = first("local/b")
    await ranking.commit([write])
    write = after(write, b"1", ended=ranked_end())
    await ranking.commit([write])
    await pass_all(ranking)
    await ranking.commit([after(write, b"2", ended=ranked_end(score=7))])
    stored = await ranking.ranked.ranked_run("local/b", 1)
    assert stored is not None
    assert (stored.checked, stored.attestation, stored.tries, stored.ended.score) == (0, b"", 0, 7)


async def test_the_best_are_listed_by_score_then_turns_then_key(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(1, 300, last_turn=9), ranked_end(2, 300, last_turn=5))
    await put(ranking, "other/c", ranked_end(1, 300, last_turn=9), ranked_end(2, 700))
    await put(ranking, "local/d", ranked_end(1, 900, mode="daily", seed=5), ranked_end(2, 999, rules="2-x"))
    await pass_all(ranking)
    await put(ranking, "local/e", ranked_end(1, 9999), end(2))  # pending, and not ranked

    async def listed(selection: Selection, count: int = 9) -> list[tuple[str, int]]:
        return [(run.key, run.ended.episode) for run in await ranking.ranked.best(selection, count)]

    assert await listed(IRONMAN) == [("other/c", 2), ("local/a", 2), ("local/a", 1), ("other/c", 1)]
    assert await listed(IRONMAN, 1) == [("other/c", 2)]
    assert await listed(Selection("ironman", "1-abc", "local")) == [("local/a", 2), ("local/a", 1)]
    assert await listed(Selection("daily", "1-abc", seed=5)) == [("local/d", 1)]
    assert await listed(Selection("daily", "1-abc", "local", 5)) == [("local/d", 1)]
    assert await listed(Selection("daily", "1-abc", "other", 5)) == []
    assert await listed(Selection("daily", "1-abc", seed=6)) == []
    last = await ranking.ranked.last(Selection("ironman", "1-abc", "local"), 1)
    assert len(last) == 1
    assert last[0].key == "local/a"


async def test_each_category_has_lists_of_its_own(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(1), ranked_end(2, mode="ironman-3"), ranked_end(3, mode="short"))
    await put(ranking, "local/b", ranked_end(1, mode="short-3"), ranked_end(2, mode="short-3", score=9000))
    await pass_all(ranking)
    await put(ranking, "local/c", ranked_end(1, mode="short-3"))  # pending
    shown = {}
    for mode in ("ironman", "ironman-3", "short", "short-3", "short-10"):
        of_mode = Selection(mode, "1-abc", "local")
        best = [(run.key[-1], run.ended.episode) for run in await ranking.ranked.best(of_mode, 9)]
        last = await ranking.ranked.last(of_mode, 9)
        shown[mode] = (best, len(last), await ranking.ranked.count_pending(of_mode, 9))
    assert shown == {
        "ironman": ([("a", 1)], 1, 0),
        "ironman-3": ([("a", 2)], 1, 0),
        "short": ([("a", 3)], 1, 0),
        "short-3": ([("b", 2), ("b", 1)], 2, 1),
        "short-10": ([], 0, 0),
    }


async def test_the_last_runs_of_a_fleet_come_first(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(1))
    await put(ranking, "local/b", ranked_end(1))
    await pass_all(ranking)
    last = await ranking.ranked.last(Selection("ironman", "1-abc", "local"), 9)
    assert [run.key for run in last] == ["local/b", "local/a"]
    assert last[0].ended_at > last[1].ended_at > 0


async def test_pending_runs_are_counted_by_selection_up_to_a_number(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end(1), ranked_end(2, mode="daily", seed=5), end(3))
    await put(ranking, "other/a", ranked_end(1))
    selections = [
        Selection(),
        IRONMAN,
        Selection(fleet="local"),
        Selection("daily", seed=5),
        Selection(seed=6),
    ]
    counts = [await ranking.ranked.count_pending(one, 9) for one in selections]
    assert counts == [3, 2, 2, 1, 0]
    assert await ranking.ranked.count_pending(Selection(), 2) == 2


async def test_a_doubted_run_is_pending_unless_its_attestation_changed(ranking: RankingStore) -> None:
    await put(ranking, "local/a", ranked_end())
    await pass_all(ranking)
    (run,) = await ranking.ranked.best(IRONMAN, 9)
    assert await ranking.ranked.doubt_runs([msgspec.structs.replace(run, attestation=b"other")]) == 0
    assert await ranking.ranked.doubt_runs([run]) == 1
    assert await ranking.ranked.best(IRONMAN, 9) == []
    assert (await claim_one(ranking)).tries == 1


async def test_the_first_daily_run_of_a_bot_counts_whatever_its_state(ranking: RankingStore) -> None:
    await put(
        ranking, "local/a", end(1), ranked_end(2, mode="daily", seed=5), ranked_end(3, mode="daily", seed=5)
    )
    assert await ranking.ranked.first_daily_run("local/a", 5) == 2
    assert await ranking.ranked.first_daily_run("local/a", 6) == 0
    assert await ranking.ranked.ranked_run("local/a", 1) is None


async def test_fleets_have_different_names(ranking: RankingStore) -> None:
    names = ranking.ranked
    assert await names.name_fleet("a", "The Hounds")
    assert not await names.name_fleet("b", "the hounds")
    assert await names.name_fleet("a", "THE HOUNDS")
    assert await names.name_fleet("b", "Cats")
    assert await names.fleet_names(["a", "b", "c"]) == {"a": "THE HOUNDS", "b": "Cats"}
    assert await names.name_fleet("a", "")
    assert await names.fleet_names(["a"]) == {}


async def test_servers_on_one_database_share_the_checks(stores: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = stores
    for number in range(40):
        await put(one, f"local/{number:02}", ranked_end())
    claims = await asyncio.gather(*(store.ranked.claim_runs(RULES, 15, LEASE) for store in (one, other) * 2))
    keys = [run.key for runs in claims for run in runs]
    assert len(keys) == len(set(keys))
    assert len(keys) + len(await one.ranked.claim_runs(RULES, 99, LEASE)) == 40


async def test_a_store_that_is_not_open_answers_as_usual(postgres_url: str) -> None:
    store = PostgresStore(postgres_url.replace("games", "nowhere"))
    with pytest.raises(StoreUnavailable):
        await store.ranked.best(IRONMAN, 1)
    await store.close()
