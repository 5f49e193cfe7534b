"""The first row of an imported bot: run 1 at version 1, its first state, and its end if the hero is dead."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from dungeonfighter import limits
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.run_ends import end_of
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.replays.results import run_result
from dungeonfighter.rules import Rules, State

_OPTIONS: Final = "import sha256:"


def first_write(key: str, rules: Rules, state: State, file_hash: str) -> Write:
    """Return the write of a bot that must not exist yet. Equal files make equal writes.

    Args:
        key: `<fleet>/<botId>`.
        rules: The rules of the state.
        state: The imported run.
        file_hash: The SHA-256 of its file in hexadecimal.
    """
    op = blake2b(f"{key} {file_hash}".encode(), digest_size=limits.op_bytes).digest()
    raw = rules.encode(state)
    trail = trails.begun(
        trails.decode(b""), op, origin=trails.ORIGIN_IMPORT, options=f"{_OPTIONS}{file_hash}",
        first_turn=state.turn, parent_episode=0,
    )  # fmt: skip
    row = sealed_row(
        key, 1, rules.digest(raw), 1, state.turn, rules.identity, raw, trails.encode(trail), "", 0
    )
    ended = end_of(row, trail, rules, state, run_result(state)) if state.over else None
    return Write(row, 0, b"", ended=ended, base=raw)


def imported_hash(row: Row) -> str:
    """Return the hash of the file that the present run of a bot was imported from; empty if it was not."""
    trail = trails.readable(row.trail)
    if trail.origin != trails.ORIGIN_IMPORT or not trail.options.startswith(_OPTIONS):
        return ""
    return trail.options.removeprefix(_OPTIONS)
