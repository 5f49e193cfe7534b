"""Scenarios of faults with real programs: no acknowledged turn is lost or doubled, and play goes on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.served import until
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

SCENARIOS = ("kill-primary", "partition-server-database", "disk-full-store", "failover-async")
COUNTS = re.compile(r"^acknowledged ([\d,]+), lost (\d+), doubled 0$", re.MULTILINE)


class Run:
    """`python -m chaos` in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder / "chaos"
        self._output = folder / "output"
        command = [sys.executable, "-m", "chaos", *words, "--folder", str(self.folder)]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    @property
    def text(self) -> str:
        return self._output.read_text()

    def end(self) -> int:
        """Send what Ctrl-C sends, and wait until everything is removed; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def until(self, condition: Callable[[], bool]) -> None:
        until(
            lambda: condition() or self.process.poll() is not None, "the run does not get there", seconds=120
        )
        assert self.process.poll() is None, self.text

    def namespaces(self) -> list[str]:
        """Return the namespaces that the run has made and not yet removed."""
        lines = (self.folder / "leftovers").read_text().splitlines()
        made = [what for kind, what, _ in map(json.loads, lines) if kind == "namespace"]
        return [name for name in made if (Path("/run/netns") / name).exists()]


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start runs in one folder; what still runs at the end of the test is interrupted."""
    started: list[Run] = []

    def start(*words: str) -> Run:
        started.append(Run(tmp_path, *words))
        return started[-1]

    yield start
    for run in started:
        run.end()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_promise_is_kept(chaos: Callable[..., Run], name: str) -> None:
    run = chaos(name)
    code = run.process.wait(230)
    if code == 2 and "is missing; .ci/parts/" in run.text:
        pytest.skip(run.text)
    assert code == 0, run.text
    counts = COUNTS.search(run.text)
    assert counts is not None, run.text
    assert counts[1] != "0"
    assert not (run.folder / "leftovers").exists()
    assert not (run.folder / name).exists()


LOSSY: Final = """
about: An asynchronous standby that lacks some seconds is promoted, and the scenario expects no loss.
replication: asynchronous
steps:
  - play: 1
  - begin: partition
    on: [standby]
    away-from: [primary]
  - play: 2
  - begin: kill-primary
  - end: partition
  - end: kill-primary
"""


def test_a_loss_is_found_and_its_journal_stays(chaos: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "lossy.yaml"
    file.write_text(LOSSY)
    run = chaos(str(file), "--seed", "3")
    assert run.process.wait(200) == 1, run.text
    counts = COUNTS.search(run.text)
    assert counts is not None, run.text
    assert int(counts[2]) > 0
    assert f"repeat it with: make chaos SCENARIO={file} SEED=3" in run.text
    assert (run.folder / "lossy" / "journal.jsonl").exists()
    assert not (run.folder / "leftovers").exists()


IDLE: Final = """
about: The balancer cannot reach Redis, with which it never speaks.
bots: 5
steps:
  - begin: partition
    on: [redis]
    away-from: [balancer]
  - play: 1
  - end: partition
"""


def test_a_fault_without_an_effect_is_no_proof(chaos: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "idle.yaml"
    file.write_text(IDLE)
    run = chaos(str(file))
    assert run.process.wait(200) == 2, run.text
    assert "not staged: partition had no effect: no packet was dropped" in run.text
    assert COUNTS.search(run.text)


def test_ctrl_c_removes_everything(chaos: Callable[..., Run]) -> None:
    run = chaos("kill-server")
    run.until(lambda: "begin kill-process" in run.text)
    made = run.namespaces()
    assert run.end() == 130, run.text
    assert "interrupted, and everything is removed" in run.text
    assert len(made) == 8
    assert not [name for name in made if (Path("/run/netns") / name).exists()]
    assert not (run.folder / "leftovers").exists()


def test_the_next_run_removes_what_a_killed_one_left(chaos: Callable[..., Run]) -> None:
    run = chaos("kill-server")
    run.until(lambda: "begin kill-process" in run.text)
    made = run.namespaces()
    run.process.kill()
    run.process.wait()
    assert len(made) == 8
    before = len(run.text)  # both write into one file
    following = chaos("kill-server")
    following.until(lambda: "starting what it needs" in following.text[before:])
    assert not [name for name in made if (Path("/run/netns") / name).exists()]
    assert f"removed what an earlier run left: namespace {made[0]}" in following.text
    assert following.end() == 130, following.text
