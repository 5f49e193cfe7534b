"""`python -m chaos` without a run: the list, refusals, and a second run in one folder."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.scenario import load, names
from tests.unit.house.sources import ROOT


def chaos(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chaos", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_the_list_has_a_sentence_about_each_scenario() -> None:
    done = chaos("--list")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout and load(name).about in done.stdout for name in names())


def test_an_unknown_scenario_is_refused() -> None:
    done = chaos("kill-everything")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "chaos: there is no scenario 'kill-everything': --list shows them\n"


def test_without_root_it_says_so(tmp_path: Path) -> None:
    code = "import os, sys; from chaos.__main__ import main; os.geteuid = lambda: 1000; sys.exit(main())"
    words = ["kill-server", "--folder", str(tmp_path / "x")]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "needs Linux and root: sudo make chaos" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")
def test_a_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = chaos("kill-server", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "another run uses this folder" in done.stderr
