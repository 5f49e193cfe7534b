"""The contract of `hosting.ports.Store`, tested over every store."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dungeonfighter import limits
from dungeonfighter.hosting.ports import (
    AccessToken,
    Conflict,
    Failed,
    Head,
    InputChunk,
    Store,
    StoredRun,
    Won,
)
from dungeonfighter.hosting.ranked_runs import FALSE, Check, RankingStore
from tests.contract.rows import after, digest_of, end, first, row, save


async def test_a_write_from_the_same_state_with_another_trail_conflicts(store: Store) -> None:
    """After a fail-over two lineages may be at the same version in the same state."""
    assert await store.commit([first("local/a")]) == [Won()]
    write = after(first("local/a"), b"next")
    other = msgspec.structs.replace(write, from_tail=b"liart")
    assert await store.commit([other]) == [Conflict(1, write.from_digest)]
    assert await store.commit([write]) == [Won()]


async def test_a_probe_of_a_working_store_changes_no_row(store: Store) -> None:
    assert await store.commit([first("local/a")]) == [Won()]
    await store.probe()
    assert await store.heads(["local/a"]) == [Head(1, first("local/a").row.digest, b"trail")]


async def test_a_new_bot_is_there_after_its_first_write(store: Store) -> None:
    assert await store.commit([first("local/a")]) == [Won()]
    (loaded,) = await store.load(["local/a"])
    assert loaded is not None
    assert msgspec.structs.replace(loaded, updated_at=0.0) == first("local/a").row


async def test_a_bot_without_a_row_is_none(store: Store) -> None:
    assert await store.load(["local/a"]) == [None]
    assert await store.heads(["local/a"]) == [None]


async def test_a_second_first_write_conflicts_and_reports_the_stored_head(store: Store) -> None:
    await store.commit([first("local/a", b"one")])
    assert await store.commit([first("local/a", b"two")]) == [Conflict(1, digest_of(b"one"))]


async def test_a_write_from_the_current_version_and_digest_wins(store: Store) -> None:
    begun = first("local/a")
    await store.commit([begun])
    assert await store.commit([after(begun, b"next")]) == [Won()]
    assert await store.heads(["local/a"]) == [Head(2, digest_of(b"next"), b"trail")]


async def test_a_repeated_write_conflicts(store: Store) -> None:
    begun = first("local/a")
    step = after(begun, b"next")
    await store.commit([begun])
    await store.commit([step])
    assert await store.commit([step]) == [Conflict(2, digest_of(b"next"))]


async def test_the_right_version_of_another_lineage_conflicts(store: Store) -> None:
    begun = first("local/a", b"one")
    await store.commit([begun])
    other = after(first("local/a", b"other"), b"next")
    assert await store.commit([other]) == [Conflict(1, digest_of(b"one"))]
    assert await store.heads(["local/a"]) == [Head(1, digest_of(b"one"), b"trail")]


async def test_a_write_to_a_missing_bot_conflicts_with_version_zero(store: Store) -> None:
    assert await store.commit([after(first("local/a"), b"next")]) == [Conflict(0, b"")]
    assert await store.load(["local/a"]) == [None]


async def test_rows_of_a_batch_win_or_conflict_each_by_itself(store: Store) -> None:
    begun = first("local/b")
    await store.commit([begun])
    outcomes = await store.commit([first("local/a"), first("local/b", b"late"), first("local/c")])
    assert outcomes == [Won(), Conflict(1, begun.row.digest), Won()]


async def test_a_poison_row_fails_alone(store: Store) -> None:
    poison = msgspec.structs.replace(row("local/b", 1), turn=2**70)
    batch = [first(f"local/{name}") for name in "acdefg"]
    batch.insert(1, msgspec.structs.replace(first("local/b"), row=poison))
    outcomes = await store.commit(batch)
    if isinstance(outcomes[1], Won):  # memory has no columns to overflow
        return
    assert isinstance(outcomes[1], Failed)
    assert [type(outcome) for outcome in outcomes] == [Won, Failed, Won, Won, Won, Won, Won]


async def test_riders_are_written_with_a_winner(store: Store) -> None:
    begun = first("local/a")
    chunk = InputChunk(1, 0, "1\n4\nequip 3")
    await store.commit([begun])
    await store.commit([after(begun, b"next", chunk, ended=end(1))])
    assert await store.inputs("local/a", 1) == [chunk]
    assert await store.episodes("local/a") == [end(1)]


async def test_past_runs_come_back_last_first_in_parts(store: Store) -> None:
    step = first("local/a")
    await store.commit([step, first("local/b")])
    for number in range(1, 5):
        ended = msgspec.structs.replace(end(number), ranked=number == 2, first_turn=number)
        step = after(step, b"s%d" % number, ended=ended)
        await store.commit([step])
    found = await store.past_runs("local/a", 4, 2)
    assert [(run.episode, run.first_turn, run.ranked) for run in found] == [(3, 3, False), (2, 2, True)]
    last = end(3)
    assert [getattr(found[0], name) for name in ("turn", "result", "score", "mode")] == [
        last.last_turn, last.result, last.score, last.mode,
    ]  # fmt: skip
    assert found[0].ended_at > 0
    assert [run.episode for run in await store.past_runs("local/a", 2, 100)] == [1]
    assert await store.past_runs("local/b", 100, 100) == []


async def test_riders_of_a_loser_are_not_written(store: Store) -> None:
    await store.commit([first("local/a")])
    await store.commit(
        [
            after(
                first("local/a", b"other"),
                b"next",
                InputChunk(1, 0, "1"),
                InputChunk(1, 64, "2"),
                ended=end(1),
            )
        ]
    )
    assert await store.inputs("local/a", 1) == []
    assert await store.episodes("local/a") == []


async def test_a_run_has_its_end_its_chunks_and_its_base(store: Store) -> None:
    begun = msgspec.structs.replace(first("local/a"), base=b"\x00base")
    chunks = [InputChunk(1, turn, f"1\n{turn}") for turn in (0, 64)]
    await store.commit([begun, first("local/b")])
    assert await store.stored_run("local/a", 1) == StoredRun(None, (), b"\x00base")
    await store.commit([after(begun, b"next", *chunks, ended=end(1))])
    assert await store.stored_run("local/a", 1) == StoredRun(end(1), tuple(chunks), b"\x00base")
    for bot, episode in (("local/a", 2), ("local/b", 1), ("local/c", 1)):
        assert await store.stored_run(bot, episode) == StoredRun(None, (), b"")


async def test_a_base_of_a_loser_is_not_written(store: Store) -> None:
    await store.commit([first("local/a")])
    late = [msgspec.structs.replace(first(f"local/{name}"), base=b"late") for name in "ab"]
    await store.commit(late)
    assert (await store.stored_run("local/a", 1)).base == b""
    assert (await store.stored_run("local/b", 1)).base == b"late"


async def test_a_ranked_run_keeps_its_nonce(store: Store) -> None:
    begun = first("local/a")
    ended = msgspec.structs.replace(end(1), ranked=True, nonce=bytes(range(16)), origin="reset")
    await store.commit([begun])
    await store.commit([after(begun, b"next", ended=ended)])
    assert await store.episodes("local/a") == [ended]


async def test_a_shared_secret_is_made_once(store: Store) -> None:
    made = await asyncio.gather(*(store.shared_secret("dice", b"%d" % number * 32) for number in range(4)))
    assert len(set(made)) == 1
    assert await store.shared_secret("dice", b"x" * 32) == made[0]
    assert await store.shared_secret("other", b"y" * 32) == b"y" * 32


async def test_one_write_may_have_several_chunks(store: Store) -> None:
    writes = [first(f"local/{name}") for name in "abc"]
    await store.commit(writes)
    chunks = [InputChunk(1, turn, f"1\n{turn}") for turn in (0, 64, 128)]
    batch = [after(write, b"next", *chunks[:count]) for write, count in zip(writes, (3, 0, 2), strict=True)]
    assert await store.commit(batch) == [Won()] * 3
    for write, count in zip(writes, (3, 0, 2), strict=True):
        assert await store.inputs(write.row.bot_id, 1) == chunks[:count]


async def test_chunks_come_back_in_order_of_their_turns(store: Store) -> None:
    step = first("local/a")
    await store.commit([step])
    for first_turn in (0, 64, 128):
        step = after(step, b"s%d" % first_turn, InputChunk(1, first_turn, "1\n2"))
        await store.commit([step])
    assert [chunk.first_turn for chunk in await store.inputs("local/a", 1)] == [0, 64, 128]


async def test_settle_shows_what_was_committed_before_it(store: Store) -> None:
    begun = first("local/a")
    commits = [
        asyncio.ensure_future(store.commit([begun])),
        asyncio.ensure_future(store.commit([after(begun, b"n")])),
    ]
    await asyncio.sleep(0)
    (settled,) = await store.settle(["local/a"])
    assert settled is not None
    assert settled.version == 2
    await asyncio.gather(*commits)


async def test_a_batch_of_the_largest_size_and_a_large_state(store: Store) -> None:
    batch = [first(f"local/b{number:03}", bytes(4096)) for number in range(256)]
    assert await store.commit(batch) == [Won()] * 256
    rows = await store.load([write.row.bot_id for write in batch])
    assert all(found is not None and len(found.state) == len(bytes(4096)) for found in rows)


async def test_a_save_comes_back_as_it_was(store: Store) -> None:
    await store.put_save(save("local/a", "main"))
    found = await store.get_save("local/a", "main")
    assert found is not None
    assert msgspec.structs.replace(found, updated_at=0.0) == save("local/a", "main")


async def test_a_second_put_replaces_a_save_and_increments_its_version(store: Store) -> None:
    assert await store.put_save(save("local/a", "main"))
    assert await store.put_save(save("local/a", "main", b"later"))
    found = await store.get_save("local/a", "main")
    assert found is not None
    assert (found.state, found.version) == (b"later", 2)


async def test_saves_of_a_bot_are_listed_by_slot_without_state(store: Store) -> None:
    for slot in ("main", "boss-1"):
        await store.put_save(save("local/a", slot))
    await store.put_save(save("local/b", "main"))
    assert [(found.slot, found.state) for found in await store.list_saves("local/a")] == [
        ("boss-1", b""),
        ("main", b""),
    ]


async def test_a_deleted_save_is_gone_and_a_second_delete_returns_false(store: Store) -> None:
    await store.put_save(save("local/a", "main"))
    assert await store.delete_save("local/a", "main")
    assert not await store.delete_save("local/a", "main")
    assert await store.get_save("local/a", "main") is None


async def test_bots_are_listed_by_id_within_their_fleet_and_paged(store: Store) -> None:
    names = ["local/a", "local/b", "local/c", "local-2/x", "other/a"]
    await store.commit([first(name) for name in sorted(names)])
    assert [bot.bot_id for bot in await store.list_bots("local/", "local/", 2)] == ["local/a", "local/b"]
    assert [bot.bot_id for bot in await store.list_bots("local/", "local/b", 2)] == ["local/c"]


async def test_the_bots_of_a_fleet_are_counted_up_to_a_number(store: Store) -> None:
    names = ["local/a", "local/b", "local/c", "local-2/x", "other/a"]
    await store.commit([first(name) for name in sorted(names)])
    counts = [await store.count_bots(prefix, most) for prefix in ("local/", "none/") for most in (2, 3, 9)]
    assert counts == [2, 3, 3, 0, 0, 0]


async def test_a_bot_without_a_run_is_not_listed(store: Store) -> None:
    begun = first("local/a")
    await store.commit([begun])
    await store.commit([after(begun, b"")])
    assert await store.list_bots("local/", "local/", 10) == []


async def test_the_best_runs_come_first_and_only_those_of_the_fleet(store: Store) -> None:
    for bot_id, scores in (("local/a", (300, 100)), ("local/b", (300,)), ("other/a", (900,))):
        write = first(bot_id)
        await store.commit([write])
        for number, score in enumerate(scores):
            ended = msgspec.structs.replace(end(number + 1), score=score)
            write = after(write, b"%d" % number, ended=ended)
            await store.commit([write])
    best = await store.best_runs("local/", 2)
    assert [(run.key, run.episode, run.score) for run in best] == [
        ("local/a", 1, 300),
        ("local/b", 1, 300),
    ]
    assert len(await store.best_runs("local/", 10)) == 3


async def test_the_best_runs_mix_no_modes_and_no_runs_that_do_not_count(store: RankingStore) -> None:
    kinds = [("ironman", True, 100), ("daily", True, 200), ("ironman", False, 300), ("casual", False, 400),
             ("ironman", True, 50), ("ironman", True, 999)]  # fmt: skip
    write = first("local/a")
    await store.commit([write])
    for number, (mode, ranked, score) in enumerate(kinds, 1):
        ended = msgspec.structs.replace(end(number), mode=mode, ranked=ranked, score=score)
        write = after(write, b"%d" % number, ended=ended)
        await store.commit([write])
    runs = await store.ranked.claim_runs(["1-abc"], 9, 60)
    false = next(run for run in runs if run.ended.score == 999)
    assert await store.ranked.put_checks([Check(false, FALSE)]) == [True]
    best = await store.best_runs("local/", 9)
    assert [(run.mode, run.ranked, run.score) for run in best] == [
        ("ironman", True, 100), ("ironman", True, 50), ("daily", True, 200), ("ironman", False, 300),
        ("casual", False, 400),
    ]  # fmt: skip
    assert best == sorted(best, reverse=True)


async def test_an_empty_prefix_lists_all_fleets(store: Store) -> None:
    keys = ["a/x", "local/a", "z-9/y"]
    for key in keys:
        write = first(key)
        await store.commit([write])
        await store.commit([after(write, b"1", ended=end(1))])
    assert [bot.bot_id for bot in await store.list_bots("", "", 10)] == keys
    assert [bot.bot_id for bot in await store.list_bots("", "a/x", 1)] == ["local/a"]
    assert [run.key for run in await store.best_runs("", 10)] == keys


async def test_a_large_load_returns_rows_in_the_given_order_and_none_for_missing_bots(store: Store) -> None:
    there = [first(f"local/b{number:03}", b"%d" % number) for number in range(0, 200, 2)]
    await store.commit(there)
    bots = [f"local/b{number:03}" for number in reversed(range(200))]
    rows = await store.load(bots)
    assert [row and row.bot_id for row in rows] == [
        name if number % 2 == 0 else None for number, name in zip(reversed(range(200)), bots, strict=True)
    ]
    assert [row.state for row in reversed(rows) if row] == [write.row.state for write in there]


def token(digest: bytes, **changes: Any) -> AccessToken:
    made = AccessToken(digest * 32, "df_abcdefghi", "team-a", "a-*", "play,fleet", created_at=1.5)
    return msgspec.structs.replace(made, **changes)


async def test_tokens_are_listed_by_their_changes(store: Store) -> None:
    assert await store.tokens_after(0) == []
    first_token = token(b"a", turns_required=True, limits='{"x":1}', expires_at=5.25)
    await store.put_token(first_token)
    await store.put_token(token(b"b"))
    one, two = await store.tokens_after(0)
    assert one == msgspec.structs.replace(first_token, version=one.version)
    assert (two.digest, two.turns_required) == (b"b" * 32, False)
    assert 0 < one.version < two.version
    await store.put_token(msgspec.structs.replace(one, revoked_at=7.5))
    (changed,) = await store.tokens_after(two.version)
    assert (changed.digest, changed.revoked_at) == (b"a" * 32, 7.5)
    assert [each.digest[:1] for each in await store.tokens_after(0)] == [b"b", b"a"]


async def test_saves_at_the_same_moment_stay_within_the_bound(store: Store) -> None:
    slots = [f"slot-{number}" for number in range(limits.save_slots_max + 8)]
    put = await asyncio.gather(*(store.put_save(save("local/a", slot)) for slot in slots))
    kept = [saved.slot for saved in await store.list_saves("local/a")]
    assert len(kept) == limits.save_slots_max
    assert sorted(slot for slot, done in zip(slots, put, strict=True) if done) == sorted(kept)
    assert await store.put_save(save("local/a", kept[0], b"later"))
    assert await store.put_save(save("local/b", "other"))
