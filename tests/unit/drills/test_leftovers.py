"""A drill removes what an earlier one left, and no other process that has the same number now."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.leftovers import Leftovers

SLEEPS = [sys.executable, "-c", "input()"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(SLEEPS, stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


def test_processes_and_folders_are_removed(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "file").write_text("x")
    list_file = tmp_path / "list"
    leftovers = Leftovers(list_file)
    leftovers.add("folder", str(folder))
    leftovers.add("process", str(process.pid))
    assert Leftovers(list_file).remove_all() == [f"process {process.pid}", f"folder {folder}"]
    assert process.wait() == -9
    assert not folder.exists()
    assert not list_file.exists()
    assert Leftovers(list_file).remove_all() == []


def test_what_is_gone_is_not_named(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    leftovers = Leftovers(tmp_path / "list")
    leftovers.add("folder", str(tmp_path / "gone"))
    leftovers.add("mount", str(tmp_path))
    leftovers.add("process", str(process.pid))
    process.kill()
    process.wait()
    assert leftovers.remove_all() == []


def test_another_process_with_the_same_number_lives_on(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "list").write_text(json.dumps(["process", str(process.pid), "1"]) + "\n")
    assert Leftovers(tmp_path / "list").remove_all() == []
    assert process.poll() is None
