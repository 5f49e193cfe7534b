"""The load generator against a real server that is killed in the middle: no acknowledged turn may be missing.

The second half tests the verification itself: a database restored from an older copy has lost turns, and a
turn that another player makes is one too many.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
from pathlib import Path

import pytest

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.report import make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, verify_load
from dungeonfighter.fleet.wire import Answer, read_answer
from dungeonfighter.rules import load_rules
from testkit.server_process import ServerProcess
from tests.integration.served import until

BOTS = 20
TURNS = 1200


def quiet(line: str) -> None:
    pass


async def play(
    server: ServerProcess, policy: str, turns: int, *, tally: Tally | None = None, seed: int = 1
) -> Load:
    view = "json" if policy in {"auto", "heuristic"} else "text"
    options = LoadOptions(
        server.url, BOTS, policy, turns=turns, seconds=60, seed=seed, habits=Habits(view=view)
    )
    return await run_load(options, quiet, tally=tally)


async def verify(load: Load) -> Verdict:
    return await verify_load(load, load_rules(), quiet)


@pytest.mark.parametrize(
    "policy", ["random", *(pytest.param(name, marks=pytest.mark.long) for name in ("attack", "heuristic"))]
)
async def test_a_server_killed_at_a_random_moment_loses_no_turn_and_the_bots_play_on(
    tmp_path: Path, policy: str
) -> None:
    kill_at = random.SystemRandom().randrange(TURNS // 6, TURNS * 2 // 3)
    tally = Tally()
    with ServerProcess(tmp_path) as server:

        async def kill_and_restart() -> int:
            while tally.turns < kill_at:  # noqa: ASYNC110 (the tally is a plain counter)
                await asyncio.sleep(0.001)
            server.kill()
            dead_at = tally.turns
            await server.start_in_thread()
            return dead_at

        async with asyncio.TaskGroup() as group:
            playing = group.create_task(play(server, policy, TURNS, tally=tally))
            killing = group.create_task(kill_and_restart())
        load = playing.result()
        verdict = await verify(load)
    assert killing.result() < TURNS <= tally.turns
    assert tally.troubles, "no bot had to repeat a request"
    assert not tally.errors, f"killed at {kill_at}: {tally.examples}"
    assert not verdict.findings, f"killed at {kill_at}: {verdict.findings}"
    assert verdict.bots == BOTS
    assert verdict.turns == tally.turns
    assert verdict.replayed > 0
    assert make_report(load, verdict).passed


async def test_the_load_ends_with_the_patience_if_the_server_stays_away(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        url = server.url
    options = LoadOptions(url, BOTS, "attack", habits=Habits(patience_seconds=0.2))
    load = await run_load(options, quiet)
    assert load.tally.errors == {"refused": BOTS}
    assert load.tally.troubles["refused"] > BOTS
    assert not make_report(load, None).passed


async def test_bots_that_played_before_count_their_runs_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        await play(server, "attack", 100)
        load = await play(server, "attack", 100, seed=2)
        verdict = await verify(load)
    assert {p.journal.run.episode for p in load.players if p.journal.run} == {2}
    assert make_report(load, verdict).passed


async def test_most_turns_of_the_simplest_policy_take_the_fast_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def read_and_count(status: int, body: bytes, *, view: str) -> Answer:
        decoded.append(status)
        return read_answer(status, body, view=view)

    monkeypatch.setattr("dungeonfighter.fleet.player.read_answer", read_and_count)
    with ServerProcess(tmp_path) as server:
        load = await play(server, "attack", TURNS)
    assert load.tally.turns >= TURNS
    assert len(decoded) < BOTS + TURNS // 20, "the answers are not recognised by their bytes"
    assert load.endpoint.heads


@pytest.mark.long
async def test_an_open_loop_keeps_its_rate(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        options = LoadOptions(server.url, BOTS, "attack", rate=100.0, seconds=2.0)
        load = await run_load(options, quiet)
    assert load.tally.calls == pytest.approx(200, abs=BOTS + 5)


def is_open(file: Path) -> bool:
    """Return True if a process has a file open; the last one to close a SQLite database removes its log."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):  # the process or its descriptor has gone
            for descriptor in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if descriptor.readlink() == file:
                        return True
    return False


async def test_a_store_restored_from_an_older_copy_is_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        await play(server, "random", 200)
        server.kill()
        copy = shutil.copytree(tmp_path, tmp_path.with_name("copy"), ignore=shutil.ignore_patterns("*.lock"))
        server.start()
        load = await play(server, "random", 400, seed=2)
        server.kill()
        until(lambda: not is_open(server.database), "the verifier of the killed server still lives")
        for file in copy.glob("games.db*"):
            shutil.copy(file, tmp_path)
        server.start()
        verdict = await verify(load)
    assert verdict.counts()["lost"] == BOTS
    assert not make_report(load, verdict).passed


async def test_turns_of_another_player_are_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        load = await play(server, "attack", 200)
        journal = load.players[3].journal
        assert journal.run is not None
        journal.run.inputs.pop()
        journal.turn -= 1
        verdict = await verify(load)
    assert [(f.bot_id, f.kind) for f in verdict.findings] == [(journal.bot_id, "doubled")]
    assert "another player" in verdict.findings[0].detail


async def test_a_state_that_no_replay_gives_is_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        load = await play(server, "attack", 200)
        run = load.players[3].journal.run
        assert run is not None
        run.seed += 1
        verdict = await verify(load)
    assert [(f.bot_id, f.kind) for f in verdict.findings] == [(load.players[3].journal.bot_id, "differs")]
