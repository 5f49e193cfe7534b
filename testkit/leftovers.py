"""The list of what a run made (processes, mounts, namespaces, folders), so that the next one removes it.

A run that ends, also by Ctrl-C, removes all of it itself. After `kill -9` servers and databases end by
themselves; the rest stays on the list. A process is known by its number and its start, because numbers are
used for other processes later.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from testkit.namespaces import remove_namespace

KINDS: Final = ("process", "group", "namespace", "mount", "folder")
"""The order of removal."""


class Leftovers:
    """The list of one folder of runs, kept in a file of it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, kind: str, what: str) -> None:
        """Add a process (its number), a namespace (its name), or the path of a group, mount or folder."""
        begun = start_of(int(what)) if kind == "process" else ""
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([kind, what, begun]) + "\n")

    def remove_all(self) -> list[str]:
        """Remove all that is listed and still there; return it in words."""
        if not self._file.exists():
            return []
        listed = [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
        removed = []
        for kind in KINDS:
            for one, what, begun in listed:
                if one == kind and _remove(kind, what, begun):
                    removed.append(f"{kind} {what}")
        self._file.unlink()
        return removed


def start_of(process: int) -> str:
    """Return the moment at which a process began, in the kernel's own unit; empty if there is no process."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _remove(kind: str, what: str, begun: str) -> bool:
    if kind == "process":
        if not begun or start_of(int(what)) != begun:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(what), signal.SIGKILL)
        return True
    if kind == "namespace":
        return remove_namespace(what)
    path = Path(what)
    if kind == "group":
        return path.exists() and _remove_group(path)
    if kind == "mount":
        if not path.is_mount():
            return False
        return subprocess.run(["umount", "--lazy", what], check=False).returncode == 0
    if not path.exists():
        return False
    shutil.rmtree(path, ignore_errors=True)
    return True


def _remove_group(path: Path) -> bool:
    """Remove a control group; the processes that a killed run left in it go to the group above."""
    with contextlib.suppress(OSError):
        for process in (path / "cgroup.procs").read_text(encoding="utf-8").split():
            (path.parent / "cgroup.procs").write_text(process, encoding="utf-8")
        path.rmdir()
    return not path.exists()
