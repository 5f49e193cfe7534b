"""The exit code and the closing line of .ci/run; a copy of it runs with a `make` that each test writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.sources import ROOT

PASSED = "==== 3 passed, 2 skipped in 1.00s ===="
SKIPPED = "==== 2 skipped in 1.00s ===="


def run(
    folder: Path, *, make: str, part: str = "true", long: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a copy of .ci/run whose steps are these shell commands."""
    (folder / ".ci" / "parts").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    parts = [path.name for path in (ROOT / ".ci" / "parts").iterdir() if not path.name.startswith("_")]
    for path, command in [
        (folder / "bin" / "make", make),
        *((folder / ".ci" / "parts" / name, part) for name in parts),
    ]:
        path.write_text(f"#!/usr/bin/env bash\n{command}\n", encoding="utf-8")
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "CI_LONG": "1" if long else "",
    }
    return subprocess.run(
        ["bash", folder / ".ci" / "run"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )


def printing(line: str, *, status: int = 0) -> str:
    return f'[[ "$1" != test* ]] || {{ echo "{line}"; exit {status}; }}'


@pytest.mark.parametrize(("long", "stage"), [(False, "test"), (True, "test-long")])
def test_a_passing_run_ends_with_the_closing_line(tmp_path: Path, stage: str, *, long: bool) -> None:
    ended = run(tmp_path, make=printing(PASSED), long=long)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == PASSED
    assert [f" {step}" in ended.stdout for step in ("setup\n", "check\n", f"{stage}\n")] == [True] * 3


@pytest.mark.parametrize(
    "make",
    [
        printing(SKIPPED),
        printing("==== no tests ran in 0.10s ===="),
        printing("killed"),
        printing(PASSED, status=1),
        f'[[ "$1" != check ]] || exit 1; {printing(PASSED)}',
        f'[[ "$1" != setup ]] || exit 1; {printing(PASSED)}',
    ],
    ids=["all skipped", "no tests", "no end", "a failed test", "a failed check", "a failed setup"],
)
def test_it_fails(tmp_path: Path, make: str) -> None:
    assert run(tmp_path, make=make).returncode == 1


def test_a_part_that_cannot_be_had_reaches_the_tests_as_a_reason_and_fails_no_step(tmp_path: Path) -> None:
    make = f'[[ "$1" != test ]] || printf "skipped 1: %s" "$PARTS_MISSING"; {printing(PASSED)}'
    ended = run(tmp_path, make=make, part='echo "$(basename "$0"): the moon is full" >&2; exit 1')
    assert ended.returncode == 0
    assert ended.stdout.count("skipped 1: pgbouncer: the moon is full\n") == 2


def test_skipped_tests_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "test_moon.py").write_text(
        "import pytest\n\n@pytest.mark.parametrize('night', [1, 2])\ndef test_howling(night):\n"
        "    pytest.skip('no moon')\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "skipped 2: no moon" in ended.stdout.splitlines()
