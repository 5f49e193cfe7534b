"""Control groups of the kernel, of either version: each limit has a group of its own."""

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
        root: Where the groups are mounted.
    """

    def __init__(self, controller: str, name: str, root: Path = _ROOT) -> None:
        self._is_first = (root / controller / "cgroup.procs").exists()
        self._controller = controller if self._is_first else ""
        self._root = root / self._controller
        self.folder = self._root / name
        self._former = self._root

    @staticmethod
    def obstacle(controller: str, root: Path = _ROOT) -> str:
        """Return the reason why groups with this controller cannot be made here; empty if they can."""
        if (root / controller / "cgroup.procs").exists():
            return ""
        enabled = root / "cgroup.subtree_control"
        if enabled.exists() and controller in enabled.read_text(encoding="utf-8").split():
            return ""
        return f"the control groups of the kernel have no controller {controller} here"

    def make(self) -> None:
        self.folder.mkdir()

    def add(self, process: int) -> None:
        """Move a process with all its threads into the group; `remove` moves it back."""
        self._former = self._root / _group_of(process, self._controller)
        self._write("cgroup.procs", str(process))

    def limit_memory(self, size: int) -> None:
        """Limit the memory of all processes together, in bytes; nothing is swapped instead."""
        if self._is_first:
            self._write("memory.limit_in_bytes", str(size))
            with contextlib.suppress(OSError):  # a kernel that does not count swapped memory
                self._write("memory.memsw.limit_in_bytes", str(size))
        else:
            self._write("memory.max", str(size))
            with contextlib.suppress(OSError):
                self._write("memory.swap.max", "0")

    def limit_cpu(self, cores: float) -> None:
        """Limit the time of all processes together."""
        quota = round(cores * _PERIOD_MICROSECONDS)
        if self._is_first:
            self._write("cpu.cfs_period_us", str(_PERIOD_MICROSECONDS))
            self._write("cpu.cfs_quota_us", str(quota))
        else:
            self._write("cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")

    @property
    def kills(self) -> int:
        """The number of processes that were killed because their memory was used up."""
        return self._figure("memory.oom_control" if self._is_first else "memory.events", "oom_kill")

    @property
    def throttled(self) -> int:
        """The number of periods of 0.1 s in which the processes waited because their time was used up."""
        return self._figure("cpu.stat", "nr_throttled")

    def remove(self) -> None:
        """Move the processes and their children back, and remove the group."""
        deadline = time.monotonic() + _EMPTY_SECONDS_MAX
        while self.folder.exists():
            for process in (self.folder / "cgroup.procs").read_text(encoding="utf-8").split():
                with contextlib.suppress(OSError):  # it has ended
                    (self._former / "cgroup.procs").write_text(process, encoding="utf-8")
            try:
                self.folder.rmdir()
            except OSError:  # a process that was killed has not yet ended
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _figure(self, file: str, name: str) -> int:
        lines = (self.folder / file).read_text(encoding="utf-8").splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)

    def _write(self, file: str, value: str) -> None:
        (self.folder / file).write_text(value, encoding="utf-8")


def _group_of(process: int, controller: str) -> str:
    """Return the path of the group of a process; `controller` is empty for version 2."""
    for line in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.strip("/")
    return ""
