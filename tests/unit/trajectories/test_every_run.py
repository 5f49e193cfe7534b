"""Runs of every policy, new, loaded and forked, replay to the same digests and scores; a change is found."""

from __future__ import annotations

import asyncio
from functools import cache

import msgspec
import pytest

from dungeonfighter.errors import BadArgument
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import EpisodeEnd
from dungeonfighter.replays.execution import differences
from dungeonfighter.replays.replay import DIGEST_CHARS, Replay, decode, encode
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import rules
from tests.unit.trajectories.played import make_host, play_bot


async def played_runs(bots: int, inputs: int) -> list[tuple[Replay, EpisodeEnd]]:
    """Play; return each ended run as its replay and as the store has it."""
    store = MemoryStore()
    host = await make_host(store)
    runs = []
    for number in range(bots):
        await play_bot(host, number, inputs)
        for key in (f"local/bot-{number}", f"local/fork-{number}"):
            game = await host.read(key)
            if not game.state.over:
                await host.start(key, NewGame(seed=1))  # ends the run
            for ended in await store.episodes(key):
                replay = await host.runs.replay(key, ended.episode)
                runs.append((decode(encode(replay)), ended))
    await host.close()
    return runs


def check(runs: list[tuple[Replay, EpisodeEnd]]) -> None:
    for replay, ended in runs:
        digests: list[str] = []
        found = [one for one in differences(replay, rules(), digests.append) if one is not None]
        assert not found, replay.bot
        assert digests[-1] == ended.digest.hex()
        assert replay.result.score == ended.score / 100
        assert len(digests) == len(replay.inputs) + 1 == ended.last_turn - ended.first_turn + 1
    origins = {replay.origin for replay, _ in runs}
    assert origins == {"new", "load", "fork"}
    assert {"died", "abandoned"} <= {replay.result.result for replay, _ in runs}
    assert any(replay.ranked for replay, _ in runs)


async def test_200_runs_replay_to_the_same_digests_and_scores() -> None:
    runs = await played_runs(40, 25)
    assert len(runs) >= 200
    check(runs)


@pytest.mark.long
async def test_1000_runs_replay_to_the_same_digests_and_scores() -> None:
    runs = await played_runs(200, 60)
    assert len(runs) >= 1000
    check(runs)


@cache
def some_run(*, is_ranked: bool) -> Replay:
    runs = asyncio.run(played_runs(4, 25))
    return next(run for run, _ in runs if run.ranked == is_ranked and run.options and len(run.inputs) > 8)


def first_difference(replay: Replay) -> str:
    return next(f"t{one.turn}: {one.what}" for one in differences(replay, rules()) if one is not None)


def test_a_changed_input_is_found() -> None:
    run = some_run(is_ranked=False)
    inputs = [*run.inputs[:4], "9 9 9", *run.inputs[5:]]
    assert first_difference(msgspec.structs.replace(run, inputs=inputs)).startswith(
        "t4: the input '9 9 9' is not legal: "
    )


def test_another_legal_input_is_found_at_the_turn_it_leads_to() -> None:
    run = some_run(is_ranked=False)
    weapon = "2" if run.inputs[0] != "2" else "3"
    changed = msgspec.structs.replace(run, inputs=[weapon, *run.inputs[1:]])
    assert first_difference(changed).startswith("t1: the state has the digest ")


def test_a_changed_seed_is_found() -> None:
    run = some_run(is_ranked=False)
    assert run.options
    options = msgspec.structs.replace(run.options, seed=run.options.seed ^ 1)
    assert first_difference(msgspec.structs.replace(run, options=options)).startswith("t0: the state has ")


@pytest.mark.parametrize("turn", [0, 3, 8])
def test_a_changed_digest_is_found_at_its_turn(turn: int) -> None:
    run = some_run(is_ranked=False)
    at = turn * DIGEST_CHARS
    other = "0" if run.digests[at] != "0" else "1"
    digests = run.digests[:at] + other + run.digests[at + 1 :]
    assert first_difference(msgspec.structs.replace(run, digests=digests)).startswith(f"t{turn}: the state ")


def test_changed_results_are_found_at_the_last_turn() -> None:
    run = some_run(is_ranked=False)
    last = run.result.turn
    for change, what in (
        ({"digest": "00" * 16}, f"t{last}: the last state has the digest "),
        ({"score": 99.5}, f"t{last}: the score is {run.result.score:g}, not 99.5"),
        ({"result": "won"}, f"t{last}: the run is {run.result.result}, not won"),
    ):
        result = msgspec.structs.replace(run.result, **change)
        assert first_difference(msgspec.structs.replace(run, result=result)).startswith(what)


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_changed_nonce_of_a_ranked_run_is_found(is_shown: bool) -> None:
    run = some_run(is_ranked=True)
    assert run.options
    assert run.proof
    options = msgspec.structs.replace(run.options, nonce="00" * 16)
    changed = msgspec.structs.replace(run, options=options, proof=run.proof if is_shown else None)
    wanted = "t0: seed, nonce, bot and episode are not those" if is_shown else "t0: the state has the digest "
    assert first_difference(changed).startswith(wanted)


def test_a_base_that_is_no_state_is_refused() -> None:
    run = msgspec.structs.replace(some_run(is_ranked=False), options=None, base=b"\x93junk")
    with pytest.raises(BadArgument, match="the base of this replay is damaged"):
        next(differences(run, rules()))
