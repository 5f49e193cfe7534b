"""The leaderboard over played and checked runs; what is written by hand disappears from it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from dungeonfighter.errors import BadArgument
from dungeonfighter.hosting.leaderboard import Asked, Board, mean_and_interval
from dungeonfighter.hosting.ports import EpisodeEnd
from dungeonfighter.hosting.ranked_runs import FALSE, PENDING, RankingStore
from dungeonfighter.replays.proofs import problems_of
from dungeonfighter.replays.run_keys import PublicKeys
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.sqlite import SqliteStore
from tests.unit.hosting.hosts import rules
from tests.unit.hosting.ranked import KEY, host_of, play, verification_of

ADA = "local/ada"
OWN = Asked("local", lambda bot: True)
ALL = replace(OWN, is_deployment=True)
OTHER_KEY = "another secret of the tests"


async def played(store: RankingStore, *keys: str, mode: Mode = Mode.ironman) -> None:
    host = host_of(store)
    for number, key in enumerate(keys):
        await play(host, key, mode, inputs=10 + 5 * number)
    await check(store)
    await host.close()


async def check(store: RankingStore, signing_key: str = KEY) -> dict[str, int]:
    verification = verification_of(store, host_of(store), signing_key)
    while await verification.check_some():
        pass
    return dict(verification.counts)


async def board(store: RankingStore, asked: Asked = OWN, signing_key: str = KEY) -> Board:
    return await host_of(store, signing_key).leaderboard.board(asked)


async def test_the_own_fleet_is_shown_with_its_bots_and_its_mean() -> None:
    store = MemoryStore()
    await played(store, ADA, "local/bob", "other/eve")
    found = await board(store)
    assert {(row.bot_id, row.episode, row.fleet) for row in found.rows} == {("ada", 1, ""), ("bob", 1, "")}
    assert [row.score for row in found.rows] == sorted((row.score for row in found.rows), reverse=True)
    (own,) = found.fleets
    assert (own.fleet, own.runs, own.own) == ("a fleet", 2, True)
    assert own.mean == round(sum(row.score for row in found.rows) / 2, 2)
    assert found.pending == 0


async def test_each_mode_and_ascension_has_a_board_of_its_own() -> None:
    store = MemoryStore()
    host = host_of(store)
    runs = [(Mode.ironman, None), (Mode.short, 0), (Mode.short, 3), (Mode.ironman, 10)]
    for number, (mode, ascension) in enumerate(runs):
        await play(host, f"local/bot{number}", mode, ascension=ascension)
    await check(store)
    for number, (mode, ascension) in enumerate(runs):
        found = await board(store, replace(OWN, mode=mode.name, ascension=ascension or 0))
        assert [row.bot_id for row in found.rows] == [f"bot{number}"]
        assert (found.mode, found.ascension, found.pending) == (mode.name, ascension or 0, 0)
    with pytest.raises(BadArgument, match="leave ascension out"):
        await board(store, replace(OWN, mode="daily", ascension=1))


async def test_the_replay_of_a_short_run_with_an_ascension_is_proven() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, Mode.short, ascension=3)
    await check(store)
    run = await host.leaderboard.with_proof(ADA, await host.runs.replay(ADA, 1))
    assert run.options is not None
    assert (run.options.mode, run.options.ascension) == ("short", 3)
    keys = PublicKeys.of_pem(await host.leaderboard.public_keys())
    shipped = {rules().identity: rules()}
    assert list(problems_of(run, shipped, keys)) == []
    other = replace(run, options=replace(run.options, ascension=2))
    assert {what.partition(":")[0] for what in problems_of(other, shipped, keys)} == {
        "execution",
        "signature",
    }


async def test_a_row_with_another_ascension_is_named_false() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA, Mode.short, ascension=3)
    (ended,) = store._episodes[ADA].values()
    store.ranked.note(ADA, replace(ended, mode="short-2"))
    store._episodes[ADA][1] = replace(ended, mode="short-2")
    assert await check(store) == {"false": 1}


async def test_other_fleets_are_shown_by_their_names_and_never_by_a_bot() -> None:
    store = MemoryStore()
    await played(store, ADA, "other/eve", "third/eve")
    assert await store.ranked.name_fleet("other", "The Hounds")
    found = await board(store, ALL)
    shown = {(row.bot_id, row.fleet) for row in found.rows}
    assert shown == {("ada", ""), ("", "The Hounds"), ("", "a fleet")}
    assert {(row.fleet, row.own) for row in found.fleets} == {
        ("a fleet", True), ("The Hounds", False), ("a fleet", False),
    }  # fmt: skip
    assert not any("eve" in str(row) for row in found.rows)


async def test_bots_that_a_caller_may_not_see_have_no_id() -> None:
    store = MemoryStore()
    await played(store, ADA, "local/bob")
    found = await board(store, replace(OWN, covers=lambda bot: bot == "ada"))
    assert {row.bot_id for row in found.rows} == {"ada", ""}
    assert "bob" not in str(found)


async def test_runs_wait_until_they_were_executed() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA)
    await play(host, "other/eve")
    assert ((await board(store)).rows, (await board(store)).pending) == ([], 1)
    assert (await board(store, ALL)).pending == 2
    assert (await board(store, replace(OWN, mode="daily"))).pending == 0
    assert await check(store) == {"as_stored": 2}
    assert ((len((await board(store)).rows)), (await board(store)).pending) == (1, 0)
    await host.close()


def forge(store: MemoryStore, key: str, **changes: object) -> None:
    """Write into the row of a checked run, past everything."""
    place = (key, 1)
    run = store.ranked._runs[place]
    ended: EpisodeEnd = replace(run.ended, **changes)
    store.ranked._runs[place] = replace(run, ended=ended)
    store._episodes[key][1] = ended


@pytest.mark.parametrize(
    "changes",
    [{"score": 9_999}, {"result": "won"}, {"last_turn": 1}, {"seed": 1}, {"nonce": bytes(16)},
     {"digest": bytes(16)}, {"options": '{"name":"Other","weapon":1}'}, {"options": "no JSON"},
     {"origin": "reset"}],
    ids=str,
)  # fmt: skip
async def test_a_forged_row_disappears_at_once_and_is_named_false(
    changes: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    await played(store, ADA, "local/bob")
    forge(store, ADA, **changes)
    found = await board(store)
    assert [row.bot_id for row in found.rows] == ["bob"]
    assert (found.pending, found.fleets[0].runs) == (1, 1)
    assert "the attestation of run 1 of local/ada does not fit its row" in caplog.text
    is_false = changes != {"origin": "reset"}  # which is as good a beginning
    assert await check(store) == ({"false": 1} if is_false else {"as_stored": 1})
    assert len((await board(store)).rows) == (1 if is_false else 2)


async def test_a_row_that_claims_other_rules_or_another_mode_is_on_no_board() -> None:
    store = MemoryStore()
    await played(store, ADA, "local/bob", "local/cid")
    forge(store, ADA, rules="9-other")
    forge(store, "local/bob", mode="daily")
    assert [row.bot_id for row in (await board(store)).rows] == ["cid"]
    assert (await board(store, replace(OWN, rules="9-other"))).rows == []
    run = await store.ranked.ranked_run(ADA, 1)
    assert run is not None
    assert run.checked == PENDING


async def test_many_forged_rows_do_not_hide_the_true_ones() -> None:
    store = MemoryStore()
    await played(store, ADA)
    true = store.ranked._runs[ADA, 1]
    for number in range(250):
        ended = replace(true.ended, score=5_000 + number)
        store.ranked._runs[f"local/x{number}", 1] = replace(true, key=f"local/x{number}", ended=ended)
    found = await board(store, replace(OWN, count=2))
    assert [row.bot_id for row in found.rows] == ["ada"]
    assert found.pending == 250


async def test_a_result_written_by_hand_is_no_result() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA)
    run = store.ranked._runs[ADA, 1]
    store.ranked._runs[ADA, 1] = replace(run, checked=1, attestation=b"\0" * 33)
    assert ((await board(store)).rows, (await board(store)).pending) == ([], 1)
    await host.close()


async def test_another_key_makes_rows_pending_until_it_signs_them() -> None:
    store = MemoryStore()
    await played(store, ADA)
    rotated = f"{OTHER_KEY}\n{KEY}"
    assert len((await board(store, signing_key=rotated)).rows) == 1  # the former key still counts
    assert (await board(store, signing_key=OTHER_KEY)).pending == 1
    assert await check(store, rotated) == {"as_stored": 1}
    assert len((await board(store, signing_key=OTHER_KEY)).rows) == 1


async def test_without_a_key_rows_have_a_digest_only_and_a_key_does_not_believe_it() -> None:
    store = MemoryStore()
    host = host_of(store, "")
    await play(host, ADA)
    await check(store, "")
    assert len((await board(store, signing_key="")).rows) == 1
    forge(store, ADA, score=9_999)
    assert (await board(store, signing_key="")).rows == []
    assert await check(store, "") == {"false": 1}
    await play(host, "local/bob")
    await check(store, "")
    assert (await board(store)).rows == []
    await host.close()


async def test_a_replay_gets_the_signature_of_its_checked_row() -> None:
    store = MemoryStore()
    host = host_of(store)
    await play(host, ADA)
    before = await host.runs.replay(ADA, 1)
    assert (await host.leaderboard.with_proof(ADA, before)).proof == before.proof
    await check(store)
    proof = (await host.leaderboard.with_proof(ADA, before)).proof
    assert proof is not None
    keys = PublicKeys.of_pem(await host.leaderboard.public_keys())
    assert list(keys.by_id) == [proof.key_id]
    assert len(proof.signature) == 128
    forge(store, ADA, score=1)
    assert (await host.leaderboard.with_proof(ADA, before)).proof == before.proof
    assert (await host_of(store, "").leaderboard.public_keys()) == ""
    await host.close()


async def test_a_daily_board_has_the_runs_of_its_day() -> None:
    store = MemoryStore()
    await played(store, ADA, "local/bob", mode=Mode.daily)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    daily = replace(OWN, mode="daily")
    found = await board(store, daily)
    assert (len(found.rows), found.day) in {(2, today), (0, time.strftime("%Y-%m-%d", time.gmtime()))}
    assert (await board(store, replace(daily, day="2026-01-01"))).rows == []
    for day, mode in (("2026-13-01", "daily"), ("9999-01-01", "daily"), ("x", "daily"), (today, "ironman")):
        with pytest.raises(BadArgument):
            await board(store, replace(OWN, mode=mode, day=day))


async def test_the_mean_is_of_the_last_runs_only() -> None:
    store = MemoryStore()
    host = host_of(store)
    for _ in range(4):
        await play(host, ADA, inputs=60)
    await check(store)
    (own,) = (await board(store, replace(OWN, last=2))).fleets
    last = await store.ranked.last(replace((host.leaderboard._selection(OWN))[0], fleet="local"), 2)
    assert own.runs == 2
    assert own.mean == mean_and_interval([run.ended.score / 100 for run in last])[0]
    await host.close()


def test_the_interval_is_students() -> None:
    assert mean_and_interval([]) == (0.0, None, None)
    assert mean_and_interval([7.0]) == (7.0, None, None)
    assert mean_and_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 1.04, 4.96)
    mean, low, high = mean_and_interval([float(number % 2) for number in range(100)])
    assert (mean, low, high) == (0.5, 0.4, 0.6)


async def test_a_forged_row_of_a_real_file_is_gone_at_the_next_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    await played(store, ADA, "local/bob")
    connection = apsw.Connection(str(tmp_path / "games.db"))
    connection.execute("update episodes set score = 9999 where bot_id = 'local/ada'")
    connection.close()
    with caplog.at_level(logging.WARNING):
        found = await board(store)
        assert ([row.bot_id for row in found.rows], found.pending) == (["bob"], 1)
        assert await check(store) == {"false": 1}
    assert "run 1 of local/ada is false: the score is" in caplog.text
    run = await store.ranked.ranked_run(ADA, 1)
    assert run is not None
    assert run.checked == FALSE
    await store.close()
