"""Small rows for store tests."""

from __future__ import annotations

import hashlib

from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row, Save, Write


def digest_of(state: bytes) -> bytes:
    return hashlib.blake2b(state, digest_size=16).digest()


def row(bot_id: str, version: int, state: bytes = b"state", episode: int = 1, turn: int = 0) -> Row:
    return Row(bot_id, version, digest_of(state), episode, turn, "1-abc", state, b"trail")


def first(bot_id: str, state: bytes = b"state") -> Write:
    """Return the first write of a bot."""
    return Write(row(bot_id, 1, state), 0, b"")


def after(before: Write, state: bytes, *chunks: InputChunk, ended: EpisodeEnd | None = None) -> Write:
    """Return the write that follows a write that won."""
    old = before.row
    new = row(old.bot_id, old.version + 1, state, old.episode, old.turn + 1)
    return Write(new, old.version, old.digest, old.tail, chunks, ended)


def end(episode: int, result: str = "died") -> EpisodeEnd:
    return EpisodeEnd(
        episode=episode, rules="1-abc", seed=2**53 - 1, mode="casual", options="{}", parent_episode=0,
        first_turn=0, last_turn=7, result=result, score=1234, digest=b"d" * 16, ranked=False,
    )  # fmt: skip


def save(bot_id: str, slot: str, state: bytes = b"\x00saved") -> Save:
    return Save(bot_id, slot, state, digest_of(state), "1-abc", 2, 9, '{"name":"Tarn","level":3}')
