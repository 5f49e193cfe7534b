"""A load from several generator processes against a real server is counted, verified and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dungeonfighter.fleet.generators import Generators
from dungeonfighter.fleet.load import LoadOptions
from dungeonfighter.fleet.report import Report, make_report
from testkit.server_process import ROOT, ServerProcess

BOTS = 60


def fleet(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "fleet", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def test_an_open_loop_from_several_processes_and_addresses_is_counted_and_verified(tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    with ServerProcess(tmp_path, flags=["--workers", "2"]) as server:
        running = fleet(
            server.url, "--bots", str(BOTS), "--processes", "3", "--sources", "2", "--every", "0.5",
            "--ramp", "1", "--warm-up", "2", "--seconds", "3", "--report", str(report_file),
        )  # fmt: skip
        shown, progress = running.communicate(timeout=100)
    assert running.returncode == 0, progress
    report = json.loads(report_file.read_text())
    assert report["verified_bots"] == report["runs_started"] == BOTS
    assert report["verified_turns"] == report["replayed_inputs"] == report["turns"] + report["warm_up_turns"]
    assert report["turns"] > 0
    assert report["warm_up_turns"] > 0
    assert report["errors"] == report["warm_up_errors"] == report["findings"] == report["unread"] == {}
    assert report["cut_off"] == 0
    assert f"{BOTS} bots  {BOTS} connected" in progress
    assert "lost, doubled, wrong  0" in shown


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_them_and_they_still_verify(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(tmp_path) as server:
        running = fleet(server.url, "--bots", "10", "--processes", "2", "--every", "0.2", "--seconds", "0")
        assert running.stderr is not None
        while " turns " not in running.stderr.readline():  # the bots play
            assert running.poll() is None
        os.killpg(running.pid, number)  # as a terminal does: the generators get it, too
        shown, progress = running.communicate(timeout=60)
    assert running.returncode == 0, progress
    assert "verified              10 bots" in shown


@contextlib.asynccontextmanager
async def playing(
    server: ServerProcess, tmp_path: Path
) -> AsyncIterator[tuple[Generators, asyncio.Task[Report]]]:
    """Run a load in three processes; the task returns the report of the verified load."""
    plays = asyncio.Event()
    options = LoadOptions(server.url, BOTS, every=0.2, ramp=0.5, processes=3)

    async def to_the_end(generators: Generators) -> Report:
        load = await generators.play()
        verdict = await generators.verify()
        load.ended.extend(generators.ended())
        return make_report(load, verdict)

    async with Generators(options, lambda _: plays.set()) as generators:
        task = asyncio.create_task(to_the_end(generators))
        await plays.wait()
        yield generators, task


@pytest.mark.long
async def test_a_dead_generator_fails_the_load_and_the_others_are_verified(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with playing(server, tmp_path) as (generators, task):
            os.kill(generators.process_ids[1], signal.SIGKILL)
            report = await task
    assert not report.passed
    assert report.failure == (
        "generator process 1 ended (killed by signal 9): its 20 bots cannot be counted or verified"
    )
    assert report.verified_bots == BOTS * 2 // 3
    assert report.verified_turns == report.turns > 0
    assert report.findings == {}


async def test_no_generator_outlives_its_parent(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        running = fleet(server.url, "--bots", "10", "--processes", "2", "--every", "0.2", "--seconds", "0")
        assert running.stderr is not None
        while " turns " not in running.stderr.readline():
            assert running.poll() is None
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.read()
        running.stderr.read()  # returns when the last process with this pipe has ended
        running.stdout.close()
        running.stderr.close()
