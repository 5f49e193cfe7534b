"""Mounts for users other than root: the drill goes on in file systems of its own (Linux, unshare(1))."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_OWN: Final = ("unshare", "--user", "--map-root-user", "--mount")
_MARK: Final = "DRILL_HAS_OWN_FILE_SYSTEMS"


def mount_obstacle() -> str:
    """Return the reason why nobody can mount here; empty if the drill can."""
    if not shutil.which("mount"):
        return "there is no program mount"
    if os.geteuid() == 0 or _may_unshare():
        return ""
    return "it mounts a small file system: run it as root (sudo make drill FAULT=disk-full)"


def _may_unshare() -> bool:
    if not shutil.which(_OWN[0]):
        return False
    return subprocess.run([*_OWN, "true"], check=False, capture_output=True).returncode == 0


def go_on_with_own_file_systems(words: Sequence[str]) -> None:
    """Replace this process by the same drill that may mount; as root do not."""
    if os.geteuid() != 0:
        os.environ[_MARK] = "1"
        os.execvp(_OWN[0], [*_OWN, sys.executable, "-m", "drills", *words])


def way_in() -> str:
    """Return how another shell gets into the file systems of this drill; empty if they are everybody's."""
    if _MARK not in os.environ:
        return ""
    enter = f"nsenter --preserve-credentials --user --mount --wd={Path.cwd()} -t {os.getpid()} sh"
    return f"The disk is seen from within this drill only; first enter it:  {enter}"
