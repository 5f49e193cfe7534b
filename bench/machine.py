"""What was measured on and with: enough to compare two files of figures, nothing that names anyone."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.servers import cores

_PACKAGES = ("mcp", "uvicorn", "uvloop", "httptools", "msgspec", "asyncpg")


def machine(load_before: float) -> dict[str, object]:
    """Machine, versions and time, for the JSON file; `load_before`: how busy it was when the bench began."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": _described(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": cores()[0] >= 0,
        "load_average_before": load_before,
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in _PACKAGES},
    }


def headline(told: dict[str, object]) -> str:
    """The line above the table."""
    pinned = "servers on one, the load on another" if told["pinned"] else "nothing pinned"
    return (
        f"{told['version']}, {told['at']}, {told['python']}, {told['processor']}, {told['cores']} cores "
        f"({pinned}), load average before: {told['load_average_before']:.1f}"
    )


def load_average() -> float:
    """Of the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _described() -> str:
    """The version as git tells it, "dirty" with changes; "" where there is no git."""
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
