"""Facts about a store as a whole, in the table `store_facts`: a name and a text for each.

A store reads them beside the game, now and then; no turn waits for them.
"""

from __future__ import annotations

from typing import Final

LAST_BACKUP: Final = "last_backup_at"
"""The time of the last successful `db backup`, in seconds since 1970, as a decimal number."""


def as_seconds(text: str) -> float:
    """Return the time that a fact holds; 0 if its text is no time."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0
