"""The limit of open files, which bounds the connections of one process of a load."""

from __future__ import annotations

import contextlib
from typing import Final

SPARE_FILES: Final = 100
"""Files that a process opens beside the bots' connections."""


def allow_many_files() -> int:
    """Raise this process's limit as far as the system allows, and return it."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return 1_000_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 1_000_000 if soft == resource.RLIM_INFINITY else soft
