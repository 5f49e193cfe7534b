"""The software and the limits of this process and its machine, for people who look for a fault."""

from __future__ import annotations

import os
import platform
import sys
import time
from functools import cache
from importlib import metadata
from itertools import takewhile
from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter import __version__

_DISTRIBUTION: Final = "dungeonfighter"
_FURTHER: Final = ("starlette", "cryptography")
"""Packages that the dependencies bring along and whose version may matter."""
_MEMORY_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNLIMITED_BYTES: Final = 1 << 60
"""A control group of version 1 without a limit shows a number of about 2^63."""


class Build(Struct, frozen=True):
    """The software: versions by name, and the operating system.

    Attributes:
        packages: The versions of the dependencies; "absent" for one that is not installed.
        cores: The cores that this process may use.
    """

    package: str
    python: str
    packages: dict[str, str]
    system: str
    kernel: str
    machine: str
    libc: str
    cores: int


class Resources(Struct, frozen=True):
    """The use of its machine by this process, and its limits; 0 stands for an unknown or absent limit."""

    files_open: int
    files_soft_max: int
    files_hard_max: int
    memory_bytes: int
    memory_bytes_max: int
    cpu_seconds: float
    threads: int


@cache
def build() -> Build:
    """Read the versions; the first call reads some dozen files."""
    return Build(
        package=__version__,
        python=f"{platform.python_version()} {platform.python_implementation()}",
        packages={name: _version(name) for name in _dependencies()},
        system=_system(),
        kernel=platform.release(),
        machine=platform.machine(),
        libc=" ".join(platform.libc_ver()),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )


def resources() -> Resources:
    """Read the resources of this process now; takes less than a millisecond for some hundred open files."""
    soft, hard = _file_limits()
    return Resources(
        files_open=_open_files(),
        files_soft_max=soft,
        files_hard_max=hard,
        memory_bytes=resident_bytes(),
        memory_bytes_max=_memory_bytes_max(),
        cpu_seconds=time.process_time(),
        threads=_threads(),
    )


def _dependencies() -> list[str]:
    try:
        wanted = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        wanted = []
    names = {"".join(takewhile(_is_of_name, one)).lower() for one in wanted}
    return sorted(names | set(_FURTHER))


def _is_of_name(char: str) -> bool:
    return char.isalnum() or char in "._-"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _system() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return f"{platform.system()}, {release.get('PRETTY_NAME', '')}"


def _file_limits() -> tuple[int, int]:
    if sys.platform == "win32":
        return 0, 0
    import resource  # noqa: PLC0415 - absent on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    return 0 if soft == endless else soft, 0 if hard == endless else hard


def _open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 - a Path for each of 20,000 would be slow
        except OSError:
            continue
    return 0


def resident_bytes() -> int:
    """Return the memory of this process; 0 if the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _memory_bytes_max() -> int:
    for name in _MEMORY_LIMITS:
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _UNLIMITED_BYTES:
            return int(text)
    return 0


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return 0
