"""`python -m drills` without a fault, with a wrong one, and beside another drill."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from drills.fault import names
from tests.unit.house.sources import ROOT


def drills(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drills", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_fault_the_drills_are_listed() -> None:
    done = drills()
    assert done.returncode == 0
    assert done.stdout.startswith("make drill FAULT=NAME stages one")
    assert all(name in done.stdout for name in names())


def test_an_unknown_fault_is_refused_with_the_list() -> None:
    done = drills("disk-fool")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("drill: there is no drill 'disk-fool'\nmake drill FAULT=NAME")


def test_a_second_drill_in_a_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = drills("random", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "another drill runs in this folder" in done.stderr
