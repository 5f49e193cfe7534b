"""The spelling of keys as JSON text, in the marker of a copy."""

from __future__ import annotations

import json
from typing import Any

from dungeonfighter.storage.copying.tables import Key, Progress


def to_json(key: Key | None) -> str:
    """Spell a key; bytes become an object with their hex digits."""
    if key is None:
        return "null"
    return json.dumps([{"hex": part.hex()} if isinstance(part, bytes) else part for part in key])


def from_json(text: str) -> Key | None:
    """Read a key that `to_json` spelled."""
    parts = json.loads(text)
    if parts is None:
        return None
    return tuple(bytes.fromhex(part["hex"]) if isinstance(part, dict) else part for part in parts)


def to_row(progress: Progress) -> tuple[str, str, str, str, int]:
    """Return the values of the marker."""
    position = to_json(progress.position)
    return progress.source, progress.state, progress.table, position, progress.broken


def from_row(row: tuple[Any, ...]) -> Progress:
    """Read the values of the marker."""
    source, state, table, position, broken = row
    return Progress(source, state, table, from_json(position), broken)
