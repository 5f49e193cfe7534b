"""The official conformance suite, with a list of the checks that it is expected to fail."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from testkit.server_process import ServerProcess
from tests.clients.played import node
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.long

KNOWN = ROOT / "tests" / "clients" / "conformance.yml"
PROGRAM = (
    ROOT / ".parts" / "node" / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
)
SETS = {
    "2026-07-28": ["--requirements", "2026-07-28"],
    "2025-11-25": ["--requirements", "2025-11-25"],
    "2025-06-18": ["--suite", "all", "--spec-version", "2025-06-18"],
}
"""The scenarios of each revision; the suite has sets of requirements for the newest two."""
NOT_SCORED = ["http-header-validation", "http-custom-header-server-validation"]
"""Scenarios that are no requirement yet, and that this server passes."""


def run(server: ServerProcess, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        node("mcp-conformance"),
        str(PROGRAM),
        "server",
        "--url",
        f"{server.url}/mcp",
        "-o",
        str(folder),
    ]
    return subprocess.run(
        [*command, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def failed(folder: Path) -> set[str]:
    """Return the checks without success that a run reported, as the list names them."""
    found = set()
    for path in folder.glob("server-*/checks.json"):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", path.parent.name.removeprefix("server-"))
        checks = json.loads(path.read_text(encoding="utf-8"))
        found |= {f"{scenario}:{one['id']}" for one in checks if one["status"] in {"FAILURE", "WARNING"}}
    return found


@pytest.mark.parametrize("revision", SETS)
def test_only_the_listed_checks_fail(server: ServerProcess, tmp_path: Path, revision: str) -> None:
    """The suite exits with 1 for a failure that is not listed and for a listed check that passes."""
    done = run(server, tmp_path, *SETS[revision], "--expected-failures", str(KNOWN))
    summary = done.stdout.rpartition("=== SUMMARY ===")[2]
    assert done.returncode == 0, summary[-3000:] + done.stderr[-1000:]
    assert len(re.findall(r"^✓ ", summary, re.MULTILINE)) >= 6


def test_every_listed_check_fails_in_some_revision(server: ServerProcess, tmp_path: Path) -> None:
    """A listed check that is never reached would hide its failure for ever."""
    for revision, options in SETS.items():
        run(server, tmp_path / revision, *options)
    reported = set[str]().union(*(failed(tmp_path / revision) for revision in SETS))
    listed = set(re.findall(r"^  - (\S+)$", KNOWN.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed - reported == set()


@pytest.mark.parametrize("scenario", NOT_SCORED)
def test_scenarios_that_are_no_requirement_yet_pass(
    server: ServerProcess, tmp_path: Path, scenario: str
) -> None:
    done = run(server, tmp_path, "--scenario", scenario, "--spec-version", "2026-07-28")
    assert done.returncode == 0, done.stdout[-3000:]
    assert failed(tmp_path) == set()
