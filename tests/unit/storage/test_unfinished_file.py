"""A file gets its name only when it is complete, whatever ends the process before."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dungeonfighter.errors import StoreError
from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile

KILLED = """
import os, signal, sys
from pathlib import Path
from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile

with UnfinishedFile(Path(sys.argv[1])) as file:
    os.write(file.descriptor, b"half" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(target: Path, *, overwrite: bool = False) -> None:
    with UnfinishedFile(target, overwrite=overwrite) as file:
        os.write(file.descriptor, b"whole")
        assert not target.exists() or overwrite
        file.finish()


def test_a_finished_file_has_its_name_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    write(tmp_path / "backup")
    assert names(tmp_path) == ["backup"]
    assert (tmp_path / "backup").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    def write_half() -> None:
        with UnfinishedFile(tmp_path / "backup") as file:
            Path(f"{file.path}-journal").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert names(tmp_path) == []


def test_a_killed_process_leaves_no_file_of_the_name_and_the_next_one_writes_over_its_rest(
    tmp_path: Path,
) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "backup"], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert names(tmp_path) == ["backup.unfinished"]
    (tmp_path / "backup.unfinished").chmod(0o644)
    write(tmp_path / "backup")
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    assert names(tmp_path) == ["backup"]
    assert (tmp_path / "backup").read_bytes() == b"whole"


def test_an_existing_file_is_left_alone_unless_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"precious")
    with pytest.raises(StoreError, match="backup exists; it was left alone"):
        write(tmp_path / "backup")
    assert (tmp_path / "backup").read_bytes() == b"precious"
    write(tmp_path / "backup", overwrite=True)
    assert (tmp_path / "backup").read_bytes() == b"whole"


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with UnfinishedFile(tmp_path / "backup") as file:
        (tmp_path / "backup").write_bytes(b"precious")
        with pytest.raises(StoreError, match="backup exists"):
            file.finish()
    assert names(tmp_path) == ["backup"]
    assert (tmp_path / "backup").read_bytes() == b"precious"


def test_two_attempts_at_once_do_not_meet(tmp_path: Path) -> None:
    with UnfinishedFile(tmp_path / "backup") as first:
        os.write(first.descriptor, b"whole")
        with pytest.raises(StoreError, match="another process is writing"):
            UnfinishedFile(tmp_path / "backup")
        first.finish()
    assert (tmp_path / "backup").read_bytes() == b"whole"


def test_a_name_beside_the_log_of_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "games.db-wal").touch()
    with pytest.raises(StoreError, match="a database of this name is in use, or was"):
        UnfinishedFile(tmp_path / "games.db", overwrite=True)


@pytest.mark.parametrize(("name", "why"), [("absent/backup", "there is no folder"), (".", "is a folder")])
def test_a_place_that_is_none_is_named(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        UnfinishedFile(tmp_path / name)
