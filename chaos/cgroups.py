"""Control groups of the kernel, of either version: one group of its own for each limit."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_EMPTY_SECONDS_MAX: Final = 10.0
_PERIOD_MICROSECONDS: Final = 100_000


class Group:
    """A group of processes that share a limit.

    Args:
        controller: memory or cpu.
        name: The name of its folder.
    """

    def __init__(self, controller: str, name: str) -> None:
        self._is_first_version = (_ROOT / controller / "cgroup.procs").exists()
        self.folder = (_ROOT / controller if self._is_first_version else _ROOT) / name

    @staticmethod
    def obstacle(controller: str) -> str:
        """Return the reason why groups with this controller cannot be made here; empty if they can."""
        if (_ROOT / controller / "cgroup.procs").exists():
            return ""
        enabled = _ROOT / "cgroup.subtree_control"
        if enabled.exists() and controller in enabled.read_text(encoding="utf-8").split():
            return ""
        return f"the kernel's control groups have no controller {controller} here"

    def make(self) -> None:
        self.folder.mkdir()

    def add(self, process: int) -> None:
        """Move a process with all its threads into the group."""
        self._write("cgroup.procs", str(process))

    def limit_memory(self, size: int) -> None:
        """Limit the memory, in bytes; without swapping."""
        if self._is_first_version:
            self._write("memory.limit_in_bytes", str(size))
            with contextlib.suppress(OSError):  # a kernel without accounting of swap
                self._write("memory.memsw.limit_in_bytes", str(size))
        else:
            self._write("memory.max", str(size))
            with contextlib.suppress(OSError):
                self._write("memory.swap.max", "0")

    def limit_cpu(self, share: float) -> None:
        """Limit the time of all processes together, in cores."""
        quota = str(round(share * _PERIOD_MICROSECONDS))
        if self._is_first_version:
            self._write("cpu.cfs_period_us", str(_PERIOD_MICROSECONDS))
            self._write("cpu.cfs_quota_us", quota)
        else:
            self._write("cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")

    @property
    def kills(self) -> int:
        """The number of processes that were killed because they had no memory left."""
        return self._figure("memory.oom_control" if self._is_first_version else "memory.events", "oom_kill")

    @property
    def throttled(self) -> int:
        """The number of periods in which the processes had to wait because their time was used up."""
        return self._figure("cpu.stat", "nr_throttled")

    def remove(self) -> None:
        """Move the processes back into the group above, and remove this one."""
        if not self.folder.exists():
            return
        above = self.folder.parent / "cgroup.procs"
        deadline = time.monotonic() + _EMPTY_SECONDS_MAX
        while True:
            for process in (self.folder / "cgroup.procs").read_text(encoding="utf-8").split():
                with contextlib.suppress(OSError):  # it has ended
                    above.write_text(process, encoding="utf-8")
            try:
                self.folder.rmdir()
            except OSError:  # a process that was killed is still ending
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _figure(self, file: str, name: str) -> int:
        lines = (self.folder / file).read_text(encoding="utf-8").splitlines()
        figures = dict(line.split(maxsplit=1) for line in lines if " " in line)
        return int(figures.get(name, 0))

    def _write(self, file: str, value: str) -> None:
        (self.folder / file).write_text(value, encoding="utf-8")
