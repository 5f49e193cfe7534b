"""A drill that mounts says how others get in, or why it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drills import privileges


def test_file_systems_of_everybody_need_no_way_in() -> None:
    assert privileges.way_in() == ""


def test_the_way_into_own_file_systems_names_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_HAS_OWN_FILE_SYSTEMS", "1")
    assert f" -t {os.getpid()} sh" in privileges.way_in()


def test_without_a_way_to_mount_the_reason_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert privileges.mount_obstacle() == "there is no program mount"
    for name, code in (("mount", 0), ("unshare", 1)):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\nexit {code}\n")
        program.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "run it as root" in privileges.mount_obstacle()
    (tmp_path / "unshare").write_text("#!/bin/sh\nexit 0\n")
    assert privileges.mount_obstacle() == ""
