"""The time of rows in SQLite."""

from __future__ import annotations

import time


def wall_seconds() -> float:
    """Return the seconds since 1970 in whole microseconds, of which PostgreSQL keeps every one.

    So a row is the same after a copy to PostgreSQL and back.
    """
    return time.time_ns() // 1000 / 1_000_000
