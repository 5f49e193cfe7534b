"""The verification reports bots that it could not read as not verified, never as lost."""

from __future__ import annotations

import socket

import pytest

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.journal import Run
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.report import make_report, table
from dungeonfighter.fleet.verified_load import load_and_verify
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules


@pytest.fixture
async def load() -> Load:
    """Return a load of three bots that have begun their first run and whose server is gone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    habits = Habits(patience_seconds=0.01)
    load = await run_load(LoadOptions(url, 3, seconds=5, habits=habits), print)
    for player in load.players:
        player.journal.started(Run(1, 7, "Hero"), "")
    return load


async def test_bots_without_an_answer_are_not_reported_as_lost(load: Load) -> None:
    verdict = await verify_load(load, load_rules(), print)
    assert verdict.bots == 0
    assert not verdict.findings
    report = make_report(load, verdict)
    assert not report.passed
    assert report.failure == "3 bots could not be verified"
    shown = table(report)
    assert "not verified          3 bots: the server did not answer" in shown
    assert "lost, doubled, wrong  0" in shown


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_load_without_an_acknowledged_turn_is_not_verified(processes: int) -> None:
    shown: list[str] = []
    options = LoadOptions("http://127.0.0.1:9", 2, seconds=0.2, processes=processes)
    report = await load_and_verify(options, shown.append)
    assert not any("verifying" in line for line in shown)
    assert shown[-1] == "nothing to verify: the server acknowledged no turn"
    assert report.failure == "http://127.0.0.1:9 could not be reached (refused)"
