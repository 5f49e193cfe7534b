"""The machine and the versions of a bench run: enough to compare two files, without host or user names."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import apsw
from msgspec import Struct

from bench.servers import cores

_PACKAGES = ("mcp", "uvicorn", "uvloop", "httptools", "msgspec", "asyncpg")


class Machine(Struct):
    """Machine, versions and time; `load_average` is that of the minute before the run."""

    at: str
    version: str
    python: str
    system: str
    machine: str
    processor: str
    cores: int
    pinned: bool
    load_average: float
    sqlite: str
    packages: dict[str, str]

    def headline(self) -> str:
        pinned = "servers on one, the load on another" if self.pinned else "nothing pinned"
        return (
            f"{self.version}, {self.at}, {self.python}, {self.processor}, {self.cores} cores ({pinned}), "
            f"load average before: {self.load_average:.1f}"
        )


def machine() -> Machine:
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=_described(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        pinned=cores()[0] >= 0,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        sqlite=apsw.sqlite_lib_version(),
        packages={name: version(name) for name in _PACKAGES},
    )


def _described() -> str:
    """Return the version from git, with "dirty" for uncommitted changes; "" without git."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--tags"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
