"""Reads that a store and an inspection of PostgreSQL have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, StoredRun


async def stored_run(fetch: Callable[..., Awaitable[list[Any]]], bot_id: str, episode: int) -> StoredRun:
    """Return what is stored of a run; its end is read first, because an ended run has all its chunks.

    Args:
        fetch: Runs a named query with its values.
        bot_id, episode: The run.
    """
    ended = await fetch("ended_run", bot_id, episode)
    base = await fetch("base", bot_id, episode)
    chunks = await fetch("inputs", bot_id, episode)
    return StoredRun(
        EpisodeEnd(*ended[0]) if ended else None,
        tuple(InputChunk(*chunk) for chunk in chunks),
        base[0][0] if base else b"",
    )
