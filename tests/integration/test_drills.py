"""Each drill is staged, and repaired with the commands of its section of the runbook alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from drills.fault import fault_class, names
from tests import runbook
from tests.integration.served import until
from tests.parts import program
from tests.unit.house.sources import ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing, with which the runbook asks"),
]

RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
LEFT_OUT: Final = ("synchronous_standby_names = ''",)
"""A block with one of these is another way out, which costs something."""
CHOICES: Final = {"PID": re.compile(r"\{(\d+)\}"), "FILE": re.compile(r" (/\S+\.unfinished)$", re.MULTILINE)}
"""What an operator reads in the output of a block, for the next ones."""


class Staged:
    """A drill in a process of its own."""

    def __init__(self, name: str, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.environment = folder / "environment"
        self._output = folder.with_suffix(".out")
        command = [sys.executable, "-m", "drills", name, "--folder", str(folder), "--bots", "10"]
        command += ["--linger", "90", *flags]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    @property
    def text(self) -> str:
        return self._output.read_text()

    def until_broken(self) -> None:
        """Wait until the operator is called."""
        until(lambda: "Repair it within" in self.text or self.process.poll() is not None, self.text)
        assert self.process.poll() is None, self.text

    def result(self) -> int:
        return self.process.wait(60)

    def end(self) -> None:
        """Send what Ctrl-C sends, and wait until everything is removed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@pytest.fixture
def staged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Staged]:
    name, *flags = request.param
    obstacle = fault_class(name).obstacle()
    if obstacle:
        pytest.skip(obstacle)
    drill = Staged(name, tmp_path / "drill", *flags)
    try:
        drill.until_broken()
        yield drill
    finally:
        drill.end()


def operate(drill: Staged, alert: str) -> None:
    """Run the blocks of a section in their order, as an operator does in a shell that read the variables."""
    chosen: dict[str, str] = {}
    for block in runbook.blocks(runbook.alert_sections()[alert]):
        if any(words in block for words in LEFT_OUT):
            continue
        needed = [name for name in CHOICES if f"${name}" in block and name not in chosen]
        assert not needed, f"the operator did not find {needed}"
        until(lambda block=block: run(drill, block, chosen), block, seconds=30)  # type: ignore[misc]


def run(drill: Staged, block: str, chosen: dict[str, str]) -> bool:
    """Run a block; return False if it shows a value that the operator needs, but not at this moment."""
    rows = [row for row in block.splitlines() if "$PROM" not in row or has_prometheus(drill)]
    given = "".join(f"{name}='{value}'\n" for name, value in chosen.items())
    script = f". '{drill.environment}'\n{given}set -eu\n" + "\n".join(rows)
    entered = re.search(r"first enter it:  (nsenter .*) sh$", drill.text, re.MULTILINE)
    shell = [*(shlex.split(entered[1]) if entered else []), "sh", "-c", script]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}\n{drill.text}"
    for name, expression in CHOICES.items():
        if found := expression.search(done.stdout):
            chosen.setdefault(name, found[1])
    return "pg_blocking_pids" not in block or "PID" in chosen


def has_prometheus(drill: Staged) -> bool:
    return "export PROM=" in drill.environment.read_text()


def firing(prometheus: str) -> set[str]:
    """Return the names of the alerts that a Prometheus has sent, or would send."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/alerts", timeout=10) as answer:
        alerts = json.load(answer)["data"]["alerts"]
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


@pytest.mark.parametrize("staged", [[name] for name in names()], indirect=True, ids=names())
def test_the_runbook_repairs_a_drill(staged: Staged, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    alert = fault_class(name).alert
    assert f"  {alert}\n" in staged.text
    if RULES.exists() and has_prometheus(staged):
        url = re.search(r"export PROM=(\S+)", staged.environment.read_text())[1]  # type: ignore[index]
        until(lambda: alert in firing(url), f"{alert} does not fire")
    operate(staged, alert)
    until(lambda: "until Ctrl-C" in staged.text or staged.process.poll() is not None, staged.text)
    staged.end()
    assert staged.result() == 0, staged.text
    assert re.search(
        r"^repaired after \d+ min \d+ s: 10 bots play on, .* none lost or doubled$", staged.text, re.MULTILINE
    )
    assert not staged.environment.exists()
    assert not list(staged.folder.glob("*.db"))


@pytest.mark.parametrize("staged", [["pool-exhausted", "--minutes", "0.05"]], indirect=True)
def test_without_the_repair_the_drill_says_what_is_wrong(staged: Staged) -> None:
    assert staged.result() == 1
    assert "not repaired: all connections to the store are in use" in staged.text
    assert "\nrepaired" not in staged.text


FALLEN: Final = "disk-full" if os.geteuid() == 0 else "standby-stopped"


@pytest.mark.parametrize("staged", [[FALLEN]], indirect=True)
def test_what_a_killed_drill_left_is_removed_by_the_next_and_by_ctrl_c(staged: Staged) -> None:
    disk = staged.folder / "disk"
    staged.process.kill()
    staged.process.wait()
    assert disk.is_mount() == (FALLEN == "disk-full")
    following = Staged(FALLEN, staged.folder)
    try:
        following.until_broken()
    finally:
        following.end()
    assert following.result() == 130
    assert "removed what an earlier drill left: " in following.text
    assert f"given up, and everything is removed; make drill FAULT={FALLEN} begins anew" in following.text
    assert not following.environment.exists()
    assert not disk.exists()
    assert not (staged.folder / "leftovers").exists()


def test_every_query_of_the_runbook_is_understood_by_prometheus(tmp_path: Path) -> None:
    queries = sorted({query for text in runbook.sections().values() for query in runbook.queries(text)})
    rules = "".join(f"  - {{record: 'x:y{n}', expr: {query!r}}}\n" for n, query in enumerate(queries))
    file = tmp_path / "rules.yml"
    file.write_text(f"groups:\n- name: runbook\n  rules:\n{rules}")
    words = [program("promtool", part="prometheus"), "check", "rules", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(queries)} rules found" in done.stdout
