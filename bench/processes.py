"""Memory and CPU time of processes, from /proc: memory is the proportional set size (PSS)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Usage(NamedTuple):
    """Memory and CPU time of one process."""

    process_id: int
    pss_bytes: int
    cpu_seconds: float


def family(process_id: int) -> list[int]:
    """Return the process and all its descendants.

    It asks each of them for its children: a walk through all of /proc takes seconds on a busy machine.
    """
    found = [process_id]
    with contextlib.suppress(OSError):  # the process has just ended
        for task in sorted((_PROC / str(process_id) / "task").iterdir()):
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def usage_of(process_id: int) -> Usage:
    """Return the present usage of a process, zeros if it has ended.

    The kernel walks the page tables to read PSS: some ms for each GB.
    """
    try:
        rollup = (_PROC / str(process_id) / "smaps_rollup").read_text()
        fields = _stat(process_id)
    except OSError:
        return Usage(process_id, 0, 0.0)
    kilobytes = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    ticks = int(fields[11]) + int(fields[12])
    return Usage(process_id, kilobytes * 1024, ticks / os.sysconf("SC_CLK_TCK"))


def _stat(process_id: int) -> list[str]:
    """Return the fields after the name: 0 is the state, 1 the parent, 11 and 12 user and system time.

    Source: proc(5), /proc/pid/stat.
    """
    return (_PROC / str(process_id) / "stat").read_text().rpartition(")")[2].split()
